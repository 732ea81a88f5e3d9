// Exception vectors, and the ways out of the kernel.
//
// TPIDR_EL1 holds the running thread's Context (vectors.rs's GONE if that is gone), 0 while the core is idle. SP_EL1 stands at the top
// of the core's stack whenever user code runs. Interrupts stay masked in the kernel, so the 16 bytes below SP may be
// used without moving it.
//
// When Rust returns another Context than before, the kernel's lock is taken: it is given back here once the one that
// leaves is stored and its address space no longer loaded.
//
// Vector registers are a thread's from its first use of them on, by a trap, until it leaves the core: CPACR_EL1.FPEN says
// whether they are. Then they are saved; who has used them lately gets them with the core, for some turns, as a trap costs
// more than loading. While they are nobody's they are zero, so that a processor that reads ahead of the trap finds nothing.
//
//   message:      stores everything but what the ABI loses -> kernel_half_call ... -> `message_done` or `switch_threads`
//   system call:  stores what the ABI keeps and Rust loses -> kernel_syscall, kernel_notify -> `same` or `other`
//   the rest:     stores everything         -> Rust           -> `leave`

.arch_extension fp
.arch_extension simd

.equ SP_PC,     {words} + 96
.equ FLAGS,     {words} + 112
.equ POINTER,   {words} + 120
.equ R11,       {rest}                  // x11-x15
.equ R17,       {rest} + 40             // x17-x30
.equ R30,       {rest} + 144

// SP to the top of the core's stack, from anywhere in it.
.macro empty_stack
    mov     x11, sp
    orr     x11, x11, #({stack_stride} - 1)
    add     sp, x11, #1
.endm

// Gives the kernel's lock back (lock.rs).
.macro unlock
    adr     x11, {kernel}
    stlrb   wzr, [x11]
.endm

