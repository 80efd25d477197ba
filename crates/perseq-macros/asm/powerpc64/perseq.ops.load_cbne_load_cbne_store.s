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
sub {v0}, {slot}, {base}
srdi {v0}, {v0}, {shift}
cmpld {v0}, {p_cpu}
bne 301f
.if {c0} < 32768
ld {v0}, {c0}({p_v})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c0} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c0} & 0xffff)
ldx {v0}, {p_v}, {scratch0}
.endif
cmpd {v0}, {p_expect}
bne 302f
.if {c1} < 32768
ld {v0}, {c1}({p_v2})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c1} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c1} & 0xffff)
ldx {v0}, {p_v2}, {scratch0}
.endif
cmpd {v0}, {p_expect2}
bne 303f
.if {c3}
lwsync
.if {c2} < 32768
std {p_newv}, {c2}({p_v})
.else
li {v0}, 0
oris {v0}, {v0}, (({c2} >> 16) & 0xffff)
ori {v0}, {v0}, ({c2} & 0xffff)
stdx {p_newv}, {p_v}, {v0}
.endif
.else
.if {c2} < 32768
std {p_newv}, {c2}({p_v})
.else
li {v0}, 0
oris {v0}, {v0}, (({c2} >> 16) & 0xffff)
ori {v0}, {v0}, ({c2} & 0xffff)
stdx {p_newv}, {p_v}, {v0}
.endif
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
303:
b {exit3}
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
.8byte 4b, 303b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of *v
# c1 = const: offset of *v2
# c2 = const: offset of *v
# c3 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# exit2 = label: exit 2
# exit3 = label: exit 3
# gated = const: 1 if slots have gates
# p_cpu = in: cpu: u32
# p_expect = in: expect: isize
# p_expect2 = in: expect2: isize
# p_newv = in: newv: isize
# p_v = in: v: * mut isize
# p_v2 = in: v2: * mut isize
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, found, found2
# clobbers cr0
# clobbers xer
# clobbers lr
