ear {v0}, %a0
sllg {v0}, {v0}, 32
ear {v0}, %a1
lg {v0}, 0({thread},{v0})
larl {slot}, 3f
stg {slot}, 8({v0})
4:
.if {per_cpu}
.if {by_cid}
ear {slot}, %a0
sllg {slot}, {slot}, 32
ear {slot}, %a1
lg {slot}, 8({thread},{slot})
lgf {slot}, 0({slot},{v0})
.elseif {gated}
lgf {slot}, 4({v0})
.else
lgf {slot}, 0({v0})
ltgr {slot}, {slot}
jgl 7f
ltgr {base}, {base}
jgl 7f
.endif
sllg {slot}, {slot}, {shift}
agr {slot}, {base}
.if {gated}
chsi 0({slot}), 1
jgne 7f
.endif
.else
chsi 4({v0}), 0
jgl 7f
lgr {slot}, {base}
.endif
.if {c0} < 524288
lg {v0}, {c0}({slot})
.else
lgfi {v1}, {c0}
lg {v0}, 0({v1},{slot})
.endif
llihf {v2}, (({c1} >> 32) & 0xffffffff)
oilf {v2}, ({c1} & 0xffffffff)
lgr {v1}, {v0}
ngr {v1}, {v2}
lgr {v2}, {v1}
agr {v2}, {p_size}
lgfi {status}, 1
llihf {v3}, (({c2} >> 32) & 0xffffffff)
oilf {v3}, ({c2} & 0xffffffff)
clgr {v2}, {v3}
jgnh 6f
sgr {v0}, {v1}
llihf {v2}, (({c3} >> 32) & 0xffffffff)
oilf {v2}, ({c3} & 0xffffffff)
agr {v0}, {v2}
lgr {v2}, {v0}
agr {v2}, {p_size}
.if {c4} < 524288
lg {v3}, {c4}({slot})
.else
lgfi {scratch0}, {c4}
lg {v3}, 0({scratch0},{slot})
.endif
sgr {v2}, {v3}
lgfi {status}, 2
llihf {v3}, (({c5} >> 32) & 0xffffffff)
oilf {v3}, ({c5} & 0xffffffff)
clgr {v2}, {v3}
jgh 6f
lgfi {status}, 3
clgfi {v1}, {c6}
jgnl 6f
lgfi {v2}, {c7}
msgr {v2}, {v1}
agr {v2}, {slot}
agfi {v2}, {c8}
lgr {v3}, {v2}
agfi {v3}, {c9}
llihf {v2}, (({c10} >> 32) & 0xffffffff)
oilf {v2}, ({c10} & 0xffffffff)
.if {c11} < 524288
stg {v2}, {c11}({v3})
.else
lgfi {scratch0}, {c11}
stg {v2}, 0({scratch0},{v3})
.endif
.if {c12} < 524288
stg {v0}, {c12}({slot})
.else
lgfi {v2}, {c12}
stg {v0}, 0({v2},{slot})
.endif
5:
lgfi {status}, 0
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
jg 6f
.4byte 0xb2ff0fff
7:
lgfi {status}, 255
6:
.pushsection __rseq_cs, "aw", %progbits, unique, .Lperseq_site
.balign 32
3:
.4byte 0, 0
.8byte 4b, (5b - 4b), 7b
.reloc 0, BFD_RELOC_NONE, 8f
.reloc 0, BFD_RELOC_NONE, 9f
.popsection
.pushsection __rseq_cs_ptr_array, "aw", %progbits, unique, .Lperseq_site
.balign 8
8:
.8byte 3b
.popsection
.pushsection __rseq_exit_point_array, "aw", %progbits, unique, .Lperseq_site
.balign 8
9:
.8byte 4b, 7b
.8byte 4b, 6b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of ring.head
# c1 = const: Buffer :: < N > :: MASK
# c10 = const: MARK as u64
# c11 = const: offset of (*header).len
# c12 = const: offset of ring.head
# c2 = const: N
# c3 = const: N
# c4 = const: offset of ring.reader.tail
# c5 = const: N
# c6 = const: length of the array in ring.bytes.0 [at]
# c7 = const: size of an element in ring.bytes.0 [at]
# c8 = const: offset of ring.bytes.0 [at]
# c9 = const: 0
# gated = const: 1 if slots have gates
# p_size = in: size: usize
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, next
# v1 = out: at
# v2 = _, _, used, _
# v3 = _, start, header