// Loads or stores pairs of registers, each so many bytes behind the one before.
.macro pairs op, base, from, step, registers:vararg
    .set    pair_at, \from
    .irp    pair, \registers
    \op     \pair, [\base, #pair_at]
    .set    pair_at, pair_at + \step
    .endr
.endm

// Most of what Rust preserves: to the context x17, or from x0.
.macro preserved op, context
    pairs   \op, \context, R17 + 24, 16, "x20, x21", "x22, x23", "x24, x25", "x26, x27", "x28, x29"
.endm

// Words, a0 and a1, badge and number, to the context x17.
.macro store_words
    pairs   stp, x17, {words}, 16, "x2, x3", "x4, x5", "x6, x7", "x8, x9", "x0, x1", "x10, x16"
.endm

// The same, from the context x0: all but x0 and x1, which come last.
.macro load_words
    pairs   ldp, x0, {words}, 16, "x2, x3", "x4, x5", "x6, x7", "x8, x9"
    ldp     x10, x16, [x0, #{words} + 80]
.endm

// Loads or stores the vector registers of a context, without FPCR and FPSR.
.macro fpu_pairs op, context
    pairs   \op, \context, {fpu}, 32, "q0, q1", "q2, q3", "q4, q5", "q6, q7"
    pairs   \op, \context, {fpu} + 128, 32, "q8, q9", "q10, q11", "q12, q13", "q14, q15"
    pairs   \op, \context, {fpu} + 256, 32, "q16, q17", "q18, q19", "q20, q21", "q22, q23"
    pairs   \op, \context, {fpu} + 384, 32, "q24, q25", "q26, q27", "q28, q29", "q30, q31"
.endm

// Loads the vector registers of a context.
.macro load_fpu context
    fpu_pairs ldp, \context
.endm

.macro slot label
.balign 128
    b       \label
.endm

.section .vectors, "ax"
.balign 2048
.global vectors
vectors:
    slot    fatal_0                     // EL1 with SP_EL0: never used
    slot    fatal_1
    slot    fatal_2
    slot    fatal_3
    slot    fatal_4                     // EL1: a fault is the kernel's own, an interrupt ends idling
    slot    kernel_irq
    slot    fatal_6
    slot    fatal_7
.balign 128                             // EL0
    str     x17, [sp, #-16]
    mrs     x17, esr_el1
    lsr     x17, x17, #26
    cmp     x17, #0x15                  // SVC from AArch64
    b.ne    6f
    cbz     x16, null_call
    mrs     x17, tpidr_el1
    store_words
    mrs     x11, elr_el1
    str     x11, [x17, #SP_PC + 8]
    and     w11, w16, #0xffff
    cmp     w11, #{notify}
    b.lo    message
    str     x30, [x17, #R30]
    b.eq    notify
    mov     x0, x16
    bl      {syscall}
    b       syscall_done
6:  cmp     x17, #0x07                  // floating point that is off
    b.eq    fpu_off
    b       user_exception
    slot    user_irq
    slot    fatal_10
    slot    user_serror
    slot    fatal_12                    // EL0 in AArch32: never entered
    slot    fatal_13
    slot    fatal_14
    slot    fatal_15
.balign 128

// The null call asks for nothing, and its status is its number: back at once. x17 holds no more than the exception's class.
null_call:
    eret
    dsb     nsh
    isb

// A signal: the same thread goes on, mostly.
notify:
    mov     x2, x16
    mrs     x3, tpidrro_el0
    bl      {kernel_notify}
    b       syscall_done

// A message: what Rust preserves is stored at once, and Rust doesn't return. w11: which call it is.
message:
    stp     xzr, x19, [x17, #R17 + 8]
    preserved stp, x17
    str     x30, [x17, #R30]
    mov     x2, x16
    mrs     x3, tpidrro_el0
    cmp     w11, #{call}
    b.ne    1f
    cmp     x1, #{half}
    b.eq    {half_call}
    cmp     x1, #{register_bytes}
    b.ls    {short_call}
    b       {long_call}
1:  cmp     w11, #{reply_recv}
    b.ne    {kernel_recv}
    cmp     w1, #{half}
    b.eq    {half_reply_recv}
    cmp     w1, #{register_bytes}
    b.ls    {short_reply_recv}
    b       {long_reply_recv}

// From Rust, after a message: x0 comes, 0 for none.
.global message_done
message_done:
    empty_stack
    mrs     x17, tpidr_el1
    cmp     x0, x17
    b.ne    stored
    ldp     x18, x19, [x0, #R17 + 8]
    preserved ldp, x0
    b       same

syscall_done:
    mrs     x17, tpidr_el1
    cmp     x0, x17
    b.ne    other
same:
// The same thread goes on: what Rust preserves is still in place. The program counter may have been rewound.
    ldr     x11, [x0, #SP_PC + 8]
    msr     elr_el1, x11
    load_words
    ldr     x30, [x0, #R30]
    ldp     x0, x1, [x0, #{words} + 64]
    .irp    n, 11, 12, 13, 14, 15, 17, 18
    mov     x\n, xzr
    .endr
    eret
    dsb     nsh                         // no speculation past the way out
    isb

// From Rust, after an interrupt: x0 comes, another than the one that runs, all of which is stored.
.global interrupted
interrupted:
    empty_stack
    mrs     x17, tpidr_el1
    b       switch_out

// Another thread after a system call: x17 leaves; x0 comes, 0 for none.
other:
    stp     xzr, x19, [x17, #R17 + 8]
    preserved stp, x17
    b       stored

// From Rust, after a message: x0 comes, another than the one that runs.
.global switch_threads
switch_threads:
    empty_stack
    mrs     x17, tpidr_el1
stored:
    pairs   stp, x17, R11, 16, "xzr, xzr", "xzr, xzr", "xzr, xzr" // the ABI's lost registers
    mrs     x11, sp_el0                 // not before: only here somebody may look at them
    mrs     x12, spsr_el1
    str     x11, [x17, #SP_PC]
    str     x12, [x17, #FLAGS]
switch_out:
    mrs     x11, tpidr_el0
    str     x11, [x17, #POINTER]
    mrs     x13, cpacr_el1
    tbz     x13, #20, switch_in         // the vector registers are not the thread's
    fpu_pairs stp, x17
    mrs     x11, fpcr
    mrs     x12, fpsr
    stp     x11, x12, [x17, #{fpu_control}]

// Loads the thread x0. x13 is CPACR_EL1: bit 20 says that the vector registers hold what is another's, and is saved.
switch_in:
    cbz     x0, kernel_idle
    msr     tpidr_el1, x0
    ldr     x11, [x0, #{space}]
    msr     ttbr0_el1, x11
    isb                                 // before the other's tables may go
    unlock
    ldr     x11, [x0, #{fpu_valid}]
    cbz     w11, take_fpu
// The thread has used the vector registers lately: it has them at once, w11 times more.
    sub     x11, x11, #1
    str     x11, [x0, #{fpu_valid}]
    tbz     x13, #20, 4f
3:  load_fpu x0
    ldp     x11, x12, [x0, #{fpu_control}]
    msr     fpcr, x11
    msr     fpsr, x12
2:  ldr     x11, [x0, #POINTER]
    msr     tpidr_el0, x11

// Returns to the thread x0, all registers from its Context.
restore:
    ldp     x11, x12, [x0, #SP_PC]
    msr     sp_el0, x11
    msr     elr_el1, x12
    ldr     x11, [x0, #FLAGS]
    msr     spsr_el1, x11
    load_words
    pairs   ldp, x0, R11, 16, "x11, x12", "x13, x14", "x15, x17"
    ldp     x18, x19, [x0, #R17 + 8]
    preserved ldp, x0
    ldr     x30, [x0, #R30]
    ldp     x0, x1, [x0, #{words} + 64]
    eret
    dsb     nsh
    isb

// They are nobody's, and now the thread's.
4:  mov     x12, #3 << 20
    msr     cpacr_el1, x12
    isb
    b       3b

// The thread x0 has not used them: they are nobody's, or become so.
take_fpu:
    tbz     x13, #20, 2b
    bl      clear_fpu
    b       2b

// EL0 asks for the vector registers, for the first time or after a while: the instruction is run again.
fpu_off:
    mrs     x17, cpacr_el1
    tbnz    x17, #20, user_exception
    mov     x17, #3 << 20
    msr     cpacr_el1, x17
    mrs     x17, tpidr_el1
    str     x16, [sp, #-8]
    isb
    ldr     w16, [x17, #{fpu_valid} + 4]
    cbz     w16, 5f                     // it has none yet, and these are zero
    load_fpu x17
    ldr     x16, [x17, #{fpu_control}]
    msr     fpcr, x16
    ldr     x16, [x17, #{fpu_control} + 8]
    msr     fpsr, x16
5:  mov     x16, #{turns}               // its own from now on, and saved when it leaves
    movk    x16, #1, lsl #32
    str     x16, [x17, #{fpu_valid}]
    ldr     x16, [sp, #-8]
    ldr     x17, [sp, #-16]
    eret
    dsb     nsh
    isb

// The vector registers belong to nobody from here on, and are zero. Changes x12 alone.
.global clear_fpu
clear_fpu:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    movi    v\n\().2d, #0
    .endr
    msr     fpcr, xzr
    msr     fpsr, xzr
    mov     x12, xzr
    msr     cpacr_el1, x12
    isb
    ret

// Stores everything but x17, which lies below SP. Leaves x17 = Context.
.macro store_all
    mrs     x17, tpidr_el1
    store_words
    stp     x11, x12, [x17, #R11]
    stp     x13, x14, [x17, #R11 + 16]
    ldr     x0, [sp, #-16]
    stp     x15, x0, [x17, #R11 + 32]
    stp     x18, x19, [x17, #R17 + 8]
    preserved stp, x17
    str     x30, [x17, #R30]
    mrs     x11, sp_el0
    mrs     x12, elr_el1
    stp     x11, x12, [x17, #SP_PC]
    mrs     x11, spsr_el1
    str     x11, [x17, #FLAGS]
.endm

user_exception:
    store_all
    mrs     x0, esr_el1
    mrs     x1, far_el1
    mov     x2, x12
    bl      {exception}
    b       leave

user_serror:
    str     x17, [sp, #-16]
    store_all
    mrs     x0, esr_el1
    mov     x1, xzr
    mov     x2, x12
    bl      {exception}
    b       leave

user_irq:
    str     x17, [sp, #-16]
    store_all
    bl      {interrupt}

// After an interrupt or exception: x0 comes, 0 for none; the registers of the one that leaves are stored.
leave:
    mrs     x17, tpidr_el1
    cmp     x0, x17
    b.ne    3f
    cbnz    x0, restore
    b       idle_on

3:  cbnz    x17, switch_out
    mov     x13, xzr                    // while idle they are nobody's
    b       switch_in

// Only `idle` unmasks interrupts in the kernel. The place it was at is of no interest; the stack is empty again.
kernel_irq:
    mrs     x17, tpidr_el1
    cbnz    x17, fatal_5
    bl      {interrupt}
    b       leave

// kernel_enter(x0: Context): leaves the kernel for the first time, with the lock taken.
.global kernel_enter
kernel_enter:
    bl      unwind_stack
    mov     x13, xzr
    b       switch_in

// kernel_idle: waits with an empty stack, nobody's address space and interrupts taken one at a time.
kernel_idle:
    msr     tpidr_el1, xzr
    tbz     x13, #20, 7f
    bl      clear_fpu
7:  bl      unwind_stack
    mrs     x0, ttbr1_el1               // kernel_root; empty_root follows it
    add     x0, x0, #0x1000
    msr     ttbr0_el1, x0
    isb
    unlock
idle_on:
    bl      unwind_stack
4:  dsb     sy
    wfi
    msr     daifclr, #2
    isb
    msr     daifset, #2
    b       4b

// SP to the top of the core's stack. Keeps all but x1 and x2.
unwind_stack:
    mov     x1, sp
    mov     x2, #{stack_stride} - 1
    add     x1, x1, x2
    bic     x1, x1, x2
    mov     sp, x1
    ret

// The kernel's own exceptions: the stack may be what broke, so the registers go to a fixed place.
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 14, 15
fatal_\n:
    msr     sp_el0, x0                  // user's, but no user goes on
    mov     x0, #\n
    b       fatal
    .endr
fatal:
    msr     tpidr_el0, x1
    adrp    x1, {fatal_frame}
    add     x1, x1, :lo12:{fatal_frame}
    str     x0, [x1, #288]
    mrs     x0, sp_el0
    str     x0, [x1]
    mrs     x0, tpidr_el0
    str     x0, [x1, #8]
    pairs   stp, x1, 16, 16, "x2, x3", "x4, x5", "x6, x7", "x8, x9", "x10, x11", "x12, x13", "x14, x15"
    pairs   stp, x1, 128, 16, "x16, x17", "x18, x19", "x20, x21", "x22, x23", "x24, x25", "x26, x27", "x28, x29"
    mov     x0, sp
    stp     x30, x0, [x1, #240]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [x1, #256]
    mrs     x2, esr_el1
    mrs     x3, far_el1
    str     x2, [x1, #272]
    str     x3, [x1, #280]
    adrp    x0, {fatal_stack}
    add     x0, x0, :lo12:{fatal_stack}
    add     x0, x0, #{fatal_stack_size}
    mov     sp, x0
    mov     x0, x1
    b       {fatal}
