ear {v0}, %a0
sllg {v0}, {v0}, 32
ear {v0}, %a1
lg {v0}, 0({thread},{v0})
larl {slot}, 3f
stg {slot}, 8({v0})
4:
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
.if {c0} < 524288
lg {v0}, {c0}({slot})
.else
lgfi {v1}, {c0}
lg {v0}, 0({v1},{slot})
.endif
.if {c1} < 524288
lg {v1}, {c1}({v0})
.else
lgfi {scratch0}, {c1}
lg {v1}, 0({scratch0},{v0})
.endif
agfi {v1}, 1
.if {c2} < 524288
stg {v1}, {c2}({p_callback})
.else
lgfi {scratch0}, {c2}
stg {v1}, 0({scratch0},{p_callback})
.endif
.if {c3} < 524288
stg {v0}, {c3}({p_callback})
.else
lgfi {scratch0}, {c3}
stg {v0}, 0({scratch0},{p_callback})
.endif
.if {c4} < 524288
stg {p_callback}, {c4}({slot})
.else
lgfi {v0}, {c4}
stg {p_callback}, 0({v0},{slot})
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
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of queues.top
# c1 = const: offset of (*top).number
# c2 = const: offset of (*callback).number
# c3 = const: offset of (*callback).next
# c4 = const: offset of queues.top
# gated = const: 1 if slots have gates
# p_callback = in: callback: * mut Head
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, top
# v1 = out: below, number
