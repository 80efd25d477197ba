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
addi.d {v1}, {p_len}, 15
li.d {v2}, {c1}
and {v1}, {v1}, {v2}
li.d {v3}, {c2}
and {v2}, {v0}, {v3}
add.d {v3}, {v2}, {v1}
li.d {status}, 1
li.d {scratch0}, {c3}
bltu {scratch0}, {v3}, 6f
add.d {v3}, {v0}, {v1}
.if {c4} < 2048
ld.d {v1}, {slot}, {c4}
.else
li.d {scratch0}, {c4}
add.d {scratch0}, {scratch0}, {slot}
ld.d {v1}, {scratch0}, 0
.endif
sub.d {v3}, {v3}, {v1}
li.d {status}, 2
li.d {v1}, {c5}
bltu {v1}, {v3}, 6f
li.d {status}, 3
li.d {v1}, {c6}
bgeu {v2}, {v1}, 6f
li.d {v3}, {c7}
mul.d {v1}, {v2}, {v3}
add.d {v1}, {v1}, {slot}
li.d {v3}, {c8}
add.d {v1}, {v1}, {v3}
li.d {scratch0}, {c9}
add.d {v3}, {v1}, {scratch0}
move {v1}, {p_len}
.if {c10} < 2048
st.d {v1}, {v3}, {c10}
.else
li.d {scratch0}, {c10}
add.d {scratch0}, {scratch0}, {v3}
st.d {v1}, {scratch0}, 0
.endif
li.d {scratch0}, {c11}
add.d {v1}, {v3}, {scratch0}
li.d {v3}, 0
22:
addi.d {scratch0}, {v3}, 8
bltu {p_len}, {scratch0}, 23f
ldx.d {scratch0}, {p_record}, {v3}
stx.d {scratch0}, {v1}, {v3}
addi.d {v3}, {v3}, 8
b 22b
23:
bgeu {v3}, {p_len}, 24f
ldx.bu {scratch0}, {p_record}, {v3}
stx.b {scratch0}, {v1}, {v3}
addi.d {v3}, {v3}, 1
b 23b
24:
addi.d {v1}, {p_len}, 15
li.d {v3}, {c12}
and {v1}, {v1}, {v3}
add.d {v0}, {v0}, {v1}
dbar 0x12
.if {c13} < 2048
st.d {v0}, {slot}, {c13}
.else
li.d {v1}, {c13}
add.d {v1}, {v1}, {slot}
st.d {v0}, {v1}, 0
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
.8byte 4b, 6b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of ring.head
# c1 = const: const { ! 7_usize }
# c10 = const: offset of (*header).len
# c11 = const: offset of (*header).bytes
# c12 = const: const { ! 7_usize }
# c13 = const: offset of ring.head
# c2 = const: Buffer :: < N > :: MASK
# c3 = const: N
# c4 = const: offset of ring.reader.tail
# c5 = const: N
# c6 = const: length of the array in ring.bytes.0 [at]
# c7 = const: size of an element in ring.bytes.0 [at]
# c8 = const: offset of ring.bytes.0 [at]
# c9 = const: 0
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_record = in: record: * const u8
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = _, size, _, _, _, _, _, _
# v2 = out: at
# v3 = _, _, used, start, header
