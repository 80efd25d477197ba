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
xor {scratch0:e}, {scratch0:e}
21:
lea {scratch1}, [{scratch0} + 64]
cmp {scratch1}, {p_len}
ja 22f
movups xmm0, xmmword ptr [{v0} + {scratch0} + 0]
movups xmmword ptr [{p_to} + {scratch0} + 0], xmm0
movups xmm0, xmmword ptr [{v0} + {scratch0} + 16]
movups xmmword ptr [{p_to} + {scratch0} + 16], xmm0
movups xmm0, xmmword ptr [{v0} + {scratch0} + 32]
movups xmmword ptr [{p_to} + {scratch0} + 32], xmm0
movups xmm0, xmmword ptr [{v0} + {scratch0} + 48]
movups xmmword ptr [{p_to} + {scratch0} + 48], xmm0
add {scratch0}, 64
jmp 21b
22:
lea {scratch1}, [{scratch0} + 8]
cmp {scratch1}, {p_len}
ja 23f
mov {scratch1}, qword ptr [{v0} + {scratch0}]
mov qword ptr [{p_to} + {scratch0}], {scratch1}
add {scratch0}, 8
jmp 22b
23:
cmp {scratch0}, {p_len}
jae 24f
movzx {scratch1:e}, byte ptr [{v0} + {scratch0}]
mov byte ptr [{p_to} + {scratch0}], {scratch1:l}
add {scratch0}, 1
jmp 23b
24:
mov qword ptr [{p_whole} + {c1}], {p_len}
5:
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
jmp {refused}
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
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of cell.pointer
# c1 = const: offset of (*whole).word
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_to = in: to: * mut T
# p_whole = in: whole: * mut Word < usize >
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# scratch0 = scratch
# scratch1 = scratch
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, value
# clobbers xmm0
