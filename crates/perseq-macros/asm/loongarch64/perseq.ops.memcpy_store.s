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
sub.d {v0}, {slot}, {base}
srli.d {v0}, {v0}, {shift}
.if {c0} < 2048
ld.wu {v1}, {p_call}, {c0}
.else
li.d {v2}, {c0}
add.d {v2}, {v2}, {p_call}
ld.wu {v1}, {v2}, 0
.endif
bne {v0}, {v1}, 301f
.if {c1} < 2048
ld.d {v0}, {p_call}, {c1}
.else
li.d {v1}, {c1}
add.d {v1}, {v1}, {p_call}
ld.d {v0}, {v1}, 0
.endif
.if {c2} < 2048
ld.d {v1}, {p_call}, {c2}
.else
li.d {v2}, {c2}
add.d {v2}, {v2}, {p_call}
ld.d {v1}, {v2}, 0
.endif
.if {c3} < 2048
ld.d {v2}, {v0}, {c3}
.else
li.d {v3}, {c3}
add.d {v3}, {v3}, {v0}
ld.d {v2}, {v3}, 0
.endif
bne {v2}, {v1}, 302f
.if {c4} < 2048
ld.d {v1}, {p_call}, {c4}
.else
li.d {v2}, {c4}
add.d {v2}, {v2}, {p_call}
ld.d {v1}, {v2}, 0
.endif
.if {c5} < 2048
ld.d {v2}, {p_call}, {c5}
.else
li.d {v3}, {c5}
add.d {v3}, {v3}, {p_call}
ld.d {v2}, {v3}, 0
.endif
.if {c6} < 2048
ld.d {v3}, {p_call}, {c6}
.else
li.d {scratch0}, {c6}
add.d {scratch0}, {scratch0}, {p_call}
ld.d {v3}, {scratch0}, 0
.endif
li.d {scratch0}, 0
22:
addi.d {scratch1}, {scratch0}, 8
bltu {v3}, {scratch1}, 23f
ldx.d {scratch1}, {v2}, {scratch0}
stx.d {scratch1}, {v1}, {scratch0}
addi.d {scratch0}, {scratch0}, 8
b 22b
23:
bgeu {scratch0}, {v3}, 24f
ldx.bu {scratch1}, {v2}, {scratch0}
stx.b {scratch1}, {v1}, {scratch0}
addi.d {scratch0}, {scratch0}, 1
b 23b
24:
.if {c7} < 2048
ld.d {v1}, {p_call}, {c7}
.else
li.d {v2}, {c7}
add.d {v2}, {v2}, {p_call}
ld.d {v1}, {v2}, 0
.endif
.if {c9}
dbar 0x12
.if {c8} < 2048
st.d {v1}, {v0}, {c8}
.else
li.d {v2}, {c8}
add.d {v2}, {v2}, {v0}
st.d {v1}, {v2}, 0
.endif
.else
.if {c8} < 2048
st.d {v1}, {v0}, {c8}
.else
li.d {v2}, {c8}
add.d {v2}, {v2}, {v0}
st.d {v1}, {v2}, 0
.endif
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
302:
b {exit2}
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
