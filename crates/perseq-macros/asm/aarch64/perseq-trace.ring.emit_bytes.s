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
.if {c0} < 32768 && {c0} % 8 == 0
ldr {v0}, [{slot}, #{c0}]
.else
movz {v1}, #({c0} & 0xffff)
movk {v1}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v0}, [{slot}, {v1}]
.endif
mov {v1}, {p_len}
add {v2}, {v0}, {v1}
add {v2}, {v2}, 8
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v1}, [{slot}, #{c1}]
.else
movz {scratch0}, #({c1} & 0xffff)
movk {scratch0}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v1}, [{slot}, {scratch0}]
.endif
cmp {v2}, {v1}
b.hi 301f
.if {c2} < 4096
add {v1}, {slot}, #{c2}
.else
movz {v2}, #({c2} & 0xffff)
movk {v2}, #(({c2} >> 16) & 0xffff), lsl #16
add {v1}, {slot}, {v2}
.endif
.if {c3} < 32768 && {c3} % 8 == 0
ldr {v2}, [{slot}, #{c3}]
.else
movz {scratch0}, #({c3} & 0xffff)
movk {scratch0}, #(({c3} >> 16) & 0xffff), lsl #16
ldr {v2}, [{slot}, {scratch0}]
.endif
and {v0}, {v0}, {v2}
add {v1}, {v1}, {v0}
mrs {v0}, cntvct_el0
.if {c4} < 32768 && {c4} % 8 == 0
str {v0}, [{v1}, #{c4}]
.else
movz {v2}, #({c4} & 0xffff)
movk {v2}, #(({c4} >> 16) & 0xffff), lsl #16
str {v0}, [{v1}, {v2}]
.endif
.if {c5} < 4096
add {v0}, {v1}, #{c5}
.else
movz {v2}, #({c5} & 0xffff)
movk {v2}, #(({c5} >> 16) & 0xffff), lsl #16
add {v0}, {v1}, {v2}
.endif
mov {v1}, #0
22:
add {v2}, {v1}, #8
cmp {v2}, {p_len}
b.hi 23f
ldr {v2}, [{p_rest}, {v1}]
str {v2}, [{v0}, {v1}]
add {v1}, {v1}, 8
b 22b
23:
cmp {v1}, {p_len}
b.hs 24f
ldrb {v2:w}, [{p_rest}, {v1}]
strb {v2:w}, [{v0}, {v1}]
add {v1}, {v1}, 1
b 23b
24:
.if {c6} < 32768 && {c6} % 8 == 0
ldr {v0}, [{slot}, #{c6}]
.else
movz {v1}, #({c6} & 0xffff)
movk {v1}, #(({c6} >> 16) & 0xffff), lsl #16
ldr {v0}, [{slot}, {v1}]
.endif
mov {v1}, {p_len}
add {v0}, {v0}, {v1}
add {v0}, {v0}, 8
.if {c7} < 4096
add {v1}, {slot}, #{c7}
.else
movz {v2}, #({c7} & 0xffff)
movk {v2}, #(({c7} >> 16) & 0xffff), lsl #16
add {v1}, {slot}, {v2}
.endif
stlr {v0}, [{v1}]
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
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.data.0 [0]
# c3 = const: offset of rings.mask
# c4 = const: offset of (*event).time
# c5 = const: offset of (*event).rest
# c6 = const: offset of rings.head
# c7 = const: offset of rings.head
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_rest = in: rest: * const u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, _, now, to, _, _, end
# v1 = _, _, data, _, _, event, _
# v2 = _, _, _
