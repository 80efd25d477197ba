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
.if {c2} < 2048
ld {v2}, {c2}({slot})
.else
li {scratch0}, {c2}
add {scratch0}, {scratch0}, {slot}
ld {v2}, 0({scratch0})
.endif
bne {v0}, {v1}, 301f
beq {v2}, zero, 301f
add {v1}, {v1}, {v2}
.if {c3} < 2048
ld {v0}, {c3}({slot})
.else
li {v2}, {c3}
add {v2}, {v2}, {slot}
ld {v0}, 0({v2})
.endif
sub {v2}, {v1}, {v0}
bltu {p_room}, {v2}, 302f
.if {c4} < 2048
sd {v1}, {c4}({slot})
.else
li {v0}, {c4}
add {v0}, {v0}, {slot}
sd {v1}, 0({v0})
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
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.sub
# c3 = const: offset of rings.reader.tail
# c4 = const: offset of rings.limit
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_room = in: room: u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = limit, next
# v2 = sub, used
