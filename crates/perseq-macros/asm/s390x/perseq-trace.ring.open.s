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
.if {c2} < 524288
lg {v2}, {c2}({slot})
.else
lgfi {scratch0}, {c2}
lg {v2}, 0({scratch0},{slot})
.endif
clgr {v0}, {v1}
jgne 301f
clgfi {v2}, 0
jge 301f
agr {v1}, {v2}
.if {c3} < 524288
lg {v0}, {c3}({slot})
.else
lgfi {v2}, {c3}
lg {v0}, 0({v2},{slot})
.endif
lgr {v2}, {v1}
sgr {v2}, {v0}
clgr {v2}, {p_room}
jgh 302f
.if {c4} < 524288
stg {v1}, {c4}({slot})
.else
lgfi {v0}, {c4}
stg {v1}, 0({v0},{slot})
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
302:
jg {exit2}
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
.8byte 4b, 302b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.sub
# c3 = const: offset of rings.reader.tail
# c4 = const: offset of rings.limit
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_room = in: room: u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = limit, next
# v2 = sub, used
