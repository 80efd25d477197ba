add {temp}, tp, {thread}
ld {v0}, 0({temp})
lla {slot}, 3f
sd {slot}, 8({v0})
4:
.if {by_cid}
ld {temp}, 8({temp})
add {temp}, {temp}, {v0}
lw {slot}, 0({temp})
.elseif {gated}
lw {slot}, 4({v0})
.else
lw {slot}, 0({v0})
or {temp}, {slot}, {base}
bltz {temp}, 7f
.endif
slli {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lw {temp}, 0({slot})
addi {temp}, {temp}, -1
bnez {temp}, 7f
fence r, rw
.endif
.if 4 < 2048
lwu {v1}, 4({v0})
.else
li {far}, 4
add {far}, {far}, {v0}
lwu {v1}, 0({far})
.endif
.if {c0} < 2048
lwu {v0}, {c0}({slot})
.else
li {far}, {c0}
add {far}, {far}, {slot}
lwu {v0}, 0({far})
.endif
li {status}, 1
li {constant}, {c1}
bne {v0}, {constant}, 6f
li {stored}, {c2}
.if {c3} < 2048
sw {stored}, {c3}({slot})
.else
li {far}, {c3}
add {far}, {far}, {slot}
sw {stored}, 0({far})
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
# c0 = const: offset of slots.word
# c1 = const: FREE
# c2 = const: HELD as u32
# c3 = const: offset of slots.word
# constant = scratch
# far = scratch
# gated = const: 1 if slots have gates
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# stored = scratch
# temp = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, word
# v1 = out: cpu
