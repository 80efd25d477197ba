ldx {v0}, 13, {thread}
bcl 20, 31, 25f
25:
mflr {slot}
addis {slot}, {slot}, (3f - 25b)@ha
addi {slot}, {slot}, (3f - 25b)@l
std {slot}, 8({v0})
4:
.if {per_cpu}
.if {by_cid}
add {scratch0}, 13, {thread}
ld {scratch0}, 8({scratch0})
lwax {slot}, {v0}, {scratch0}
.elseif {gated}
lwa {slot}, 4({v0})
.else
lwa {slot}, 0({v0})
or {scratch0}, {slot}, {base}
cmpdi {scratch0}, 0
blt 7f
.endif
sldi {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lwz {scratch0}, 0({slot})
cmpwi {scratch0}, 1
bne 7f
isync
.endif
.else
lwz {scratch0}, 4({v0})
cmpwi {scratch0}, 0
blt 7f
mr {slot}, {base}
.endif
.if {c0} < 32768
ld {v0}, {c0}({slot})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c0} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c0} & 0xffff)
ldx {v0}, {slot}, {scratch0}
.endif
addi {v0}, {v0}, 1
.if {c1} < 32768
std {v0}, {c1}({slot})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c1} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c1} & 0xffff)
stdx {v0}, {slot}, {scratch0}
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.4byte 0x0fe5000b
7:
b {refused}
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
# clobbers cr0
# clobbers xer
# clobbers lr
