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
movz {v0}, #({c0} & 0xffff)
movk {v0}, #(({c0} >> 16) & 0xffff), lsl #16
cmp {p_which}, {v0}
b.hs 301f
movz {v1}, #({c1} & 0xffff)
movk {v1}, #(({c1} >> 16) & 0xffff), lsl #16
madd {v0}, {p_which}, {v1}, {slot}
.if {c2} < 4096
add {v0}, {v0}, #{c2}
.else
movz {v1}, #({c2} & 0xffff)
movk {v1}, #(({c2} >> 16) & 0xffff), lsl #16
add {v0}, {v0}, {v1}
.endif
.if {c3} < 32768 && {c3} % 8 == 0
ldr {v1}, [{v0}, #{c3}]
.else
movz {scratch0}, #({c3} & 0xffff)
movk {scratch0}, #(({c3} >> 16) & 0xffff), lsl #16
ldr {v1}, [{v0}, {scratch0}]
.endif
add {v1}, {v1}, {p_n}
.if {c4} < 32768 && {c4} % 8 == 0
str {v1}, [{v0}, #{c4}]
.else
movz {scratch0}, #({c4} & 0xffff)
movk {scratch0}, #(({c4} >> 16) & 0xffff), lsl #16
str {v1}, [{v0}, {scratch0}]
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
# c0 = const: length of the array in slots.counts [which]
# c1 = const: size of an element in slots.counts [which]
# c2 = const: offset of slots.counts [which]
# c3 = const: 0
# c4 = const: 0
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# p_n = in: n: u64
# p_which = in: which: usize
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, _
# v1 = value, _
