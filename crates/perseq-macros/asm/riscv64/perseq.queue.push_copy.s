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
.if {c1} < 2048
ld {v1}, {c1}({slot})
.else
li {v2}, {c1}
add {v2}, {v2}, {slot}
ld {v1}, 0({v2})
.endif
sub {v2}, {v0}, {v1}
li {status}, 1
li {v1}, {c2}
bgeu {v2}, {v1}, 6f
li {v2}, {c3}
and {v1}, {v0}, {v2}
li {status}, 2
li {v2}, {c4}
bgeu {v1}, {v2}, 6f
li {v3}, {c5}
mul {v2}, {v1}, {v3}
add {v2}, {v2}, {slot}
li {v3}, {c6}
add {v2}, {v2}, {v3}
li {scratch0}, {c7}
add {v3}, {v2}, {scratch0}
li {v2}, 0
22:
addi {scratch0}, {v2}, 8
bltu {p_bytes}, {scratch0}, 23f
add {scratch1}, {p_from}, {v2}
ld {scratch0}, 0({scratch1})
add {scratch1}, {v3}, {v2}
sd {scratch0}, 0({scratch1})
addi {v2}, {v2}, 8
j 22b
23:
bgeu {v2}, {p_bytes}, 24f
add {scratch1}, {p_from}, {v2}
lbu {scratch0}, 0({scratch1})
add {scratch1}, {v3}, {v2}
sb {scratch0}, 0({scratch1})
addi {v2}, {v2}, 1
j 23b
24:
addi {v0}, {v0}, 1
.if {c8} < 2048
sd {v0}, {c8}({slot})
.else
li {v2}, {c8}
add {v2}, {v2}, {slot}
sd {v0}, 0({v2})
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
# c0 = const: offset of queue.tail
# c1 = const: offset of queue.head
# c2 = const: N
# c3 = const: Items :: < MaybeUninit < T > , N > :: MASK
# c4 = const: length of the array in queue.items [at]
# c5 = const: size of an element in queue.items [at]
# c6 = const: offset of queue.items [at]
# c7 = const: 0
# c8 = const: offset of queue.tail
# gated = const: 1 if slots have gates
# p_bytes = in: bytes: usize
# p_from = in: from: * const T
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, tail, _
# v1 = out: _, at
# v2 = len, _
# v3 = _
