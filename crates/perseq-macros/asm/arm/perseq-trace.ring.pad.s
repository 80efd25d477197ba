mrc p15, 0, r2, c13, c0, 3
add r12, r12, r2
ldr r0, [r12]
movw r1, #:lower16:(3f - (25f + 8))
movt r1, #:upper16:(3f - (25f + 8))
25: add r1, pc, r1
str r1, [r0, #8]
4:
.if {per_cpu}
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
.else
ldr r2, [r0, #4]
cmp r2, #0
blt 7f
ldr r12, [{frame}, #0]
.endif
str r12, [{frame}, #8]
str r0, [{frame}, #16]
.if {c0} < 256
add lr, r12, #{c0}
.else
movw lr, #(({c0} & 0xffffffff) & 0xffff)
movt lr, #(({c0} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r0, r1, [lr]
strd r0, r1, [{frame}, #32]
ldrd r2, r3, [{frame}, #24]
cmp r0, r2
sbcs lr, r1, r3
blo 301f
.if {c1} < 256
add lr, r12, #{c1}
.else
movw lr, #(({c1} & 0xffffffff) & 0xffff)
movt lr, #(({c1} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r0, r1, [lr]
strd r0, r1, [{frame}, #32]
.if {c2} < 256
add lr, r12, #{c2}
.else
movw lr, #(({c2} & 0xffffffff) & 0xffff)
movt lr, #(({c2} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r0, r1, [lr]
strd r0, r1, [{frame}, #40]
ldrd r0, r1, [{frame}, #32]
ldrd r2, r3, [{frame}, #24]
adds r0, r0, r2
adc r1, r1, r3
strd r0, r1, [{frame}, #48]
ldrd r0, r1, [{frame}, #40]
ldrd r2, r3, [{frame}, #48]
cmp r0, r2
sbcs lr, r1, r3
bhs 302f
ldrd r0, r1, [{frame}, #32]
ldrd r2, r3, [{frame}, #40]
cmp r0, r2
cmpeq r1, r3
beq 302f
ldr r0, [{frame}, #8]
movw r2, #(({c3} & 0xffffffff) & 0xffff)
movt r2, #(({c3} & 0xffffffff) >> 16)
adds r0, r0, r2
mov r1, #0
strd r0, r1, [{frame}, #48]
mov r1, #0
strd r0, r1, [{frame}, #48]
.if {c4} < 256
add lr, r12, #{c4}
.else
movw lr, #(({c4} & 0xffffffff) & 0xffff)
movt lr, #(({c4} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r0, r1, [lr]
strd r0, r1, [{frame}, #56]
ldrd r0, r1, [{frame}, #32]
ldrd r2, r3, [{frame}, #56]
and r0, r0, r2
and r1, r1, r3
strd r0, r1, [{frame}, #32]
mov r1, #0
strd r0, r1, [{frame}, #32]
ldr r0, [{frame}, #48]
ldr r2, [{frame}, #32]
adds r0, r0, r2
mov r1, #0
strd r0, r1, [{frame}, #48]
mov r1, #0
strd r0, r1, [{frame}, #48]
movw r0, #(({c5} & 0xffffffff) & 0xffff)
movt r0, #(({c5} & 0xffffffff) >> 16)
movw r1, #((({c5} >> 32) & 0xffffffff) & 0xffff)
movt r1, #((({c5} >> 32) & 0xffffffff) >> 16)
ldr r12, [{frame}, #48]
.if {c6} < 256
add lr, r12, #{c6}
.else
movw lr, #(({c6} & 0xffffffff) & 0xffff)
movt lr, #(({c6} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r2, r3, [lr]
strexd r2, r0, r1, [lr]
cmp r2, #0
bne 7f
ldrd r0, r1, [{frame}, #40]
ldr r12, [{frame}, #8]
dmb ish
.if {c7} < 256
add lr, r12, #{c7}
.else
movw lr, #(({c7} & 0xffffffff) & 0xffff)
movt lr, #(({c7} & 0xffffffff) >> 16)
add lr, r12, lr
.endif
ldrexd r2, r3, [lr]
strexd r2, r0, r1, [lr]
5:
cmp r2, #0
bne 7f
.ifndef .Lperseq_site
.set .Lperseq_site, 0
.endif
.set .Lperseq_site, .Lperseq_site + 1
b 6f
.inst 0xe7f5def3
7:
b {refused}
301:
b {exit1}
302:
b {exit2}
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
# r12 = in: offset of the thread block from the thread pointer, clobbered
# clobbers r0
# clobbers r1
# clobbers r2
# clobbers r3
# clobbers lr
# frame + 0 = in: address of slot 0
# frame + 8 = address of the slot
# frame + 16 = address of the area
# frame + 24 = in: size
# frame + 32 = _, head, _, _
# frame + 40 = limit
# frame + 48 = _, data, _, _, event
# frame + 56 = _
