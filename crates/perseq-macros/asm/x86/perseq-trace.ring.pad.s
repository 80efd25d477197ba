leal 3f@GOTOFF(%eax), %eax
movl %gs:(%ecx), %edx
movl %eax, 8(%edx)
4:
.if {per_cpu}
movl 0({frame}), %eax
.if {by_cid}
movl %gs:4(%ecx), %ecx
movl (%edx,%ecx), %ecx
.elseif {gated}
movl 4(%edx), %ecx
.else
movl (%edx), %ecx
testl %ecx, %ecx
js 7f
testb $1, %al
jnz 7f
.endif
shll ${shift}, %ecx
addl %eax, %ecx
.if {gated}
cmpl $1, (%ecx)
jne 7f
.endif
.else
cmpl $0, 4(%edx)
jl 7f
movl 0({frame}), %ecx
.endif
movl %ecx, 8({frame})
movl %edx, 16({frame})
movq {c0}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
cmpl 24({frame}), %eax
sbbl 28({frame}), %edx
jb 301f
movq {c1}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
movq {c2}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 40({frame})
movl %edx, 44({frame})
movl 32({frame}), %eax
movl 36({frame}), %edx
addl 24({frame}), %eax
adcl 28({frame}), %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 40({frame}), %eax
movl 44({frame}), %edx
cmpl 48({frame}), %eax
sbbl 52({frame}), %edx
jae 302f
movl 32({frame}), %eax
movl 36({frame}), %edx
xorl 40({frame}), %eax
xorl 44({frame}), %edx
orl %edx, %eax
je 302f
movl 8({frame}), %eax
addl $({c3} & 0xffffffff), %eax
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movq {c4}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movl 32({frame}), %eax
movl 36({frame}), %edx
andl 56({frame}), %eax
andl 60({frame}), %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
xorl %edx, %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
movl 48({frame}), %eax
addl 32({frame}), %eax
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl $({c5} & 0xffffffff), %eax
movl $(({c5} >> 32) & 0xffffffff), %edx
movl 48({frame}), %ecx
movd %eax, %xmm0
movd %edx, %xmm1
punpckldq %xmm1, %xmm0
movq %xmm0, {c6}(%ecx)
movl 40({frame}), %eax
movl 44({frame}), %edx
movl 8({frame}), %ecx
movd %eax, %xmm0
movd %edx, %xmm1
punpckldq %xmm1, %xmm0
movq %xmm0, {c7}(%ecx)
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
302:
jmp {exit2}
.popsection
.pushsection __rseq_cs, "aw", %progbits, unique, .Lperseq_site
.balign 32
3:
.4byte 0, 0
.4byte 4b, 0, (5b - 4b), 0, 7b, 0
.reloc 0, BFD_RELOC_NONE, 8f
.reloc 0, BFD_RELOC_NONE, 9f
.popsection
.pushsection __rseq_cs_ptr_array, "aw", %progbits, unique, .Lperseq_site
.balign 8
8:
.4byte 3b, 0
.popsection
.pushsection __rseq_exit_point_array, "aw", %progbits, unique, .Lperseq_site
.balign 8
9:
.4byte 4b, 0, 7b, 0
.4byte 4b, 0, 301b, 0
.4byte 4b, 0, 302b, 0
.popsection
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of rings.sub
# c1 = const: offset of rings.head
# c2 = const: offset of rings.limit
# c3 = const: offset of rings.data.0 [0]
# c4 = const: offset of rings.mask
# c5 = const: MARK as u64
# c6 = const: offset of (*event).time
# c7 = const: offset of rings.head
# exit1 = label: exit 1
# exit2 = label: exit 2
# frame = in: address of the frame
# gated = const: 1 if slots have gates
# per_cpu = const: 1 if there is an item for each CPU
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# eax = in: the address that others are relative to, clobbered
# ecx = in: offset of the thread block from the thread pointer, clobbered
# clobbers edx
# clobbers xmm0
# clobbers xmm1
# frame + 0 = in: address of slot 0
# frame + 8 = address of the slot
# frame + 16 = address of the area
# frame + 24 = in: size
# frame + 32 = _, head, _, _
# frame + 40 = limit
# frame + 48 = _, data, _, _, event
# frame + 56 = _
