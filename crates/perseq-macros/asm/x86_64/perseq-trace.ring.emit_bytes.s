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
mov {v2}, {v0}
add {v2}, {v1}
add {v2}, 8
mov {v1}, qword ptr [{slot} + {c1}]
cmp {v2}, {v1}
ja 301f
lea {v1}, [{slot} + {c2}]
mov {v2}, qword ptr [{slot} + {c3}]
and {v0}, {v2}
add {v1}, {v0}
rdtsc
shl rdx, 32
or rax, rdx
mov {v0}, rax
mov qword ptr [{v1} + {c4}], {v0}
lea {v0}, [{v1} + {c5}]
xor {v1:e}, {v1:e}
21:
lea {v2}, [{v1} + 64]
cmp {v2}, {p_len}
ja 22f
movups xmm0, xmmword ptr [{p_rest} + {v1} + 0]
movups xmmword ptr [{v0} + {v1} + 0], xmm0
movups xmm0, xmmword ptr [{p_rest} + {v1} + 16]
movups xmmword ptr [{v0} + {v1} + 16], xmm0
movups xmm0, xmmword ptr [{p_rest} + {v1} + 32]
movups xmmword ptr [{v0} + {v1} + 32], xmm0
movups xmm0, xmmword ptr [{p_rest} + {v1} + 48]
movups xmmword ptr [{v0} + {v1} + 48], xmm0
add {v1}, 64
jmp 21b
22:
lea {v2}, [{v1} + 8]
cmp {v2}, {p_len}
ja 23f
mov {v2}, qword ptr [{p_rest} + {v1}]
mov qword ptr [{v0} + {v1}], {v2}
add {v1}, 8
jmp 22b
23:
cmp {v1}, {p_len}
jae 24f
movzx {v2:e}, byte ptr [{p_rest} + {v1}]
mov byte ptr [{v0} + {v1}], {v2:l}
add {v1}, 1
jmp 23b
24:
mov {v0}, qword ptr [{slot} + {c6}]
mov {v1}, {p_len}
add {v0}, {v1}
add {v0}, 8
mov qword ptr [{slot} + {c7}], {v0}
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
301:
jmp {exit1}
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
.8byte 4b, 301b
.popsection
# base = in: address of slot 0
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.data.0 [0]
# c3 = const: offset of rings.mask
# c4 = const: offset of (*event).time
# c5 = const: offset of (*event).rest
# c6 = const: offset of rings.head
# c7 = const: offset of rings.head
# exit1 = label: exit 1
# gated = const: 1 if slots have gates
# p_len = in: len: usize
# p_rest = in: rest: * const u64
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, head, _, _, now, to, _, _, end
# v1 = _, _, data, _, _, event, _
# v2 = _, _, _
# clobbers rax
# clobbers rdx
# clobbers xmm0
