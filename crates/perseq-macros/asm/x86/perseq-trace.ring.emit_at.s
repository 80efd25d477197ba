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
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 24({frame}), %eax
movl 28({frame}), %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movl 48({frame}), %eax
movl 52({frame}), %edx
addl 56({frame}), %eax
adcl 60({frame}), %edx
movl %eax, 64({frame})
movl %edx, 68({frame})
addl $8, %eax
adcl $0, %edx
movl %eax, 64({frame})
movl %edx, 68({frame})
movq {c1}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
cmpl 64({frame}), %eax
sbbl 68({frame}), %edx
jb 301f
movq {c2}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movl 32({frame}), %eax
movl 36({frame}), %edx
cmpl 56({frame}), %eax
sbbl 60({frame}), %edx
jb 302f
movl 8({frame}), %eax
addl $({c3} & 0xffffffff), %eax
xorl %edx, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
xorl %edx, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movq {c4}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 64({frame})
movl %edx, 68({frame})
movl 48({frame}), %eax
movl 52({frame}), %edx
andl 64({frame}), %eax
andl 68({frame}), %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 56({frame}), %eax
addl 48({frame}), %eax
xorl %edx, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
xorl %edx, %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movl 32({frame}), %eax
movl 36({frame}), %edx
movl 56({frame}), %ecx
movd %eax, %xmm0
movd %edx, %xmm1
punpckldq %xmm1, %xmm0
movq %xmm0, {c5}(%ecx)
movl 56({frame}), %eax
addl $({c6} & 0xffffffff), %eax
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 40({frame}), %eax
movl 24({frame}), %ecx
addl %eax, %ecx
movl %ecx, 12({frame})
movl 48({frame}), %edx
subl %eax, %edx
22:
movl 12({frame}), %ecx
subl %eax, %ecx
cmpl $8, %ecx
jb 23f
movq (%eax), %xmm0
movq %xmm0, (%eax,%edx)
addl $8, %eax
jmp 22b
23:
cmpl 12({frame}), %eax
je 24f
movb (%eax), %cl
movb %cl, (%eax,%edx)
incl %eax
jmp 23b
24:
movl 32({frame}), %eax
movl 36({frame}), %edx
movl 8({frame}), %ecx
movd %eax, %xmm0
movd %edx, %xmm1
punpckldq %xmm1, %xmm0
movq %xmm0, {c7}(%ecx)
movq {c8}(%ecx), %xmm0
movd %xmm0, %eax
pshufd $1, %xmm0, %xmm0
movd %xmm0, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 24({frame}), %eax
movl 28({frame}), %edx
movl %eax, 56({frame})
movl %edx, 60({frame})
movl 48({frame}), %eax
movl 52({frame}), %edx
addl 56({frame}), %eax
adcl 60({frame}), %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
addl $8, %eax
adcl $0, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movd %eax, %xmm0
movd %edx, %xmm1
punpckldq %xmm1, %xmm0
movq %xmm0, {c9}(%ecx)
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
# c0 = const: offset of rings.head
# c1 = const: offset of rings.limit
# c2 = const: offset of rings.last
# c3 = const: offset of rings.data.0 [0]
# c4 = const: offset of rings.mask
# c5 = const: offset of (*event).time
# c6 = const: offset of (*event).rest
# c7 = const: offset of rings.last
# c8 = const: offset of rings.head
# c9 = const: offset of rings.head
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
# frame + 24 = in: len
# frame + 32 = in: now
# frame + 40 = in: rest
# frame + 48 = head, _, _, to, _, _, end
# frame + 56 = _, _, _, data, _, _, event, _
# frame + 64 = _, _, _
