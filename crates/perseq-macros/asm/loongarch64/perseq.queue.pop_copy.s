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
.if {c1} < 2048
ld.d {v1}, {slot}, {c1}
.else
li.d {v2}, {c1}
add.d {v2}, {v2}, {slot}
ld.d {v1}, {v2}, 0
.endif
li.d {status}, 1
beq {v0}, {v1}, 6f
li.d {v2}, {c2}
and {v1}, {v0}, {v2}
li.d {status}, 2
li.d {v2}, {c3}
bgeu {v1}, {v2}, 6f
li.d {v3}, {c4}
mul.d {v2}, {v1}, {v3}
add.d {v2}, {v2}, {slot}
li.d {v3}, {c5}
add.d {v2}, {v2}, {v3}
li.d {scratch0}, {c6}
add.d {v3}, {v2}, {scratch0}
li.d {v2}, 0
22:
addi.d {scratch0}, {v2}, 8
bltu {p_bytes}, {scratch0}, 23f
ldx.d {scratch0}, {v3}, {v2}
stx.d {scratch0}, {p_to}, {v2}
addi.d {v2}, {v2}, 8
b 22b
23:
bgeu {v2}, {p_bytes}, 24f
ldx.bu {scratch0}, {v3}, {v2}
stx.b {scratch0}, {p_to}, {v2}
addi.d {v2}, {v2}, 1
b 23b
24:
addi.d {v0}, {v0}, 1
.if {c7} < 2048
st.d {v0}, {slot}, {c7}
.else
li.d {v2}, {c7}
add.d {v2}, {v2}, {slot}
st.d {v0}, {v2}, 0
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
# c0 = const: offset of queue.head
# c1 = const: offset of queue.tail
# c2 = const: Items :: < MaybeUninit < T > , N > :: MASK
# c3 = const: length of the array in queue.items [at]
# c4 = const: size of an element in queue.items [at]
# c5 = const: offset of queue.items [at]
# c6 = const: 0
# c7 = const: offset of queue.head
# gated = const: 1 if slots have gates
# p_bytes = in: bytes: usize
# p_to = in: to: * mut T
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = out: _, at
# v2 = _
# v3 = _
