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
add {v1}, {p_len}, 15
movz {v2}, #({c1} & 0xffff)
movk {v2}, #(({c1} >> 16) & 0xffff), lsl #16
movk {v2}, #(({c1} >> 32) & 0xffff), lsl #32
movk {v2}, #(({c1} >> 48) & 0xffff), lsl #48
and {v1}, {v1}, {v2}
movz {v3}, #({c2} & 0xffff)
movk {v3}, #(({c2} >> 16) & 0xffff), lsl #16
movk {v3}, #(({c2} >> 32) & 0xffff), lsl #32
movk {v3}, #(({c2} >> 48) & 0xffff), lsl #48
and {v2}, {v0}, {v3}
add {v3}, {v2}, {v1}
mov {status}, #1
movz {scratch0}, #({c3} & 0xffff)
movk {scratch0}, #(({c3} >> 16) & 0xffff), lsl #16
movk {scratch0}, #(({c3} >> 32) & 0xffff), lsl #32
movk {scratch0}, #(({c3} >> 48) & 0xffff), lsl #48
cmp {v3}, {scratch0}
b.hi 6f
add {v3}, {v0}, {v1}
.if {c4} < 32768 && {c4} % 8 == 0
ldr {v1}, [{slot}, #{c4}]
.else
movz {scratch0}, #({c4} & 0xffff)
movk {scratch0}, #(({c4} >> 16) & 0xffff), lsl #16
ldr {v1}, [{slot}, {scratch0}]
.endif
sub {v3}, {v3}, {v1}
mov {status}, #2
movz {v1}, #({c5} & 0xffff)
movk {v1}, #(({c5} >> 16) & 0xffff), lsl #16
movk {v1}, #(({c5} >> 32) & 0xffff), lsl #32
movk {v1}, #(({c5} >> 48) & 0xffff), lsl #48
cmp {v3}, {v1}
b.hi 6f
mov {status}, #3
movz {v1}, #({c6} & 0xffff)
movk {v1}, #(({c6} >> 16) & 0xffff), lsl #16
cmp {v2}, {v1}
b.hs 6f
movz {v3}, #({c7} & 0xffff)
movk {v3}, #(({c7} >> 16) & 0xffff), lsl #16
madd {v1}, {v2}, {v3}, {slot}
.if {c8} < 4096
add {v1}, {v1}, #{c8}
.else
movz {v3}, #({c8} & 0xffff)
movk {v3}, #(({c8} >> 16) & 0xffff), lsl #16
add {v1}, {v1}, {v3}
.endif
.if {c9} < 4096
add {v3}, {v1}, #{c9}
.else
movz {scratch0}, #({c9} & 0xffff)
movk {scratch0}, #(({c9} >> 16) & 0xffff), lsl #16
add {v3}, {v1}, {scratch0}
.endif
mov {v1}, {p_len}
.if {c10} < 32768 && {c10} % 8 == 0
str {v1}, [{v3}, #{c10}]
.else
movz {scratch0}, #({c10} & 0xffff)
movk {scratch0}, #(({c10} >> 16) & 0xffff), lsl #16
str {v1}, [{v3}, {scratch0}]
.endif
.if {c11} < 4096
add {v1}, {v3}, #{c11}
.else
movz {scratch0}, #({c11} & 0xffff)
movk {scratch0}, #(({c11} >> 16) & 0xffff), lsl #16
add {v1}, {v3}, {scratch0}
.endif
mov {v3}, #0
22:
add {scratch0}, {v3}, #8
cmp {scratch0}, {p_len}
b.hi 23f
ldr {scratch0}, [{p_record}, {v3}]
str {scratch0}, [{v1}, {v3}]
add {v3}, {v3}, 8
b 22b
23:
cmp {v3}, {p_len}
b.hs 24f
ldrb {scratch0:w}, [{p_record}, {v3}]
strb {scratch0:w}, [{v1}, {v3}]
add {v3}, {v3}, 1
b 23b
24:
add {v1}, {p_len}, 15
movz {v3}, #({c12} & 0xffff)
movk {v3}, #(({c12} >> 16) & 0xffff), lsl #16
movk {v3}, #(({c12} >> 32) & 0xffff), lsl #32
movk {v3}, #(({c12} >> 48) & 0xffff), lsl #48
and {v1}, {v1}, {v3}
add {v0}, {v0}, {v1}
.if {c13} < 4096
add {v1}, {slot}, #{c13}
.else
movz {v3}, #({c13} & 0xffff)
movk {v3}, #(({c13} >> 16) & 0xffff), lsl #16
add {v1}, {slot}, {v3}
.endif
stlr {v0}, [{v1}]
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
# c1 = const: const { ! 7_usize }
# c10 = const: offset of (*header).len
# c11 = const: offset of (*header).bytes
# c12 = const: const { ! 7_usize }
# c13 = const: offset of ring.head
# c2 = const: Buffer :: < N > :: MASK
# c3 = const: N
# c4 = const: offset of ring.reader.tail
# c5 = const: N
# c6 = const: length of the array in ring.bytes.0 [at]
# c7 = const: size of an element in ring.bytes.0 [at]
# c8 = const: offset of ring.bytes.0 [at]
# c9 = const: 0
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_record = in: record: * const u8
# per_cpu = const: 1 if there is an item for each CPU
# scratch0 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# status = out: the exit taken
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _
# v1 = _, size, _, _, _, _, _, _
# v2 = out: at
# v3 = _, _, used, start, header
