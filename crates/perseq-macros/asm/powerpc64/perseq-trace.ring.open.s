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
.if {c2} < 32768
ld {v2}, {c2}({slot})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c2} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c2} & 0xffff)
ldx {v2}, {slot}, {scratch0}
.endif
cmpld {v0}, {v1}
bne 301f
cmpldi {v2}, 0
beq 301f
add {v1}, {v1}, {v2}
.if {c3} < 32768
ld {v0}, {c3}({slot})
.else
li {v2}, 0
oris {v2}, {v2}, (({c3} >> 16) & 0xffff)
ori {v2}, {v2}, ({c3} & 0xffff)
ldx {v0}, {slot}, {v2}
.endif
sub {v2}, {v1}, {v0}
cmpld {v2}, {p_room}
bgt 302f
.if {c4} < 32768
std {v1}, {c4}({slot})
.else
li {v0}, 0
oris {v0}, {v0}, (({c4} >> 16) & 0xffff)
ori {v0}, {v0}, ({c4} & 0xffff)
stdx {v1}, {slot}, {v0}
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
301:
b {exit1}
302:
b {exit2}
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
# clobbers cr0
# clobbers xer
# clobbers lr
