ldx {v0}, 13, {thread}
bcl 20, 31, 25f
25:
mflr {slot}
addis {slot}, {slot}, (3f - 25b)@ha
addi {slot}, {slot}, (3f - 25b)@l
std {slot}, 8({v0})
4:
.if {by_cid}
add {temp}, 13, {thread}
ld {temp}, 8({temp})
lwax {slot}, {v0}, {temp}
.elseif {gated}
lwa {slot}, 4({v0})
.else
lwa {slot}, 0({v0})
or {temp}, {slot}, {base}
cmpdi {temp}, 0
blt 7f
.endif
sldi {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lwz {temp}, 0({slot})
cmpwi {temp}, 1
bne 7f
isync
.endif
.if 4 < 32768
lwz {v1}, 4({v0})
.else
li {far}, 4
lwzx {v1}, {v0}, {far}
.endif
.if {c0} < 32768
lwz {v0}, {c0}({slot})
.else
li {far}, 0
oris {far}, {far}, (({c0} >> 16) & 0xffff)
ori {far}, {far}, ({c0} & 0xffff)
lwzx {v0}, {slot}, {far}
.endif
li {status}, 1
lis {constant}, (({c1} >> 48) & 0xffff)
ori {constant}, {constant}, (({c1} >> 32) & 0xffff)
sldi {constant}, {constant}, 32
oris {constant}, {constant}, (({c1} >> 16) & 0xffff)
ori {constant}, {constant}, ({c1} & 0xffff)
cmpld {v0}, {constant}
bne 6f
lis {stored}, (({c2} >> 48) & 0xffff)
ori {stored}, {stored}, (({c2} >> 32) & 0xffff)
sldi {stored}, {stored}, 32
oris {stored}, {stored}, (({c2} >> 16) & 0xffff)
ori {stored}, {stored}, ({c2} & 0xffff)
.if {c3} < 32768
stw {stored}, {c3}({slot})
.else
li {far}, 0
oris {far}, {far}, (({c3} >> 16) & 0xffff)
ori {far}, {far}, ({c3} & 0xffff)
stwx {stored}, {slot}, {far}
.endif
5:
li {status}, 0
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.4byte 0x0fe5000b
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
# clobbers cr0
# clobbers xer
# clobbers lr
