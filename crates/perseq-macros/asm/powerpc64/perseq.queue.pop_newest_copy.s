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
add {v1}, 13, {thread}
ld {v1}, 8({v1})
lwax {slot}, {v0}, {v1}
.elseif {gated}
lwa {slot}, 4({v0})
.else
lwa {slot}, 0({v0})
or {v1}, {slot}, {base}
cmpdi {v1}, 0
blt 7f
.endif
sldi {slot}, {slot}, {shift}
add {slot}, {slot}, {base}
.if {gated}
lwz {v1}, 0({slot})
cmpwi {v1}, 1
bne 7f
isync
.endif
.else
lwz {v1}, 4({v0})
cmpwi {v1}, 0
blt 7f
mr {slot}, {base}
.endif
.if {c0} < 32768
ld {v0}, {c0}({slot})
.else
li {v1}, 0
oris {v1}, {v1}, (({c0} >> 16) & 0xffff)
ori {v1}, {v1}, ({c0} & 0xffff)
ldx {v0}, {slot}, {v1}
.endif
.if {c1} < 32768
ld {v1}, {c1}({slot})
.else
li {v2}, 0
oris {v2}, {v2}, (({c1} >> 16) & 0xffff)
ori {v2}, {v2}, ({c1} & 0xffff)
ldx {v1}, {slot}, {v2}
.endif
li {status}, 1
cmpld {v0}, {v1}
beq 6f
subi {v1}, {v0}, 1
lis {v2}, (({c2} >> 48) & 0xffff)
ori {v2}, {v2}, (({c2} >> 32) & 0xffff)
sldi {v2}, {v2}, 32
oris {v2}, {v2}, (({c2} >> 16) & 0xffff)
ori {v2}, {v2}, ({c2} & 0xffff)
and {v1}, {v1}, {v2}
li {status}, 2
li {v2}, 0
oris {v2}, {v2}, (({c3} >> 16) & 0xffff)
ori {v2}, {v2}, ({c3} & 0xffff)
cmpld {v1}, {v2}
bge 6f
li {v3}, 0
oris {v3}, {v3}, (({c4} >> 16) & 0xffff)
ori {v3}, {v3}, ({c4} & 0xffff)
mulld {v2}, {v1}, {v3}
add {v2}, {v2}, {slot}
li {v3}, 0
oris {v3}, {v3}, (({c5} >> 16) & 0xffff)
ori {v3}, {v3}, ({c5} & 0xffff)
add {v2}, {v2}, {v3}
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c6} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c6} & 0xffff)
add {v3}, {v2}, {scratch0}
li {v2}, 0
22:
addi {scratch0}, {v2}, 8
cmpld {scratch0}, {p_bytes}
bgt 23f
ldx {scratch0}, {v3}, {v2}
stdx {scratch0}, {p_to}, {v2}
addi {v2}, {v2}, 8
b 22b
23:
cmpld {v2}, {p_bytes}
bge 24f
lbzx {scratch0}, {v3}, {v2}
stbx {scratch0}, {p_to}, {v2}
addi {v2}, {v2}, 1
b 23b
24:
subi {v0}, {v0}, 1
.if {c7} < 32768
std {v0}, {c7}({slot})
.else
li {v2}, 0
oris {v2}, {v2}, (({c7} >> 16) & 0xffff)
ori {v2}, {v2}, ({c7} & 0xffff)
stdx {v0}, {slot}, {v2}
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
# c0 = const: offset of queue.tail
# c1 = const: offset of queue.head
# c2 = const: Items :: < MaybeUninit < T > , N > :: MASK
# c3 = const: length of the array in queue.items [at]
# c4 = const: size of an element in queue.items [at]
# c5 = const: offset of queue.items [at]
# c6 = const: 0
# c7 = const: offset of queue.tail
# gated = const: 1 if slots have gates
# p_bytes = in: bytes: usize
# p_to = in: to: * mut T
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, tail, _
# v1 = out: _, _, at
# v2 = _
# v3 = _
# clobbers cr0
# clobbers xer
# clobbers lr
