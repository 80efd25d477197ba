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
sub {v0}, {slot}, {base}
srdi {v0}, {v0}, {shift}
.if {c0} < 32768
lwz {v1}, {c0}({p_call})
.else
li {v2}, 0
oris {v2}, {v2}, (({c0} >> 16) & 0xffff)
ori {v2}, {v2}, ({c0} & 0xffff)
lwzx {v1}, {p_call}, {v2}
.endif
cmpld {v0}, {v1}
bne 301f
.if {c1} < 32768
ld {v0}, {c1}({p_call})
.else
li {v1}, 0
oris {v1}, {v1}, (({c1} >> 16) & 0xffff)
ori {v1}, {v1}, ({c1} & 0xffff)
ldx {v0}, {p_call}, {v1}
.endif
.if {c2} < 32768
ld {v1}, {c2}({p_call})
.else
li {v2}, 0
oris {v2}, {v2}, (({c2} >> 16) & 0xffff)
ori {v2}, {v2}, ({c2} & 0xffff)
ldx {v1}, {p_call}, {v2}
.endif
.if {c3} < 32768
ld {v2}, {c3}({v0})
.else
li {v3}, 0
oris {v3}, {v3}, (({c3} >> 16) & 0xffff)
ori {v3}, {v3}, ({c3} & 0xffff)
ldx {v2}, {v0}, {v3}
.endif
cmpd {v2}, {v1}
bne 302f
.if {c4} < 32768
ld {v1}, {c4}({p_call})
.else
li {v2}, 0
oris {v2}, {v2}, (({c4} >> 16) & 0xffff)
ori {v2}, {v2}, ({c4} & 0xffff)
ldx {v1}, {p_call}, {v2}
.endif
.if {c5} < 32768
ld {v2}, {c5}({p_call})
.else
li {v3}, 0
oris {v3}, {v3}, (({c5} >> 16) & 0xffff)
ori {v3}, {v3}, ({c5} & 0xffff)
ldx {v2}, {p_call}, {v3}
.endif
.if {c6} < 32768
ld {v3}, {c6}({p_call})
.else
li {scratch0}, 0
oris {scratch0}, {scratch0}, (({c6} >> 16) & 0xffff)
ori {scratch0}, {scratch0}, ({c6} & 0xffff)
ldx {v3}, {p_call}, {scratch0}
.endif
li {scratch0}, 0
22:
addi {scratch1}, {scratch0}, 8
cmpld {scratch1}, {v3}
bgt 23f
ldx {scratch1}, {v2}, {scratch0}
stdx {scratch1}, {v1}, {scratch0}
addi {scratch0}, {scratch0}, 8
b 22b
23:
cmpld {scratch0}, {v3}
bge 24f
lbzx {scratch1}, {v2}, {scratch0}
stbx {scratch1}, {v1}, {scratch0}
addi {scratch0}, {scratch0}, 1
b 23b
24:
.if {c7} < 32768
ld {v1}, {c7}({p_call})
.else
li {v2}, 0
oris {v2}, {v2}, (({c7} >> 16) & 0xffff)
ori {v2}, {v2}, ({c7} & 0xffff)
ldx {v1}, {p_call}, {v2}
.endif
.if {c9}
lwsync
.if {c8} < 32768
std {v1}, {c8}({v0})
.else
li {v2}, 0
oris {v2}, {v2}, (({c8} >> 16) & 0xffff)
ori {v2}, {v2}, ({c8} & 0xffff)
stdx {v1}, {v0}, {v2}
.endif
.else
.if {c8} < 32768
std {v1}, {c8}({v0})
.else
li {v2}, 0
oris {v2}, {v2}, (({c8} >> 16) & 0xffff)
ori {v2}, {v2}, ({c8} & 0xffff)
stdx {v1}, {v0}, {v2}
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
# c0 = const: offset of (*call).cpu
# c1 = const: offset of (*call).v
# c2 = const: offset of (*call).expect
# c3 = const: offset of *v
# c4 = const: offset of (*call).dst
# c5 = const: offset of (*call).src
# c6 = const: offset of (*call).len
# c7 = const: offset of (*call).newv
# c8 = const: offset of *v
# c9 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_call = in: call: * mut Memcpy
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, v
# v1 = cpu, expect, dst, newv
# v2 = found, src
# v3 = len
# clobbers cr0
# clobbers xer
# clobbers lr
