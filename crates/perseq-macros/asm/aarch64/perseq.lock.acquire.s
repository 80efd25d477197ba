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
.if 4 < 16384 && 4 % 4 == 0
ldr {v1:w}, [{v0}, #4]
.else
mov {far}, #4
ldr {v1:w}, [{v0}, {far}]
.endif
.if {c0} < 16384 && {c0} % 4 == 0
ldr {v0:w}, [{slot}, #{c0}]
.else
movz {far}, #({c0} & 0xffff)
movk {far}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v0:w}, [{slot}, {far}]
.endif
mov {status}, #1
movz {constant}, #({c1} & 0xffff)
movk {constant}, #(({c1} >> 16) & 0xffff), lsl #16
movk {constant}, #(({c1} >> 32) & 0xffff), lsl #32
movk {constant}, #(({c1} >> 48) & 0xffff), lsl #48
cmp {v0}, {constant}
b.ne 6f
movz {stored}, #({c2} & 0xffff)
movk {stored}, #(({c2} >> 16) & 0xffff), lsl #16
movk {stored}, #(({c2} >> 32) & 0xffff), lsl #32
movk {stored}, #(({c2} >> 48) & 0xffff), lsl #48
.if {c3} < 16384 && {c3} % 4 == 0
str {stored:w}, [{slot}, #{c3}]
.else
movz {far}, #({c3} & 0xffff)
movk {far}, #(({c3} >> 16) & 0xffff), lsl #16
str {stored:w}, [{slot}, {far}]
.endif
5:
mov {status}, #0
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.inst 0xd428bc00
7:
mov {status}, #255
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
.8byte 4b, 6b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of slots.word
# c1 = const: FREE
# c2 = const: HELD as u32
# c3 = const: offset of slots.word
# constant = scratch
# far = scratch
# gated = const: 1 if slots have gates
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# stored = scratch
# temp = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, word
# v1 = out: cpu
