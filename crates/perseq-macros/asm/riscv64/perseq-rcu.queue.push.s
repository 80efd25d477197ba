add {v1}, tp, {thread}
ld {v0}, 0({v1})
lla {slot}, 3f
sd {slot}, 8({v0})
4:
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
.if {c0} < 2048
ld {v0}, {c0}({slot})
.else
li {v1}, {c0}
add {v1}, {v1}, {slot}
ld {v0}, 0({v1})
.endif
.if {c1} < 2048
ld {v1}, {c1}({v0})
.else
li {scratch0}, {c1}
add {scratch0}, {scratch0}, {v0}
ld {v1}, 0({scratch0})
.endif
addi {v1}, {v1}, 1
.if {c2} < 2048
sd {v1}, {c2}({p_callback})
.else
li {scratch0}, {c2}
add {scratch0}, {scratch0}, {p_callback}
sd {v1}, 0({scratch0})
.endif
.if {c3} < 2048
sd {v0}, {c3}({p_callback})
.else
li {scratch0}, {c3}
add {scratch0}, {scratch0}, {p_callback}
sd {v0}, 0({scratch0})
.endif
.if {c4} < 2048
sd {p_callback}, {c4}({slot})
.else
li {v0}, {c4}
add {v0}, {v0}, {slot}
sd {p_callback}, 0({v0})
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
