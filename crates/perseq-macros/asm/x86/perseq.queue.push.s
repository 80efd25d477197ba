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
movl {c0}(%ecx), %eax
xorl %edx, %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
movl {c1}(%ecx), %eax
xorl %edx, %edx
movl %eax, 40({frame})
movl %edx, 44({frame})
movl 32({frame}), %eax
subl 40({frame}), %eax
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
cmpl $({c2} & 0xffffffff), %eax
jae 301f
movl 32({frame}), %eax
andl $({c3} & 0xffffffff), %eax
xorl %edx, %edx
movl %eax, 40({frame})
movl %edx, 44({frame})
cmpl $({c4} & 0xffffffff), %eax
jae 302f
imull ${c5}, %eax, %eax
addl 8({frame}), %eax
addl $({c6} & 0xffffffff), %eax
xorl %edx, %edx
movl %eax, 48({frame})
movl %edx, 52({frame})
movl 24({frame}), %eax
movl 48({frame}), %ecx
movl %eax, {c7}(%ecx)
movl 32({frame}), %eax
addl $1, %eax
xorl %edx, %edx
movl %eax, 32({frame})
movl %edx, 36({frame})
movl 8({frame}), %ecx
movl %eax, {c8}(%ecx)
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
# c0 = const: offset of queue.tail
# c1 = const: offset of queue.head
# c2 = const: N
# c3 = const: Items :: < *mut () , N > :: MASK
# c4 = const: length of the array in queue.items [at]
# c5 = const: size of an element in queue.items [at]
# c6 = const: offset of queue.items [at]
# c7 = const: 0
# c8 = const: offset of queue.tail
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
# frame + 24 = in: item
# frame + 32 = tail, _
# frame + 40 = out: _, at
# frame + 48 = len, _
