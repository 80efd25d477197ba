add {scratch0}, tp, {thread}
ld {v0}, 0({scratch0})
lla {slot}, 3f
sd {slot}, 8({v0})
4:
.if {per_cpu}
.if {by_cid}
ld {scratch0}, 8({scratch0})
add {scratch0}, {scratch0}, {v0}
lw {slot}, 0({scratch0})
.elseif {gated}
lw {slot}, 4({v0})
.else
lw {slot}, 0({v0})
or {scratch0}, {slot}, {base}
bltz {scratch0}, 7f
.endif
slli {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lw {scratch0}, 0({slot})
addi {scratch0}, {scratch0}, -1
bnez {scratch0}, 7f
fence r, rw
.endif
.else
lw {scratch0}, 4({v0})
bltz {scratch0}, 7f
mv {slot}, {base}
.endif
sub {v0}, {slot}, {base}
srli {v0}, {v0}, {shift}
bne {v0}, {p_cpu}, 301f
.if {c0} < 2048
ld {v0}, {c0}({p_v})
.else
li {scratch0}, {c0}
add {scratch0}, {scratch0}, {p_v}
ld {v0}, 0({scratch0})
.endif
bne {v0}, {p_expect}, 302f
.if {c1} < 2048
ld {v0}, {c1}({p_v2})
.else
li {scratch0}, {c1}
add {scratch0}, {scratch0}, {p_v2}
ld {v0}, 0({scratch0})
.endif
bne {v0}, {p_expect2}, 303f
.if {c3}
fence rw, w
.if {c2} < 2048
sd {p_newv}, {c2}({p_v})
.else
li {v0}, {c2}
add {v0}, {v0}, {p_v}
sd {p_newv}, 0({v0})
.endif
.else
.if {c2} < 2048
sd {p_newv}, {c2}({p_v})
.else
li {v0}, {c2}
add {v0}, {v0}, {p_v}
sd {p_newv}, 0({v0})
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
302:
j {exit2}
303:
j {exit3}
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
.8byte 4b, 303b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of *v
# c1 = const: offset of *v2
# c2 = const: offset of *v
# c3 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# exit2 = label: exit 2
# exit3 = label: exit 3
# gated = const: 1 if slots have gates
# p_cpu = in: cpu: u32
# p_expect = in: expect: isize
# p_expect2 = in: expect2: isize
# p_newv = in: newv: isize
# p_v = in: v: * mut isize
# p_v2 = in: v2: * mut isize
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, found, found2
