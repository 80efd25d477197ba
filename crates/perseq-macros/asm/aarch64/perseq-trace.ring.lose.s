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
.if {c0} < 32768 && {c0} % 8 == 0
ldr {v0}, [{slot}, #{c0}]
.else
movz {scratch0}, #({c0} & 0xffff)
movk {scratch0}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v0}, [{slot}, {scratch0}]
.endif
add {v0}, {v0}, 1
.if {c1} < 32768 && {c1} % 8 == 0
str {v0}, [{slot}, #{c1}]
.else
movz {scratch0}, #({c1} & 0xffff)
movk {scratch0}, #(({c1} >> 16) & 0xffff), lsl #16
str {v0}, [{slot}, {scratch0}]
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
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.lost
# c1 = const: offset of rings.lost
# gated = const: 1 if slots have gates
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, lost, _
