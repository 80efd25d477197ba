mrc p15, 0, r2, c13, c0, 3
add r12, r12, r2
ldr r0, [r12]
movw r1, #:lower16:(3f - (25f + 8))
movt r1, #:upper16:(3f - (25f + 8))
25: add r1, pc, r1
str r1, [r0, #8]
4:
ldr r3, [{frame}, #0]
.if {by_cid}
ldr r2, [r12, #4]
ldr r2, [r0, r2]
.elseif {gated}
ldr r2, [r0, #4]
.else
ldr r2, [r0]
cmp r2, #0
blt 7f
tst r3, #1
bne 7f
.endif
add r12, r3, r2, lsl #{shift}
.if {gated}
ldr r2, [r12]
cmp r2, #1
bne 7f
dmb ish
.endif
str r12, [{frame}, #8]
str r0, [{frame}, #16]
.if {c0} < 256
ldr r0, [r12, #{c0}]
.else
movw lr, #(({c0} & 0xffffffff) & 0xffff)
movt lr, #(({c0} & 0xffffffff) >> 16)
ldr r0, [r12, lr]
.endif
mov r1, #0
strd r0, r1, [{frame}, #32]
ldr r0, [{frame}, #24]
.if {c1} < 256
str r0, [r12, #{c1}]
.else
movw lr, #(({c1} & 0xffffffff) & 0xffff)
movt lr, #(({c1} & 0xffffffff) >> 16)
str r0, [r12, lr]
.endif
5:
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.inst 0xe7f5def3
7:
b {refused}
6:
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
.popsection
# by_cid = const: 1 if slots are numbered by concurrency id
# c0 = const: offset of queues.top
# c1 = const: offset of queues.top
# frame = in: address of the frame
# gated = const: 1 if slots have gates
# refused = label: refused or aborted
# shift = const: log2 of the distance between slots
# r12 = in: offset of the thread block from the thread pointer, clobbered
# clobbers r0
# clobbers r1
# clobbers r2
# clobbers r3
# clobbers lr
# frame + 0 = in: address of slot 0
# frame + 8 = address of the slot
# frame + 16 = address of the area
# frame + 24 = in: bottom
# frame + 32 = out: top
