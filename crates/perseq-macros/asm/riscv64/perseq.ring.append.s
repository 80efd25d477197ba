add {v1}, tp, {thread}
ld {v0}, 0({v1})
lla {slot}, 3f
sd {slot}, 8({v0})
4:
.if {per_cpu}
.if {by_cid}
ld {v1}, 8({v1})
add {v1}, {v1}, {v0}
lw {slot}, 0({v1})
.elseif {gated}
lw {slot}, 4({v0})
.else
lw {slot}, 0({v0})
or {v1}, {slot}, {base}
bltz {v1}, 7f
.endif
slli {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lw {v1}, 0({slot})
addi {v1}, {v1}, -1
bnez {v1}, 7f
fence r, rw
.endif
.else
lw {v1}, 4({v0})
bltz {v1}, 7f
mv {slot}, {base}
.endif
.if {c0} < 2048
ld {v0}, {c0}({slot})
.else
li {v1}, {c0}
add {v1}, {v1}, {slot}
ld {v0}, 0({v1})
.endif
addi {v1}, {p_len}, 15
li {v2}, {c1}
and {v1}, {v1}, {v2}
li {v3}, {c2}
and {v2}, {v0}, {v3}
add {v3}, {v2}, {v1}
li {status}, 1
li {scratch0}, {c3}
bltu {scratch0}, {v3}, 6f
add {v3}, {v0}, {v1}
.if {c4} < 2048
ld {v1}, {c4}({slot})
.else
li {scratch0}, {c4}
add {scratch0}, {scratch0}, {slot}
ld {v1}, 0({scratch0})
.endif
sub {v3}, {v3}, {v1}
li {status}, 2
li {v1}, {c5}
bltu {v1}, {v3}, 6f
li {status}, 3
li {v1}, {c6}
bgeu {v2}, {v1}, 6f
li {v3}, {c7}
mul {v1}, {v2}, {v3}
add {v1}, {v1}, {slot}
li {v3}, {c8}
add {v1}, {v1}, {v3}
li {scratch0}, {c9}
add {v3}, {v1}, {scratch0}
mv {v1}, {p_len}
.if {c10} < 2048
sd {v1}, {c10}({v3})
.else
li {scratch0}, {c10}
add {scratch0}, {scratch0}, {v3}
sd {v1}, 0({scratch0})
.endif
li {scratch0}, {c11}
add {v1}, {v3}, {scratch0}
li {v3}, 0
22:
addi {scratch0}, {v3}, 8
bltu {p_len}, {scratch0}, 23f
add {scratch1}, {p_record}, {v3}
ld {scratch0}, 0({scratch1})
add {scratch1}, {v1}, {v3}
sd {scratch0}, 0({scratch1})
addi {v3}, {v3}, 8
j 22b
23:
bgeu {v3}, {p_len}, 24f
add {scratch1}, {p_record}, {v3}
lbu {scratch0}, 0({scratch1})
add {scratch1}, {v1}, {v3}
sb {scratch0}, 0({scratch1})
addi {v3}, {v3}, 1
j 23b
24:
addi {v1}, {p_len}, 15
li {v3}, {c12}
and {v1}, {v1}, {v3}
add {v0}, {v0}, {v1}
fence rw, w
.if {c13} < 2048
sd {v0}, {c13}({slot})
.else
li {v1}, {c13}
add {v1}, {v1}, {slot}
sd {v0}, 0({v1})
.endif
5:
li {status}, 0
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
j 6f
.4byte 0xf1401073
7:
li {status}, 255
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
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = _, size, _, _, _, _, _, _
# v2 = out: at
# v3 = _, _, used, start, header
