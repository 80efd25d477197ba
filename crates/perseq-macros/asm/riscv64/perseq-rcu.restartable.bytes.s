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
.if {c0} < 2048
ld {v0}, {c0}({slot})
.else
li {scratch0}, {c0}
add {scratch0}, {scratch0}, {slot}
ld {v0}, 0({scratch0})
.endif
li {scratch0}, 0
22:
addi {scratch1}, {scratch0}, 8
bltu {p_len}, {scratch1}, 23f
add {scratch2}, {v0}, {scratch0}
ld {scratch1}, 0({scratch2})
add {scratch2}, {p_to}, {scratch0}
sd {scratch1}, 0({scratch2})
addi {scratch0}, {scratch0}, 8
j 22b
23:
bgeu {scratch0}, {p_len}, 24f
add {scratch2}, {v0}, {scratch0}
lbu {scratch1}, 0({scratch2})
add {scratch2}, {p_to}, {scratch0}
sb {scratch1}, 0({scratch2})
addi {scratch0}, {scratch0}, 1
j 23b
24:
.if {c1} < 2048
sd {p_len}, {c1}({p_whole})
.else
li {v0}, {c1}
add {v0}, {v0}, {p_whole}
sd {p_len}, 0({v0})
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
# c0 = const: offset of cell.pointer
# c1 = const: offset of (*whole).word
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_to = in: to: * mut T
# p_whole = in: whole: * mut Word < usize >
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# scratch2 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, value
