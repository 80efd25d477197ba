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
add {v0}, 1
mov qword ptr [{slot} + {c1}], {v0}
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
# c0 = const: offset of rings.lost
# c1 = const: offset of rings.lost
# gated = const: 1 if slots have gates
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# slot = scratch
# thread = in: offset of the thread block from the thread pointer
# v0 = address of the area, lost, _
