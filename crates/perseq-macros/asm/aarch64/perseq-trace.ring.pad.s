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
cmp {p_size}, {v0}
b.hi 301f
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v0}, [{slot}, #{c1}]
.else
movz {v1}, #({c1} & 0xffff)
movk {v1}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v0}, [{slot}, {v1}]
.endif
.if {c2} < 32768 && {c2} % 8 == 0
ldr {v1}, [{slot}, #{c2}]
.else
movz {v2}, #({c2} & 0xffff)
movk {v2}, #(({c2} >> 16) & 0xffff), lsl #16
ldr {v1}, [{slot}, {v2}]
.endif
add {v2}, {v0}, {p_size}
cmp {v2}, {v1}
b.ls 302f
cmp {v0}, {v1}
b.eq 302f
.if {c3} < 4096
add {v2}, {slot}, #{c3}
.else
movz {v3}, #({c3} & 0xffff)
movk {v3}, #(({c3} >> 16) & 0xffff), lsl #16
add {v2}, {slot}, {v3}
.endif
.if {c4} < 32768 && {c4} % 8 == 0
ldr {v3}, [{slot}, #{c4}]
.else
movz {scratch0}, #({c4} & 0xffff)
movk {scratch0}, #(({c4} >> 16) & 0xffff), lsl #16
ldr {v3}, [{slot}, {scratch0}]
.endif
and {v0}, {v0}, {v3}
add {v2}, {v2}, {v0}
movz {v0}, #({c5} & 0xffff)
movk {v0}, #(({c5} >> 16) & 0xffff), lsl #16
movk {v0}, #(({c5} >> 32) & 0xffff), lsl #32
movk {v0}, #(({c5} >> 48) & 0xffff), lsl #48
.if {c6} < 32768 && {c6} % 8 == 0
str {v0}, [{v2}, #{c6}]
.else
movz {v3}, #({c6} & 0xffff)
movk {v3}, #(({c6} >> 16) & 0xffff), lsl #16
str {v0}, [{v2}, {v3}]
.endif
.if {c7} < 4096
add {v0}, {slot}, #{c7}
.else
movz {v2}, #({c7} & 0xffff)
movk {v2}, #(({c7} >> 16) & 0xffff), lsl #16
add {v0}, {slot}, {v2}
.endif
stlr {v1}, [{v0}]
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
# c0 = const: offset of rings.sub
# c1 = const: offset of rings.head
# c2 = const: offset of rings.limit
# c3 = const: offset of rings.data.0 [0]
# c4 = const: offset of rings.mask
# c5 = const: MARK as u64
# c6 = const: offset of (*event).time
# c7 = const: offset of rings.head
# exit1 = label: exit 1
# exit2 = label: exit 2
# gated = const: 1 if slots have gates
# p_size = in: size: u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, _, head, _, _
# v1 = limit
# v2 = _, data, _, _, event
# v3 = _
