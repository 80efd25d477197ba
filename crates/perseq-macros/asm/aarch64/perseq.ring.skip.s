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
movz {v2}, #({c1} & 0xffff)
movk {v2}, #(({c1} >> 16) & 0xffff), lsl #16
movk {v2}, #(({c1} >> 32) & 0xffff), lsl #32
movk {v2}, #(({c1} >> 48) & 0xffff), lsl #48
and {v1}, {v0}, {v2}
add {v2}, {v1}, {p_size}
mov {status}, #1
movz {v3}, #({c2} & 0xffff)
movk {v3}, #(({c2} >> 16) & 0xffff), lsl #16
movk {v3}, #(({c2} >> 32) & 0xffff), lsl #32
movk {v3}, #(({c2} >> 48) & 0xffff), lsl #48
cmp {v2}, {v3}
b.ls 6f
sub {v0}, {v0}, {v1}
movz {v2}, #({c3} & 0xffff)
movk {v2}, #(({c3} >> 16) & 0xffff), lsl #16
movk {v2}, #(({c3} >> 32) & 0xffff), lsl #32
movk {v2}, #(({c3} >> 48) & 0xffff), lsl #48
add {v0}, {v0}, {v2}
add {v2}, {v0}, {p_size}
.if {c4} < 32768 && {c4} % 8 == 0
ldr {v3}, [{slot}, #{c4}]
.else
movz {scratch0}, #({c4} & 0xffff)
movk {scratch0}, #(({c4} >> 16) & 0xffff), lsl #16
ldr {v3}, [{slot}, {scratch0}]
.endif
sub {v2}, {v2}, {v3}
mov {status}, #2
movz {v3}, #({c5} & 0xffff)
movk {v3}, #(({c5} >> 16) & 0xffff), lsl #16
movk {v3}, #(({c5} >> 32) & 0xffff), lsl #32
movk {v3}, #(({c5} >> 48) & 0xffff), lsl #48
cmp {v2}, {v3}
b.hi 6f
mov {status}, #3
movz {v2}, #({c6} & 0xffff)
movk {v2}, #(({c6} >> 16) & 0xffff), lsl #16
cmp {v1}, {v2}
b.hs 6f
movz {v3}, #({c7} & 0xffff)
movk {v3}, #(({c7} >> 16) & 0xffff), lsl #16
madd {v2}, {v1}, {v3}, {slot}
.if {c8} < 4096
add {v2}, {v2}, #{c8}
.else
movz {v3}, #({c8} & 0xffff)
movk {v3}, #(({c8} >> 16) & 0xffff), lsl #16
add {v2}, {v2}, {v3}
.endif
.if {c9} < 4096
add {v3}, {v2}, #{c9}
.else
movz {scratch0}, #({c9} & 0xffff)
movk {scratch0}, #(({c9} >> 16) & 0xffff), lsl #16
add {v3}, {v2}, {scratch0}
.endif
movz {v2}, #({c10} & 0xffff)
movk {v2}, #(({c10} >> 16) & 0xffff), lsl #16
movk {v2}, #(({c10} >> 32) & 0xffff), lsl #32
movk {v2}, #(({c10} >> 48) & 0xffff), lsl #48
.if {c11} < 32768 && {c11} % 8 == 0
str {v2}, [{v3}, #{c11}]
.else
movz {scratch0}, #({c11} & 0xffff)
movk {scratch0}, #(({c11} >> 16) & 0xffff), lsl #16
str {v2}, [{v3}, {scratch0}]
.endif
.if {c12} < 4096
add {v2}, {slot}, #{c12}
.else
movz {v3}, #({c12} & 0xffff)
movk {v3}, #(({c12} >> 16) & 0xffff), lsl #16
add {v2}, {slot}, {v3}
.endif
stlr {v0}, [{v2}]
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
# c0 = const: offset of ring.head
# c1 = const: Buffer :: < N > :: MASK
# c10 = const: MARK as u64
# c11 = const: offset of (*header).len
# c12 = const: offset of ring.head
# c2 = const: N
# c3 = const: N
# c4 = const: offset of ring.reader.tail
# c5 = const: N
# c6 = const: length of the array in ring.bytes.0 [at]
# c7 = const: size of an element in ring.bytes.0 [at]
# c8 = const: offset of ring.bytes.0 [at]
# c9 = const: 0
# gated = const: 1 if slots have gates
# p_size = in: size: usize
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, next
# v1 = out: at
# v2 = _, _, used, _
# v3 = _, start, header
