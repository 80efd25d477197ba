add.d {v1}, $tp, {thread}
ld.d {v0}, {v1}, 0
la.pcrel {slot}, 3f
st.d {slot}, {v0}, 8
4:
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
.if {c0} < 2048
ld.d {v0}, {slot}, {c0}
.else
li.d {v1}, {c0}
add.d {v1}, {v1}, {slot}
ld.d {v0}, {v1}, 0
.endif
.if {c1} < 2048
ld.d {v1}, {v0}, {c1}
.else
li.d {scratch0}, {c1}
add.d {scratch0}, {scratch0}, {v0}
ld.d {v1}, {scratch0}, 0
.endif
addi.d {v1}, {v1}, 1
.if {c2} < 2048
st.d {v1}, {p_callback}, {c2}
.else
li.d {scratch0}, {c2}
add.d {scratch0}, {scratch0}, {p_callback}
st.d {v1}, {scratch0}, 0
.endif
.if {c3} < 2048
st.d {v0}, {p_callback}, {c3}
.else
li.d {scratch0}, {c3}
add.d {scratch0}, {scratch0}, {p_callback}
st.d {v0}, {scratch0}, 0
.endif
.if {c4} < 2048
st.d {p_callback}, {slot}, {c4}
.else
li.d {v0}, {c4}
add.d {v0}, {v0}, {slot}
st.d {p_callback}, {v0}, 0
.endif
5:
li.d {status}, 0
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.4byte 0x002a0010
7:
li.d {status}, 255
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
