add.d {v1}, $tp, {thread}
ld.d {v0}, {v1}, 0
la.pcrel {slot}, 3f
st.d {slot}, {v0}, 8
4:
.if {per_cpu}
.if {by_cid}
ld.d {v1}, {v1}, 8
add.d {v1}, {v1}, {v0}
ld.w {slot}, {v1}, 0
.elseif {gated}
ld.w {slot}, {v0}, 4
.else
ld.w {slot}, {v0}, 0
or {v1}, {slot}, {base}
bltz {v1}, 7f
.endif
slli.d {slot}, {slot}, {shift}
add.d {slot}, {slot}, {base}
.if {gated}
ld.w {v1}, {slot}, 0
addi.d {v1}, {v1}, -1
bnez {v1}, 7f
dbar 0x14
.endif
.else
ld.w {v1}, {v0}, 4
bltz {v1}, 7f
move {slot}, {base}
.endif
.if {c0} < 2048
ld.d {v0}, {slot}, {c0}
.else
li.d {v1}, {c0}
add.d {v1}, {v1}, {slot}
ld.d {v0}, {v1}, 0
.endif
addi.d {v1}, {v0}, 16
.if {c1} < 2048
ld.d {v2}, {slot}, {c1}
.else
li.d {v3}, {c1}
add.d {v3}, {v3}, {slot}
ld.d {v2}, {v3}, 0
.endif
bltu {v2}, {v1}, 301f
li.d {v2}, {c2}
add.d {v1}, {slot}, {v2}
.if {c3} < 2048
ld.d {v2}, {slot}, {c3}
.else
li.d {v3}, {c3}
add.d {v3}, {v3}, {slot}
ld.d {v2}, {v3}, 0
.endif
and {v3}, {v0}, {v2}
add.d {v1}, {v1}, {v3}
.if {c4} < 2048
st.d {p_rest}, {v1}, {c4}
.else
li.d {v2}, {c4}
add.d {v2}, {v2}, {v1}
st.d {p_rest}, {v2}, 0
.endif
rdtime.d {v2}, $zero
.if {c5} < 2048
st.d {v2}, {v1}, {c5}
.else
li.d {v3}, {c5}
add.d {v3}, {v3}, {v1}
st.d {v2}, {v3}, 0
.endif
addi.d {v0}, {v0}, 16
dbar 0x12
.if {c6} < 2048
st.d {v0}, {slot}, {c6}
.else
li.d {v1}, {c6}
add.d {v1}, {v1}, {slot}
st.d {v0}, {v1}, 0
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.4byte 0x002a0010
7:
b {refused}
301:
b {exit1}
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
