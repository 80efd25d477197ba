mrs {scratch0}, tpidr_el0
ldr {v0}, [{scratch0}, {thread}]
adrp {slot}, 3f
add {slot}, {slot}, :lo12:3f
str {slot}, [{v0}, #8]
4:
.if {per_cpu}
.if {by_cid}
add {scratch0}, {scratch0}, {thread}
ldr {scratch0}, [{scratch0}, #8]
ldrsw {slot}, [{v0}, {scratch0}]
.elseif {gated}
ldrsw {slot}, [{v0}, #4]
.else
ldrsw {slot}, [{v0}]
orr {scratch0}, {slot}, {base}
tbnz {scratch0}, #63, 7f
.endif
add {slot}, {base}, {slot}, lsl #{shift}
.if {gated}
ldar {scratch0:w}, [{slot}]
cmp {scratch0:w}, #1
b.ne 7f
.endif
.else
ldr {scratch0:w}, [{v0}, #4]
tbnz {scratch0:w}, #31, 7f
mov {slot}, {base}
.endif
sub {v0}, {slot}, {base}
lsr {v0}, {v0}, {shift}
cmp {v0}, {p_cpu}
b.ne 301f
.if {c0} < 32768 && {c0} % 8 == 0
ldr {v0}, [{p_v}, #{c0}]
.else
movz {scratch0}, #({c0} & 0xffff)
movk {scratch0}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v0}, [{p_v}, {scratch0}]
.endif
cmp {v0}, {p_expect}
b.ne 302f
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v0}, [{p_v2}, #{c1}]
.else
movz {scratch0}, #({c1} & 0xffff)
movk {scratch0}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v0}, [{p_v2}, {scratch0}]
.endif
cmp {v0}, {p_expect2}
b.ne 303f
.if {c3}
.if {c2} < 4096
add {v0}, {p_v}, #{c2}
.else
movz {scratch0}, #({c2} & 0xffff)
movk {scratch0}, #(({c2} >> 16) & 0xffff), lsl #16
add {v0}, {p_v}, {scratch0}
.endif
stlr {p_newv}, [{v0}]
.else
.if {c2} < 32768 && {c2} % 8 == 0
str {p_newv}, [{p_v}, #{c2}]
.else
movz {scratch0}, #({c2} & 0xffff)
movk {scratch0}, #(({c2} >> 16) & 0xffff), lsl #16
str {p_newv}, [{p_v}, {scratch0}]
.endif
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.inst 0xd428bc00
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
