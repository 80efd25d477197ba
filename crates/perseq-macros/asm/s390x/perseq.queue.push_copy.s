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
.if {c1} < 524288
lg {v1}, {c1}({slot})
.else
lgfi {v2}, {c1}
lg {v1}, 0({v2},{slot})
.endif
lgr {v2}, {v0}
sgr {v2}, {v1}
lgfi {status}, 1
llihf {v1}, (({c2} >> 32) & 0xffffffff)
oilf {v1}, ({c2} & 0xffffffff)
clgr {v2}, {v1}
jgnl 6f
llihf {v2}, (({c3} >> 32) & 0xffffffff)
oilf {v2}, ({c3} & 0xffffffff)
lgr {v1}, {v0}
ngr {v1}, {v2}
lgfi {status}, 2
clgfi {v1}, {c4}
jgnl 6f
lgfi {v2}, {c5}
msgr {v2}, {v1}
agr {v2}, {slot}
agfi {v2}, {c6}
lgr {v3}, {v2}
agfi {v3}, {c7}
lgfi {v2}, 0
22:
lay {scratch0}, 8({v2})
clgr {scratch0}, {p_bytes}
jgh 23f
lg {scratch0}, 0({v2},{p_from})
stg {scratch0}, 0({v2},{v3})
agfi {v2}, 8
jg 22b
23:
clgr {v2}, {p_bytes}
jgnl 24f
llgc {scratch0}, 0({v2},{p_from})
stcy {scratch0}, 0({v2},{v3})
agfi {v2}, 1
jg 23b
24:
agfi {v0}, 1
.if {c8} < 524288
stg {v0}, {c8}({slot})
.else
lgfi {v2}, {c8}
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
# c0 = const: offset of queue.tail
# c1 = const: offset of queue.head
# c2 = const: N
# c3 = const: Items :: < MaybeUninit < T > , N > :: MASK
# c4 = const: length of the array in queue.items [at]
# c5 = const: size of an element in queue.items [at]
# c6 = const: offset of queue.items [at]
# c7 = const: 0
# c8 = const: offset of queue.tail
# gated = const: 1 if slots have gates
# p_bytes = in: bytes: usize
# p_from = in: from: * const T
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, tail, _
# v1 = out: _, at
# v2 = len, _
# v3 = _
