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
lgr {v1}, {p_len}
lgr {v2}, {v0}
agr {v2}, {v1}
agfi {v2}, 8
.if {c1} < 524288
lg {v1}, {c1}({slot})
.else
lgfi {scratch0}, {c1}
lg {v1}, 0({scratch0},{slot})
.endif
clgr {v2}, {v1}
jgh 301f
.if {c2} < 524288
lg {v1}, {c2}({slot})
.else
lgfi {v2}, {c2}
lg {v1}, 0({v2},{slot})
.endif
clgr {p_now}, {v1}
jgl 302f
lgr {v1}, {slot}
agfi {v1}, {c3}
.if {c4} < 524288
lg {v2}, {c4}({slot})
.else
lgfi {scratch0}, {c4}
lg {v2}, 0({scratch0},{slot})
.endif
ngr {v0}, {v2}
agr {v1}, {v0}
.if {c5} < 524288
stg {p_now}, {c5}({v1})
.else
lgfi {v0}, {c5}
stg {p_now}, 0({v0},{v1})
.endif
lgr {v0}, {v1}
agfi {v0}, {c6}
lgfi {v1}, 0
22:
lay {v2}, 8({v1})
clgr {v2}, {p_len}
jgh 23f
lg {v2}, 0({v1},{p_rest})
stg {v2}, 0({v1},{v0})
agfi {v1}, 8
jg 22b
23:
clgr {v1}, {p_len}
jgnl 24f
llgc {v2}, 0({v1},{p_rest})
stcy {v2}, 0({v1},{v0})
agfi {v1}, 1
jg 23b
24:
.if {c7} < 524288
stg {p_now}, {c7}({slot})
.else
lgfi {v0}, {c7}
stg {p_now}, 0({v0},{slot})
.endif
.if {c8} < 524288
lg {v0}, {c8}({slot})
.else
lgfi {v1}, {c8}
lg {v0}, 0({v1},{slot})
.endif
lgr {v1}, {p_len}
agr {v0}, {v1}
agfi {v0}, 8
.if {c9} < 524288
stg {v0}, {c9}({slot})
.else
lgfi {v1}, {c9}
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
# c2 = const: offset of rings.last
# c3 = const: offset of rings.data.0 [0]
# c4 = const: offset of rings.mask
# c5 = const: offset of (*event).time
# c6 = const: offset of (*event).rest
# c7 = const: offset of rings.last
# c8 = const: offset of rings.head
# c9 = const: offset of rings.head
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_now = in: now: u64
# p_rest = in: rest: * const u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, _, to, _, _, end
# v1 = _, _, _, data, _, _, event, _
# v2 = _, _, _
