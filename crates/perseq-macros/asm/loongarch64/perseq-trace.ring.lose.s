add.d {scratch0}, $tp, {thread}
ld.d {v0}, {scratch0}, 0
la.pcrel {slot}, 3f
st.d {slot}, {v0}, 8
4:
.if {per_cpu}
.if {by_cid}
ld.d {scratch0}, {scratch0}, 8
add.d {scratch0}, {scratch0}, {v0}
ld.w {slot}, {scratch0}, 0
.elseif {gated}
ld.w {slot}, {v0}, 4
.else
ld.w {slot}, {v0}, 0
or {scratch0}, {slot}, {base}
bltz {scratch0}, 7f
.endif
slli.d {slot}, {slot}, {shift}
add.d {slot}, {slot}, {base}
.if {gated}
ld.w {scratch0}, {slot}, 0
addi.d {scratch0}, {scratch0}, -1
bnez {scratch0}, 7f
dbar 0x14
.endif
.else
ld.w {scratch0}, {v0}, 4
bltz {scratch0}, 7f
move {slot}, {base}
.endif
.if {c0} < 2048
ld.d {v0}, {slot}, {c0}
.else
li.d {scratch0}, {c0}
add.d {scratch0}, {scratch0}, {slot}
ld.d {v0}, {scratch0}, 0
.endif
addi.d {v0}, {v0}, 1
.if {c1} < 2048
st.d {v0}, {slot}, {c1}
.else
li.d {scratch0}, {c1}
add.d {scratch0}, {scratch0}, {slot}
st.d {v0}, {scratch0}, 0
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
