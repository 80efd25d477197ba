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
lgr {v0}, {slot}
sgr {v0}, {base}
srlg {v0}, {v0}, {shift}
.if {c0} < 524288
llgf {v1}, {c0}({p_call})
.else
lgfi {v2}, {c0}
llgf {v1}, 0({v2},{p_call})
.endif
clgr {v0}, {v1}
jgne 301f
.if {c1} < 524288
lg {v0}, {c1}({p_call})
.else
lgfi {v1}, {c1}
lg {v0}, 0({v1},{p_call})
.endif
.if {c2} < 524288
lg {v1}, {c2}({p_call})
.else
lgfi {v2}, {c2}
lg {v1}, 0({v2},{p_call})
.endif
.if {c3} < 524288
lg {v2}, {c3}({v0})
.else
lgfi {v3}, {c3}
lg {v2}, 0({v3},{v0})
.endif
cgr {v2}, {v1}
jgne 302f
.if {c4} < 524288
lg {v1}, {c4}({p_call})
.else
lgfi {v2}, {c4}
lg {v1}, 0({v2},{p_call})
.endif
.if {c5} < 524288
lg {v2}, {c5}({p_call})
.else
lgfi {v3}, {c5}
lg {v2}, 0({v3},{p_call})
.endif
.if {c6} < 524288
lg {v3}, {c6}({p_call})
.else
lgfi {scratch0}, {c6}
lg {v3}, 0({scratch0},{p_call})
.endif
lgfi {scratch0}, 0
22:
lay {scratch1}, 8({scratch0})
clgr {scratch1}, {v3}
jgh 23f
lg {scratch1}, 0({scratch0},{v2})
stg {scratch1}, 0({scratch0},{v1})
agfi {scratch0}, 8
jg 22b
23:
clgr {scratch0}, {v3}
jgnl 24f
llgc {scratch1}, 0({scratch0},{v2})
stcy {scratch1}, 0({scratch0},{v1})
agfi {scratch0}, 1
jg 23b
24:
.if {c7} < 524288
lg {v1}, {c7}({p_call})
.else
lgfi {v2}, {c7}
lg {v1}, 0({v2},{p_call})
.endif
.if {c9}
.if {c8} < 524288
stg {v1}, {c8}({v0})
.else
lgfi {v2}, {c8}
stg {v1}, 0({v2},{v0})
.endif
.else
.if {c8} < 524288
stg {v1}, {c8}({v0})
.else
lgfi {v2}, {c8}
stg {v1}, 0({v2},{v0})
.endif
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
# c0 = const: offset of (*call).cpu
# c1 = const: offset of (*call).v
# c2 = const: offset of (*call).expect
# c3 = const: offset of *v
# c4 = const: offset of (*call).dst
# c5 = const: offset of (*call).src
# c6 = const: offset of (*call).len
# c7 = const: offset of (*call).newv
# c8 = const: offset of *v
# c9 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_call = in: call: * mut Memcpy
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, v
# v1 = cpu, expect, dst, newv
# v2 = found, src
# v3 = len
