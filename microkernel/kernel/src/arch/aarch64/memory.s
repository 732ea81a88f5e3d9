// memcpy and memset as the compiler calls them, without vector registers, which are the user's. The ones that come with
// the compiler copy word by word here: a page takes them 1,700 instructions, these 600 and 170.
//
// Places need not be aligned: all that the kernel touches through references is normal memory, and SCTLR_EL1.A is 0.

    .text
    .global memcpy
    .global memset

// Loads or stores 64 bytes: 16 at `first`, which may move the base, and the rest behind them, where the base is then `back` bytes
// further.
.macro move_64 op, first, base, back
    \op     x4, x5, \first
    \op     x6, x7, [\base, #16 - \back]
    \op     x8, x9, [\base, #32 - \back]
    \op     x10, x11, [\base, #48 - \back]
.endm

// x0: to, x1: from, x2: bytes. Returns x0.
    .balign 16
memcpy:
    mov     x3, x0
    subs    x2, x2, #128
    b.lo    2f
1:  move_64 ldp, "[x1], #128", x1, 128
    move_64 stp, "[x3], #128", x3, 128
    move_64 ldp, "[x1, #-64]", x1, 64
    move_64 stp, "[x3, #-64]", x3, 64
    subs    x2, x2, #128
    b.hs    1b
// The low bits of what is left, or of that less 128: the same.
2:  tbz     w2, #6, 2f
    move_64 ldp, "[x1], #64", x1, 64
    move_64 stp, "[x3], #64", x3, 64
2:  tbz     w2, #5, 3f
    ldp     x4, x5, [x1], #32
    ldp     x6, x7, [x1, #-16]
    stp     x4, x5, [x3], #32
    stp     x6, x7, [x3, #-16]
3:  tbz     w2, #4, 4f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
4:  tbz     w2, #3, 5f
    ldr     x4, [x1], #8
    str     x4, [x3], #8
5:  tbz     w2, #2, 6f
    ldr     w4, [x1], #4
    str     w4, [x3], #4
6:  tbz     w2, #1, 7f
    ldrh    w4, [x1], #2
    strh    w4, [x3], #2
7:  tbz     w2, #0, 8f
    ldrb    w4, [x1]
    strb    w4, [x3]
8:  ret

// x0: from where, w1: byte, x2: bytes. Returns x0.
    .balign 16
memset:
    mov     x3, x0
    ands    w1, w1, #0xff
    b.ne    spread
    cmp     x2, #256
    b.lo    fill
// Whole blocks of zeros, if the place is a block's: DCZID_EL0 says how large they are (4 bytes << BS), or that there are none.
    mrs     x5, dczid_el0
    tbnz    w5, #4, fill
    mov     x6, #4
    lsl     x6, x6, x5
    sub     x7, x6, #1
    tst     x3, x7
    b.ne    fill
    cmp     x6, #64
    b.ne    2f
    subs    x2, x2, #512
    b.lo    1f
3:  .rept   8
    dc      zva, x3
    add     x3, x3, #64
    .endr
    subs    x2, x2, #512
    b.hs    3b
1:  add     x2, x2, #512
2:  cmp     x2, x6
    b.lo    fill
    dc      zva, x3
    add     x3, x3, x6
    sub     x2, x2, x6
    b       2b

spread:
    orr     w1, w1, w1, lsl #8
    orr     w1, w1, w1, lsl #16
    orr     x1, x1, x1, lsl #32
// x1: eight times the byte.
fill:
    cmp     x2, #64
    b.lo    4f
3:  .irp    at, 0, 16, 32, 48
    stp     x1, x1, [x3, #\at]
    .endr
    add     x3, x3, #64
    sub     x2, x2, #64
    cmp     x2, #64
    b.hs    3b
4:  tbz     w2, #5, 5f
    stp     x1, x1, [x3], #16
    stp     x1, x1, [x3], #16
5:  tbz     w2, #4, 6f
    stp     x1, x1, [x3], #16
6:  tbz     w2, #3, 7f
    str     x1, [x3], #8
7:  tbz     w2, #2, 8f
    str     w1, [x3], #4
8:  tbz     w2, #1, 9f
    strh    w1, [x3], #2
9:  tbz     w2, #0, 10f
    strb    w1, [x3]
10: ret
