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
lgfi {scratch0}, {c0}
lg {v0}, 0({scratch0},{slot})
.endif
agfi {v0}, 1
.if {c1} < 524288
stg {v0}, {c1}({slot})
.else
lgfi {scratch0}, {c1}
stg {v0}, 0({scratch0},{slot})
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
# c0 = const: offset of rings.lost
# c1 = const: offset of rings.lost
# gated = const: 1 if slots have gates
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, lost, _
