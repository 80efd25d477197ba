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
move {v1}, {p_len}
add.d {v2}, {v0}, {v1}
addi.d {v2}, {v2}, 8
.if {c1} < 2048
ld.d {v1}, {slot}, {c1}
.else
li.d {scratch0}, {c1}
add.d {scratch0}, {scratch0}, {slot}
ld.d {v1}, {scratch0}, 0
.endif
bltu {v1}, {v2}, 301f
.if {c2} < 2048
ld.d {v1}, {slot}, {c2}
.else
li.d {v2}, {c2}
add.d {v2}, {v2}, {slot}
ld.d {v1}, {v2}, 0
.endif
bltu {p_now}, {v1}, 302f
li.d {v2}, {c3}
add.d {v1}, {slot}, {v2}
.if {c4} < 2048
ld.d {v2}, {slot}, {c4}
.else
li.d {scratch0}, {c4}
add.d {scratch0}, {scratch0}, {slot}
ld.d {v2}, {scratch0}, 0
.endif
and {v0}, {v0}, {v2}
add.d {v1}, {v1}, {v0}
.if {c5} < 2048
st.d {p_now}, {v1}, {c5}
.else
li.d {v0}, {c5}
add.d {v0}, {v0}, {v1}
st.d {p_now}, {v0}, 0
.endif
li.d {v2}, {c6}
add.d {v0}, {v1}, {v2}
li.d {v1}, 0
22:
addi.d {v2}, {v1}, 8
bltu {p_len}, {v2}, 23f
ldx.d {v2}, {p_rest}, {v1}
stx.d {v2}, {v0}, {v1}
addi.d {v1}, {v1}, 8
b 22b
23:
bgeu {v1}, {p_len}, 24f
ldx.bu {v2}, {p_rest}, {v1}
stx.b {v2}, {v0}, {v1}
addi.d {v1}, {v1}, 1
b 23b
24:
.if {c7} < 2048
st.d {p_now}, {slot}, {c7}
.else
li.d {v0}, {c7}
add.d {v0}, {v0}, {slot}
st.d {p_now}, {v0}, 0
.endif
.if {c8} < 2048
ld.d {v0}, {slot}, {c8}
.else
li.d {v1}, {c8}
add.d {v1}, {v1}, {slot}
ld.d {v0}, {v1}, 0
.endif
move {v1}, {p_len}
add.d {v0}, {v0}, {v1}
addi.d {v0}, {v0}, 8
dbar 0x12
.if {c9} < 2048
st.d {v0}, {slot}, {c9}
.else
li.d {v1}, {c9}
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
