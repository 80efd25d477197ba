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
cmp {v0}, {p_cpu}
b.ne 301f
.if {c0} < 32768 && {c0} % 8 == 0
ldr {v0}, [{p_ptr}, #{c0}]
.else
movz {v1}, #({c0} & 0xffff)
movk {v1}, #(({c0} >> 16) & 0xffff), lsl #16
ldr {v0}, [{p_ptr}, {v1}]
.endif
add {v0}, {v0}, {p_off}
.if {c1} < 32768 && {c1} % 8 == 0
ldr {v1}, [{v0}, #{c1}]
.else
movz {scratch0}, #({c1} & 0xffff)
movk {scratch0}, #(({c1} >> 16) & 0xffff), lsl #16
ldr {v1}, [{v0}, {scratch0}]
.endif
.if {c2} < 32768 && {c2} % 8 == 0
ldr {v0}, [{v1}, #{c2}]
.else
movz {scratch0}, #({c2} & 0xffff)
movk {scratch0}, #(({c2} >> 16) & 0xffff), lsl #16
ldr {v0}, [{v1}, {scratch0}]
.endif
add {v0}, {v0}, {p_inc}
.if {c4}
.if {c3} < 4096
add {scratch0}, {v1}, #{c3}
.else
movz {scratch1}, #({c3} & 0xffff)
movk {scratch1}, #(({c3} >> 16) & 0xffff), lsl #16
add {scratch0}, {v1}, {scratch1}
.endif
stlr {v0}, [{scratch0}]
.else
.if {c3} < 32768 && {c3} % 8 == 0
str {v0}, [{v1}, #{c3}]
.else
movz {scratch1}, #({c3} & 0xffff)
movk {scratch1}, #(({c3} >> 16) & 0xffff), lsl #16
str {v0}, [{v1}, {scratch1}]
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
# c0 = const: offset of *ptr
# c1 = const: offset of *pointer
# c2 = const: offset of *word
# c3 = const: offset of *word
# c4 = const: 1 if O :: RELEASE
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# p_cpu = in: cpu: u32
# p_inc = in: inc: isize
# p_off = in: off: isize
# p_ptr = in: ptr: * mut isize
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, here, start, _, pointer, found, _
# v1 = address, word
