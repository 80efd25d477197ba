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
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v1}, [{slot}, #{c1}]
.else
movz {v2}, #({c1} & 0xffff)
movk {v2}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v1}, [{slot}, {v2}]
.endif
mov {status}, #1
cmp {v0}, {v1}
b.eq 6f
movz {v2}, #({c2} & 0xffff)
movk {v2}, #(({c2} >> 16) & 0xffff), lsl #16
movk {v2}, #(({c2} >> 32) & 0xffff), lsl #32
movk {v2}, #(({c2} >> 48) & 0xffff), lsl #48
and {v1}, {v0}, {v2}
mov {status}, #2
movz {v2}, #({c3} & 0xffff)
movk {v2}, #(({c3} >> 16) & 0xffff), lsl #16
cmp {v1}, {v2}
b.hs 6f
movz {v3}, #({c4} & 0xffff)
movk {v3}, #(({c4} >> 16) & 0xffff), lsl #16
madd {v2}, {v1}, {v3}, {slot}
.if {c5} < 4096
add {v2}, {v2}, #{c5}
.else
movz {v3}, #({c5} & 0xffff)
movk {v3}, #(({c5} >> 16) & 0xffff), lsl #16
add {v2}, {v2}, {v3}
.endif
.if {c6} < 4096
add {v3}, {v2}, #{c6}
.else
movz {scratch0}, #({c6} & 0xffff)
movk {scratch0}, #(({c6} >> 16) & 0xffff), lsl #16
add {v3}, {v2}, {scratch0}
.endif
mov {v2}, #0
22:
add {scratch0}, {v2}, #8
cmp {scratch0}, {p_bytes}
b.hi 23f
ldr {scratch0}, [{v3}, {v2}]
str {scratch0}, [{p_to}, {v2}]
add {v2}, {v2}, 8
b 22b
23:
cmp {v2}, {p_bytes}
b.hs 24f
ldrb {scratch0:w}, [{v3}, {v2}]
strb {scratch0:w}, [{p_to}, {v2}]
add {v2}, {v2}, 1
b 23b
24:
add {v0}, {v0}, 1
.if {c7} < 32768 && {c7} % 8 == 0
str {v0}, [{slot}, #{c7}]
.else
movz {v2}, #({c7} & 0xffff)
movk {v2}, #(({c7} >> 16) & 0xffff), lsl #16
str {v0}, [{slot}, {v2}]
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
# c0 = const: offset of queue.head
# c1 = const: offset of queue.tail
# c2 = const: Items :: < MaybeUninit < T > , N > :: MASK
# c3 = const: length of the array in queue.items [at]
# c4 = const: size of an element in queue.items [at]
# c5 = const: offset of queue.items [at]
# c6 = const: 0
# c7 = const: offset of queue.head
# gated = const: 1 if slots have gates
# p_bytes = in: bytes: usize
# p_to = in: to: * mut T
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = out: _, at
# v2 = _
# v3 = _
