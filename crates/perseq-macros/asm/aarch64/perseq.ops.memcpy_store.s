mrs {v1}, tpidr_el0
ldr {v0}, [{v1}, {thread}]
adrp {slot}, 3f
add {slot}, {slot}, :lo12:3f
str {slot}, [{v0}, #8]
4:
.if {per_cpu}
.if {by_cid}
add {v1}, {v1}, {thread}
ldr {v1}, [{v1}, #8]
ldrsw {slot}, [{v0}, {v1}]
.elseif {gated}
ldrsw {slot}, [{v0}, #4]
.else
ldrsw {slot}, [{v0}]
orr {v1}, {slot}, {base}
tbnz {v1}, #63, 7f
.endif
add {slot}, {base}, {slot}, lsl #{shift}
.if {gated}
ldar {v1:w}, [{slot}]
cmp {v1:w}, #1
b.ne 7f
.endif
.else
ldr {v1:w}, [{v0}, #4]
tbnz {v1:w}, #31, 7f
mov {slot}, {base}
.endif
sub {v0}, {slot}, {base}
lsr {v0}, {v0}, {shift}
.if {c0} < 16384 && {c0} % 4 == 0
ldr {v1:w}, [{p_call}, #{c0}]
.else
movz {v2}, #({c0} & 0xffff)
movk {v2}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v1:w}, [{p_call}, {v2}]
.endif
cmp {v0}, {v1}
b.ne 301f
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v0}, [{p_call}, #{c1}]
.else
movz {v1}, #({c1} & 0xffff)
movk {v1}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v0}, [{p_call}, {v1}]
.endif
.if {c2} < 32768 && {c2} % 8 == 0
ldr {v1}, [{p_call}, #{c2}]
.else
movz {v2}, #({c2} & 0xffff)
movk {v2}, #(({c2} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {v2}]
.endif
.if {c3} < 32768 && {c3} % 8 == 0
ldr {v2}, [{v0}, #{c3}]
.else
movz {v3}, #({c3} & 0xffff)
movk {v3}, #(({c3} >> 16) & 0xffff), lsl #16
ldr {v2}, [{v0}, {v3}]
.endif
cmp {v2}, {v1}
b.ne 302f
.if {c4} < 32768 && {c4} % 8 == 0
ldr {v1}, [{p_call}, #{c4}]
.else
movz {v2}, #({c4} & 0xffff)
movk {v2}, #(({c4} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {v2}]
.endif
.if {c5} < 32768 && {c5} % 8 == 0
ldr {v2}, [{p_call}, #{c5}]
.else
movz {v3}, #({c5} & 0xffff)
movk {v3}, #(({c5} >> 16) & 0xffff), lsl #16
ldr {v2}, [{p_call}, {v3}]
.endif
.if {c6} < 32768 && {c6} % 8 == 0
ldr {v3}, [{p_call}, #{c6}]
.else
movz {scratch0}, #({c6} & 0xffff)
movk {scratch0}, #(({c6} >> 16) & 0xffff), lsl #16
ldr {v3}, [{p_call}, {scratch0}]
.endif
mov {scratch0}, #0
22:
add {scratch1}, {scratch0}, #8
cmp {scratch1}, {v3}
b.hi 23f
ldr {scratch1}, [{v2}, {scratch0}]
str {scratch1}, [{v1}, {scratch0}]
add {scratch0}, {scratch0}, 8
b 22b
23:
cmp {scratch0}, {v3}
b.hs 24f
ldrb {scratch1:w}, [{v2}, {scratch0}]
strb {scratch1:w}, [{v1}, {scratch0}]
add {scratch0}, {scratch0}, 1
b 23b
24:
.if {c7} < 32768 && {c7} % 8 == 0
ldr {v1}, [{p_call}, #{c7}]
.else
movz {v2}, #({c7} & 0xffff)
movk {v2}, #(({c7} >> 16) & 0xffff), lsl #16
ldr {v1}, [{p_call}, {v2}]
.endif
.if {c9}
.if {c8} < 4096
add {v2}, {v0}, #{c8}
.else
movz {v3}, #({c8} & 0xffff)
movk {v3}, #(({c8} >> 16) & 0xffff), lsl #16
add {v2}, {v0}, {v3}
.endif
stlr {v1}, [{v2}]
.else
.if {c8} < 32768 && {c8} % 8 == 0
str {v1}, [{v0}, #{c8}]
.else
movz {v3}, #({c8} & 0xffff)
movk {v3}, #(({c8} >> 16) & 0xffff), lsl #16
str {v1}, [{v0}, {v3}]
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
