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
mr {v1}, {p_len}
add {v2}, {v0}, {v1}
addi {v2}, {v2}, 8
.if {c1} < 32768
ld {v1}, {c1}({slot})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c1} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c1} & 0xffff)
ldx {v1}, {slot}, {scratch0}
.endif
cmpld {v2}, {v1}
bgt 301f
.if {c2} < 32768
ld {v1}, {c2}({slot})
.else
li {v2}, 0
oris {v2}, {v2}, (({c2} >> 16) & 0xffff)
ori {v2}, {v2}, ({c2} & 0xffff)
ldx {v1}, {slot}, {v2}
.endif
cmpld {p_now}, {v1}
blt 302f
li {v2}, 0
oris {v2}, {v2}, (({c3} >> 16) & 0xffff)
ori {v2}, {v2}, ({c3} & 0xffff)
add {v1}, {slot}, {v2}
.if {c4} < 32768
ld {v2}, {c4}({slot})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c4} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c4} & 0xffff)
ldx {v2}, {slot}, {scratch0}
.endif
and {v0}, {v0}, {v2}
add {v1}, {v1}, {v0}
.if {c5} < 32768
std {p_now}, {c5}({v1})
.else
li {v0}, 0
oris {v0}, {v0}, (({c5} >> 16) & 0xffff)
ori {v0}, {v0}, ({c5} & 0xffff)
stdx {p_now}, {v1}, {v0}
.endif
li {v2}, 0
oris {v2}, {v2}, (({c6} >> 16) & 0xffff)
ori {v2}, {v2}, ({c6} & 0xffff)
add {v0}, {v1}, {v2}
li {v1}, 0
22:
addi {v2}, {v1}, 8
cmpld {v2}, {p_len}
bgt 23f
ldx {v2}, {p_rest}, {v1}
stdx {v2}, {v0}, {v1}
addi {v1}, {v1}, 8
b 22b
23:
cmpld {v1}, {p_len}
bge 24f
lbzx {v2}, {p_rest}, {v1}
stbx {v2}, {v0}, {v1}
addi {v1}, {v1}, 1
b 23b
24:
.if {c7} < 32768
std {p_now}, {c7}({slot})
.else
li {v0}, 0
oris {v0}, {v0}, (({c7} >> 16) & 0xffff)
ori {v0}, {v0}, ({c7} & 0xffff)
stdx {p_now}, {slot}, {v0}
.endif
.if {c8} < 32768
ld {v0}, {c8}({slot})
.else
li {v1}, 0
oris {v1}, {v1}, (({c8} >> 16) & 0xffff)
ori {v1}, {v1}, ({c8} & 0xffff)
ldx {v0}, {slot}, {v1}
.endif
mr {v1}, {p_len}
add {v0}, {v0}, {v1}
addi {v0}, {v0}, 8
lwsync
.if {c9} < 32768
std {v0}, {c9}({slot})
.else
li {v1}, 0
oris {v1}, {v1}, (({c9} >> 16) & 0xffff)
ori {v1}, {v1}, ({c9} & 0xffff)
stdx {v0}, {slot}, {v1}
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
# c2 = const: offset of rings.last
# c3 = const: offset of rings.data.0 [0]
# c4 = const: offset of rings.mask
# c5 = const: offset of (*event).time
# c6 = const: offset of (*event).rest
# c7 = const: offset of rings.last
# c8 = const: offset of rings.head
# c9 = const: offset of rings.head
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_now = in: now: u64
# p_rest = in: rest: * const u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, _, to, _, _, end
# v1 = _, _, _, data, _, _, event, _
# v2 = _, _, _
# clobbers cr0
# clobbers xer
# clobbers lr
