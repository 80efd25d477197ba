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
addi {v0}, {v0}, 1
.if {c1} < 2048
sd {v0}, {c1}({slot})
.else
li {scratch0}, {c1}
add {scratch0}, {scratch0}, {slot}
sd {v0}, 0({scratch0})
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
# c0 = const: offset of rings.lost
# c1 = const: offset of rings.lost
# gated = const: 1 if slots have gates
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, lost, _
