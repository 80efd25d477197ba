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
sub {v0}, {slot}, {base}
srli {v0}, {v0}, {shift}
bne {v0}, {p_cpu}, 301f
.if {c0} < 2048
ld {v0}, {c0}({p_ptr})
.else
li {far}, {c0}
add {far}, {far}, {p_ptr}
ld {v0}, 0({far})
.endif
add {v0}, {v0}, {p_off}
.if {c1} < 2048
ld {v1}, {c1}({v0})
.else
li {far}, {c1}
add {far}, {far}, {v0}
ld {v1}, 0({far})
.endif
.if {c2} < 2048
ld {v0}, {c2}({v1})
.else
li {far}, {c2}
add {far}, {far}, {v1}
ld {v0}, 0({far})
.endif
add {v0}, {v0}, {p_inc}
.if {c4}
fence rw, w
.if {c3} < 2048
sd {v0}, {c3}({v1})
.else
li {far}, {c3}
add {far}, {far}, {v1}
sd {v0}, 0({far})
.endif
.else
.if {c3} < 2048
sd {v0}, {c3}({v1})
.else
li {far}, {c3}
add {far}, {far}, {v1}
sd {v0}, 0({far})
.endif
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
# c0 = const: offset of *ptr
# c1 = const: offset of *pointer
# c2 = const: offset of *word
# c3 = const: offset of *word
# c4 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# far = scratch
# gated = const: 1 if slots have gates
# p_cpu = in: cpu: u32
# p_inc = in: inc: isize
# p_off = in: off: isize
# p_ptr = in: ptr: * mut isize
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# temp = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, start, _, pointer, found, _
# v1 = address, word
