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
sub {v0}, {slot}, {base}
srli {v0}, {v0}, {shift}
.if {c0} < 2048
lwu {v1}, {c0}({p_call})
.else
li {v2}, {c0}
add {v2}, {v2}, {p_call}
lwu {v1}, 0({v2})
.endif
bne {v0}, {v1}, 301f
.if {c1} < 2048
ld {v0}, {c1}({p_call})
.else
li {v1}, {c1}
add {v1}, {v1}, {p_call}
ld {v0}, 0({v1})
.endif
.if {c2} < 2048
ld {v1}, {c2}({p_call})
.else
li {v2}, {c2}
add {v2}, {v2}, {p_call}
ld {v1}, 0({v2})
.endif
.if {c3} < 2048
ld {v2}, {c3}({v0})
.else
li {v3}, {c3}
add {v3}, {v3}, {v0}
ld {v2}, 0({v3})
.endif
bne {v2}, {v1}, 302f
.if {c4} < 2048
ld {v1}, {c4}({p_call})
.else
li {v2}, {c4}
add {v2}, {v2}, {p_call}
ld {v1}, 0({v2})
.endif
.if {c5} < 2048
ld {v2}, {c5}({p_call})
.else
li {v3}, {c5}
add {v3}, {v3}, {p_call}
ld {v2}, 0({v3})
.endif
.if {c6} < 2048
ld {v3}, {c6}({p_call})
.else
li {scratch0}, {c6}
add {scratch0}, {scratch0}, {p_call}
ld {v3}, 0({scratch0})
.endif
li {scratch0}, 0
22:
addi {scratch1}, {scratch0}, 8
bltu {v3}, {scratch1}, 23f
add {scratch2}, {v2}, {scratch0}
ld {scratch1}, 0({scratch2})
add {scratch2}, {v1}, {scratch0}
sd {scratch1}, 0({scratch2})
addi {scratch0}, {scratch0}, 8
j 22b
23:
bgeu {scratch0}, {v3}, 24f
add {scratch2}, {v2}, {scratch0}
lbu {scratch1}, 0({scratch2})
add {scratch2}, {v1}, {scratch0}
sb {scratch1}, 0({scratch2})
addi {scratch0}, {scratch0}, 1
j 23b
24:
.if {c7} < 2048
ld {v1}, {c7}({p_call})
.else
li {v2}, {c7}
add {v2}, {v2}, {p_call}
ld {v1}, 0({v2})
.endif
.if {c9}
fence rw, w
.if {c8} < 2048
sd {v1}, {c8}({v0})
.else
li {v2}, {c8}
add {v2}, {v2}, {v0}
sd {v1}, 0({v2})
.endif
.else
.if {c8} < 2048
sd {v1}, {c8}({v0})
.else
li {v2}, {c8}
add {v2}, {v2}, {v0}
sd {v1}, 0({v2})
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
# c0 = const: offset of (*call).cpu
# c1 = const: offset of (*call).v
# c2 = const: offset of (*call).expect
# c3 = const: offset of *v
# c4 = const: offset of (*call).dst
# c5 = const: offset of (*call).src
# c6 = const: offset of (*call).len
# c7 = const: offset of (*call).newv
# c8 = const: offset of *v
# c9 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_call = in: call: * mut Memcpy
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# scratch2 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, v
# v1 = cpu, expect, dst, newv
# v2 = found, src
# v3 = len
