mov {v0}, qword ptr fs:[{thread}]
lea {slot}, [rip + 3f]
mov qword ptr [{v0} + 8], {slot}
4:
.if {per_cpu}
.if {by_cid}
mov {slot}, qword ptr fs:[{thread} + 8]
movsxd {slot}, dword ptr [{v0} + {slot}]
.elseif {gated}
movsxd {slot}, dword ptr [{v0} + 4]
.else
movsxd {slot}, dword ptr [{v0}]
.endif
shl {slot}, {shift}
add {slot}, {base}
.if {gated}
cmp dword ptr [{slot}], 1
jne 7f
.else
jl 7f
.endif
.else
cmp dword ptr [{v0} + 4], 0
jl 7f
mov {slot}, {base}
.endif
mov {v0}, qword ptr [{slot} + {c0}]
mov {v1}, {p_len}
add {v1}, 15
mov {v2}, {c1}
and {v1}, {v2}
mov {v3}, {c2}
mov {v2}, {v0}
and {v2}, {v3}
mov {v3}, {v2}
add {v3}, {v1}
mov {status:e}, 1
mov {scratch0}, {c3}
cmp {v3}, {scratch0}
ja 6f
mov {v3}, {v0}
add {v3}, {v1}
mov {v1}, qword ptr [{slot} + {c4}]
sub {v3}, {v1}
mov {status:e}, 2
mov {v1}, {c5}
cmp {v3}, {v1}
ja 6f
mov {status:e}, 3
cmp {v2}, {c6}
jae 6f
.if {c7} == 1 || {c7} == 2 || {c7} == 4 || {c7} == 8
lea {v1}, [{v2} * {c7} + {slot} + {c8}]
.else
imul {v1}, {v2}, {c7}
lea {v1}, [{v1} + {slot} + {c8}]
.endif
lea {v3}, [{v1} + {c9}]
mov {v1}, {p_len}
mov qword ptr [{v3} + {c10}], {v1}
lea {v1}, [{v3} + {c11}]
xor {v3:e}, {v3:e}
21:
lea {scratch0}, [{v3} + 64]
cmp {scratch0}, {p_len}
ja 22f
movups xmm0, xmmword ptr [{p_record} + {v3} + 0]
movups xmmword ptr [{v1} + {v3} + 0], xmm0
movups xmm0, xmmword ptr [{p_record} + {v3} + 16]
movups xmmword ptr [{v1} + {v3} + 16], xmm0
movups xmm0, xmmword ptr [{p_record} + {v3} + 32]
movups xmmword ptr [{v1} + {v3} + 32], xmm0
movups xmm0, xmmword ptr [{p_record} + {v3} + 48]
movups xmmword ptr [{v1} + {v3} + 48], xmm0
add {v3}, 64
jmp 21b
22:
lea {scratch0}, [{v3} + 8]
cmp {scratch0}, {p_len}
ja 23f
mov {scratch0}, qword ptr [{p_record} + {v3}]
mov qword ptr [{v1} + {v3}], {scratch0}
add {v3}, 8
jmp 22b
23:
cmp {v3}, {p_len}
jae 24f
movzx {scratch0:e}, byte ptr [{p_record} + {v3}]
mov byte ptr [{v1} + {v3}], {scratch0:l}
add {v3}, 1
jmp 23b
24:
mov {v1}, {p_len}
add {v1}, 15
mov {v3}, {c12}
and {v1}, {v3}
add {v0}, {v1}
mov qword ptr [{slot} + {c13}], {v0}
5:
xor {status:e}, {status:e}
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
6:
.pushsection __rseq_failure, "ax", %progbits, unique, .Lperseq_site
.byte 0x0f, 0xb9, 0x3d, 0x53, 0x30, 0x05, 0x53
.altmacro
.macro perseq_name site
.type perseq_abort_\site, %function
perseq_abort_\site:
.endm
perseq_name %.Lperseq_site
.purgem perseq_name
.noaltmacro
7:
mov {status:e}, 255
jmp 6b
.popsection
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
# clobbers xmm0
