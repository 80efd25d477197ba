mrs {temp}, tpidr_el0
ldr {v0}, [{temp}, {thread}]
adrp {slot}, 3f
add {slot}, {slot}, :lo12:3f
str {slot}, [{v0}, #8]
4:
.if {by_cid}
add {temp}, {temp}, {thread}
ldr {temp}, [{temp}, #8]
ldrsw {slot}, [{v0}, {temp}]
.elseif {gated}
ldrsw {slot}, [{v0}, #4]
.else
ldrsw {slot}, [{v0}]
orr {temp}, {slot}, {base}
tbnz {temp}, #63, 7f
.endif
add {slot}, {base}, {slot}, lsl #{shift}
.if {gated}
ldar {temp:w}, [{slot}]
cmp {temp:w}, #1
b.ne 7f
.endif
sub {v0}, {slot}, {base}
lsr {v0}, {v0}, {shift}
.if {c0} < 16384 && {c0} % 4 == 0
ldr {v1:w}, [{p_call}, #{c0}]
.else
movz {far}, #({c0} & 0xffff)
movk {far}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v1:w}, [{p_call}, {far}]
.endif
cmp {v0}, {v1}
b.ne 301f
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v0}, [{p_call}, #{c1}]
.else
movz {far}, #({c1} & 0xffff)
movk {far}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v0}, [{p_call}, {far}]
.endif
.if {c2} < 32768 && {c2} % 8 == 0
ldr {v1}, [{p_call}, #{c2}]
.else
movz {far}, #({c2} & 0xffff)
movk {far}, #(({c2} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {far}]
.endif
.if {c3} < 32768 && {c3} % 8 == 0
ldr {v2}, [{v0}, #{c3}]
.else
movz {far}, #({c3} & 0xffff)
movk {far}, #(({c3} >> 16) & 0xffff), lsl #16
ldr {v2}, [{v0}, {far}]
.endif
cmp {v2}, {v1}
b.ne 302f
.if {c4} < 32768 && {c4} % 8 == 0
ldr {v1}, [{p_call}, #{c4}]
.else
movz {far}, #({c4} & 0xffff)
movk {far}, #(({c4} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {far}]
.endif
.if {c5} < 32768 && {c5} % 8 == 0
ldr {v2}, [{p_call}, #{c5}]
.else
movz {far}, #({c5} & 0xffff)
movk {far}, #(({c5} >> 16) & 0xffff), lsl #16
ldr {v2}, [{p_call}, {far}]
.endif
.if {c6} < 32768 && {c6} % 8 == 0
ldr {v3}, [{p_call}, #{c6}]
.else
movz {far}, #({c6} & 0xffff)
movk {far}, #(({c6} >> 16) & 0xffff), lsl #16
ldr {v3}, [{p_call}, {far}]
.endif
mov {done}, #0
22:
add {data}, {done}, #8
cmp {data}, {v3}
b.hi 23f
ldr {data}, [{v2}, {done}]
str {data}, [{v1}, {done}]
add {done}, {done}, 8
b 22b
23:
cmp {done}, {v3}
b.hs 24f
ldrb {data:w}, [{v2}, {done}]
strb {data:w}, [{v1}, {done}]
add {done}, {done}, 1
b 23b
24:
.if {c7} < 32768 && {c7} % 8 == 0
ldr {v1}, [{p_call}, #{c7}]
.else
movz {far}, #({c7} & 0xffff)
movk {far}, #(({c7} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {far}]
.endif
.if {c9}
.if {c8} < 4096
add {place}, {v0}, #{c8}
.else
movz {far}, #({c8} & 0xffff)
movk {far}, #(({c8} >> 16) & 0xffff), lsl #16
add {place}, {v0}, {far}
.endif
stlr {v1}, [{place}]
.else
.if {c8} < 32768 && {c8} % 8 == 0
str {v1}, [{v0}, #{c8}]
.else
movz {far}, #({c8} & 0xffff)
movk {far}, #(({c8} >> 16) & 0xffff), lsl #16
str {v1}, [{v0}, {far}]
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
# data = scratch
# done = scratch
# exit1 = label: exit 1
# exit2 = label: exit 2
# far = scratch
# gated = const: 1 if slots have gates
# p_call = in: call: * mut Memcpy
# place = scratch
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# temp = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, v
# v1 = cpu, expect, dst, newv
# v2 = found, src
# v3 = len
