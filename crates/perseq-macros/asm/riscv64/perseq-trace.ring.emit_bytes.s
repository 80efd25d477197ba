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
mv {v1}, {p_len}
add {v2}, {v0}, {v1}
addi {v2}, {v2}, 8
.if {c1} < 2048
ld {v1}, {c1}({slot})
.else
li {scratch0}, {c1}
add {scratch0}, {scratch0}, {slot}
ld {v1}, 0({scratch0})
.endif
bltu {v1}, {v2}, 301f
li {v2}, {c2}
add {v1}, {slot}, {v2}
.if {c3} < 2048
ld {v2}, {c3}({slot})
.else
li {scratch0}, {c3}
add {scratch0}, {scratch0}, {slot}
ld {v2}, 0({scratch0})
.endif
and {v0}, {v0}, {v2}
add {v1}, {v1}, {v0}
rdtime {v0}
.if {c4} < 2048
sd {v0}, {c4}({v1})
.else
li {v2}, {c4}
add {v2}, {v2}, {v1}
sd {v0}, 0({v2})
.endif
li {v2}, {c5}
add {v0}, {v1}, {v2}
li {v1}, 0
22:
addi {v2}, {v1}, 8
bltu {p_len}, {v2}, 23f
add {scratch0}, {p_rest}, {v1}
ld {v2}, 0({scratch0})
add {scratch0}, {v0}, {v1}
sd {v2}, 0({scratch0})
addi {v1}, {v1}, 8
j 22b
23:
bgeu {v1}, {p_len}, 24f
add {scratch0}, {p_rest}, {v1}
lbu {v2}, 0({scratch0})
add {scratch0}, {v0}, {v1}
sb {v2}, 0({scratch0})
addi {v1}, {v1}, 1
j 23b
24:
.if {c6} < 2048
ld {v0}, {c6}({slot})
.else
li {v1}, {c6}
add {v1}, {v1}, {slot}
ld {v0}, 0({v1})
.endif
mv {v1}, {p_len}
add {v0}, {v0}, {v1}
addi {v0}, {v0}, 8
fence rw, w
.if {c7} < 2048
sd {v0}, {c7}({slot})
.else
li {v1}, {c7}
add {v1}, {v1}, {slot}
sd {v0}, 0({v1})
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
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.data.0 [0]
# c3 = const: offset of rings.mask
# c4 = const: offset of (*event).time
# c5 = const: offset of (*event).rest
# c6 = const: offset of rings.head
# c7 = const: offset of rings.head
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_rest = in: rest: * const u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, _, now, to, _, _, end
# v1 = _, _, data, _, _, event, _
# v2 = _, _, _
