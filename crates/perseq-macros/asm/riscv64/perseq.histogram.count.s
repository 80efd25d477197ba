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
li {constant}, {c0}
bgeu {p_which}, {constant}, 301f
li {far}, {c1}
mul {v0}, {p_which}, {far}
add {v0}, {v0}, {slot}
li {far}, {c2}
add {v0}, {v0}, {far}
.if {c3} < 2048
ld {v1}, {c3}({v0})
.else
li {far}, {c3}
add {far}, {far}, {v0}
ld {v1}, 0({far})
.endif
add {v1}, {v1}, {p_n}
.if {c4} < 2048
sd {v1}, {c4}({v0})
.else
li {far}, {c4}
add {far}, {far}, {v0}
sd {v1}, 0({far})
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
j 6f
.4byte 0xf1401073
7:
j {refused}
301:
j {exit1}
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
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: length of the array in slots.counts [which]
# c1 = const: size of an element in slots.counts [which]
# c2 = const: offset of slots.counts [which]
# c3 = const: 0
# c4 = const: 0
# constant = scratch
# exit1 = label: exit 1
# far = scratch
# gated = const: 1 if slots have gates
# p_n = in: n: u64
# p_which = in: which: usize
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# temp = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, _
# v1 = value, _
