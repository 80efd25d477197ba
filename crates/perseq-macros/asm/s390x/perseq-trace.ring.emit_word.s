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
lgr {v1}, {v0}
agfi {v1}, 16
.if {c1} < 524288
lg {v2}, {c1}({slot})
.else
lgfi {v3}, {c1}
lg {v2}, 0({v3},{slot})
.endif
clgr {v1}, {v2}
jgh 301f
lgr {v1}, {slot}
agfi {v1}, {c2}
.if {c3} < 524288
lg {v2}, {c3}({slot})
.else
lgfi {v3}, {c3}
lg {v2}, 0({v3},{slot})
.endif
lgr {v3}, {v0}
ngr {v3}, {v2}
agr {v1}, {v3}
.if {c4} < 524288
stg {p_rest}, {c4}({v1})
.else
lgfi {v2}, {c4}
stg {p_rest}, 0({v2},{v1})
.endif
stckf 0({memory})
lg {v2}, 0({memory})
.if {c5} < 524288
stg {v2}, {c5}({v1})
.else
lgfi {v3}, {c5}
stg {v2}, 0({v3},{v1})
.endif
agfi {v0}, 16
.if {c6} < 524288
stg {v0}, {c6}({slot})
.else
lgfi {v1}, {c6}
stg {v0}, 0({v1},{slot})
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
jg 6f
.4byte 0xb2ff0fff
7:
jg {refused}
301:
jg {exit1}
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
.8byte 4b, 301b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.data.0 [0]
# c3 = const: offset of rings.mask
# c4 = const: offset of (*event).rest
# c5 = const: offset of (*event).time
# c6 = const: offset of rings.head
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# memory = in: address of eight bytes
# p_rest = in: rest: u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = _, data, _, _, event
# v2 = _, _, now
# v3 = _, _
