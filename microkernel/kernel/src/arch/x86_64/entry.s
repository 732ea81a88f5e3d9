// The stubs of entry.rs, which says what they do and fills in the names in braces.

    // Wherever vector registers are saved or loaded, eax is -1, for all components; edx is of no account, as those it stands for
    // do not exist (XCR0).

    // Words, a0 and a1, badge and number, to the context c.
    .macro SAVE_WORDS c
    .set at, 0
    .irp register, rdx, r10, r8, r9, r12, r13, r14, r15, rdi, rsi, rbx, rax
    mov [\c + at], \register
    .set at, at + 8
    .endr
    .endm

    // The same back, without rax, rdi and rsi, of which one is \c: the last ones.
    .macro LOAD_WORDS c
    .set at, 0
    .irp register, rdx, r10, r8, r9, r12, r13, r14, r15
    mov \register, [\c + at]
    .set at, at + 8
    .endr
    mov rbx, [\c + 80]
    .endm

    // To the user by SYSRETQ; c: rax or rsi, the context, whose pc is canonical and in rcx.
    .macro RETURN c, other, place
    LOAD_WORDS \c
    mov r11, [\c + 112]
    mov rdi, [\c + 64]
    mov rsp, [\c + 96]
    mov \other, [\c + 160 - \place]
    mov \c, [\c + \place]
    sysretq
    .endm

    // Loads the address space that stands at a place, by way of rcx.
    .macro LOAD_SPACE place
    mov rcx, [\place]
    cmp rcx, [r15 + {space}]
    je .Lloaded\@
    mov [r15 + {space}], rcx
    mov cr3, rcx
.Lloaded\@:
    .endm

    // Gives the kernel's lock back (lock.rs): stores stay in order.
    .macro UNLOCK
    mov byte ptr [rip + {kernel} + {free}], 0
    .endm

    // An interrupted user's registers but for r11, which is on the stack, to the current context: r11 from here on. On the stack the
    // block is so many bytes above r11.
    .macro SAVE_INTERRUPTED block
    push 2                              // AC off, for SMAP: CLAC exists only where SMAP does; and DF, NT
    popfq
    mov r11, [rsp + \block]
    mov r11, [r11 + {current}]
    SAVE_WORDS r11
    mov [r11 + {rbp}], rbp
    mov [r11 + {rcx}], rcx
    mov qword ptr [r11 + {kind}], 1
    .endm

    // The rest of them: what the processor has put on the stack, which then is empty but for the core's block.
    .macro SAVE_FRAME
    pop qword ptr [r11 + 104]
    pop rax                             // cs
    pop qword ptr [r11 + 112]
    pop qword ptr [r11 + 96]
    pop rax                             // ss
    xor ebp, ebp
    .endm

    .macro SYSCALL_ENTRY n
    .balign 64
syscall_entry_\n:
    test rax, rax
    jz 2f
1:  mov [rip + {blocks} + \n * 128 + {scratch}], rsp
    mov rsp, [rip + {blocks} + \n * 128 + {current}]
    mov [rsp + 104], rcx
    mov [rsp + 112], r11
    mov [rsp + {rbp}], rbp
    SAVE_WORDS rsp
    mov rcx, [rip + {blocks} + \n * 128 + {scratch}]
    mov [rsp + 96], rcx
    mov rsp, [rip + {blocks} + \n * 128 + {stack}]
    mov rdx, rax
    mov ecx, \n
    cmp ax, {call}
    je 4f
    cmp ax, {reply_recv}
    je 5f
    cmp ax, {notify}
    jb 6f
    je 7f
    mov edi, eax
    call {kernel_syscall}
    lea r15, [rip + {blocks} + \n * 128]
    jmp syscall_done
    // The null call asks for nothing, and its status is its number: back at once, if to where SYSRETQ may go.
2:  bt rcx, 47
    jc 1b
    sysretq
4:  cmp rsi, {half}
    jne 4f
    call {half_call}
5:  cmp esi, {half}
    jne 5f
    call {half_reply_recv}
4:  cmp rsi, {register_bytes}
    ja 4f
    call {short_call}
4:  call {long_call}
5:  cmp esi, {register_bytes}
    ja 5f
    call {short_reply_recv}
5:  call {long_reply_recv}
6:  call {kernel_recv}
7:  call {kernel_notify}
    lea r15, [rip + {blocks} + \n * 128]
    jmp syscall_done
    .endm

    .section .text.entry, "ax"
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    SYSCALL_ENTRY \n
    .endr

    // From here on r15 is the core's block. rax: the context that runs next, or null.
    .balign 64
syscall_done:
    mov rsi, rax
    cmp rax, [r15 + {current}]
    jne 9f
    mov rcx, [rax + 104]
    mov rdx, rcx
    shr rdx, 47
    jnz bad_pc
    mov rbp, [rax + {rbp}]
    RETURN rax, rsi, 88
9:  mov rdi, [r15 + {current}]
    // rdi: the context to save, its registers saved already; rsi: the next, or null. The kernel's lock is taken.
leave:
    test rsi, rsi
    jnz switch_from
    mov eax, -1
    cmp byte ptr [rip + {fpu_mode}], 1
    jne leave_other
    xsaveopt64 [rdi + 320]
    jmp idle
    // The same for another than the current one, which is not null.
switch_threads:
    mov rdi, [r15 + {current}]
switch_from:                            // rdi leaves, rsi comes
    mov eax, -1
    cmp byte ptr [rip + {fpu_mode}], 1
    jne leave_other
    xsaveopt64 [rdi + 320]
    LOAD_SPACE rsi + 288
    UNLOCK
    cmp qword ptr [rsi + 296], 0
    je enter_fresh
    xrstor64 [rsi + 320]
enter_loaded:                           // rsi: the context, its vector registers loaded
    mov [r15 + {current}], rsi
    // Each time: user code can set the FS base to 0 by loading a selector, so what it is now is not known.
    mov eax, [rsi + 120]
    mov edx, [rsi + 124]
    mov ecx, 0xc0000100                 // FS_BASE
    wrmsr
enter_registers:
    mov rcx, [rsi + 104]
    mov rdx, rcx
    shr rdx, 47
    or rdx, [rsi + {kind}]
    jnz enter_other
    mov rbp, [rsi + {rbp}]
    RETURN rsi, rax, 72

enter_other:                            // rsi: a context that does not leave by SYSRETQ
    mov rdx, rcx
    shr rdx, 47
    jnz bad_pc
    jmp return_all

leave_other:                            // mode 2: XSAVE, 0: FXSAVE
    jb 3f
    xsave64 [rdi + 320]
    jmp enter
3:  fxsave64 [rdi + 320]
    // Nothing to save; rsi: the next context, or null. The kernel's lock is taken.
enter:
    test rsi, rsi
    jz idle
    LOAD_SPACE rsi + 288
    UNLOCK
    mov eax, -1
    cmp qword ptr [rsi + 296], 0
    je enter_fresh
    cmp byte ptr [rip + {fpu_mode}], 0
    je 4f
    xrstor64 [rsi + 320]
    jmp enter_loaded
4:  fxrstor64 [rsi + 320]
    jmp enter_loaded

    // A new thread: the state after reset, and a clean header for the first XSAVE, which writes but a part of it. The
    // area counts from now on: it is written before it is next read.
enter_fresh:
    mov qword ptr [rsi + 296], 1
    xor ecx, ecx
5:  mov qword ptr [rsi + rcx + 320 + 512], 0
    add ecx, 8
    cmp ecx, 64
    jne 5b
    lea rdi, [rip + {fpu_reset}]
    cmp byte ptr [rip + {fpu_mode}], 0
    je 6f
    xrstor64 [rdi]
    jmp enter_loaded
6:  fxrstor64 [rdi]
    jmp enter_loaded

bad_pc:                                 // rsi: the current context, all of it saved
    mov rdi, rsi
    mov rsp, [r15 + {stack}]
    call {bad_pc}
interrupt_done:                         // rax: what runs next, the current context being saved
    mov rdi, [r15 + {current}]
    mov rsi, rax
    cmp rsi, rdi
    jne leave
    jmp enter_registers

return_all:                             // rsi: context
    push {user_data}
    push qword ptr [rsi + 96]
    push qword ptr [rsi + 112]
    push {user_code}
    push rcx
    mov qword ptr [rsi + {kind}], 0     // as it is to be should the next entry be SYSCALL
    mov rax, rsi
    LOAD_WORDS rax
    mov rdi, [rax + 64]
    mov rsi, [rax + 72]
    mov rbp, [rax + {rbp}]
    mov rcx, [rax + {rcx}]
    mov r11, [rax + {r11}]
    mov rax, [rax + 88]
    iretq

    // Interrupts and exceptions. On the stack: vector, error code, rip, cs, rflags, rsp, ss; from user mode then the
    // core's block.
interrupt_common:
    test byte ptr [rsp + 24], 3
    jz from_kernel
    push r11
    SAVE_INTERRUPTED 64
    pop qword ptr [r11 + {r11}]
    pop rdi
    pop rsi
    SAVE_FRAME
    call {dispatch}
    mov r15, [rsp]
    jmp interrupt_done

    // The timer's: as the others, without vector and error code.
    .balign 16
timer_stub:
    test byte ptr [rsp + 8], 3
    jz 1f
    push r11
    SAVE_INTERRUPTED 48
    pop qword ptr [r11 + {r11}]
    SAVE_FRAME
    call {timer}
    mov r15, [rsp]
    jmp interrupt_done
1:  push 0
    push {timer_vector}
    jmp from_kernel

    // An interrupt ends `idle`; anything else that comes in kernel mode is fatal.
from_kernel:
    cmp qword ptr [rsp], 32
    jb fatal_entry
    mov r15, rsp
    or r15, {window_mask}
    mov r15, [r15 - 15]
    cmp qword ptr [r15 + {idle}], 1
    jne fatal_entry
    mov qword ptr [r15 + {idle}], 0
    pop rdi
    mov rsp, [r15 + {stack}]
    xor esi, esi
    xor ebp, ebp
    call {dispatch}
    mov rsi, rax
    test rsi, rsi
    jnz enter
    jmp idle_on

    // On the kernel's own page tables: the last process may go meanwhile.
idle:
    mov rsp, [r15 + {stack}]
    xor ebp, ebp
    mov qword ptr [r15 + {current}], 0
    LOAD_SPACE r15 + {kernel_space}
    UNLOCK
idle_on:
    mov qword ptr [r15 + {idle}], 1
8:  sti
    hlt
    jmp 8b

fatal_entry:
    cld
    .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    push \register
    .endr
    mov rdi, rsp
    and rsp, -16
    call {fatal}
    ud2

    // One stub for each vector, 16 bytes apart. Exceptions 8, 10–14, 17, 21, 29 and 30 push an error code.
    .balign 16
vector_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector - 8) * (vector - 17) * (vector - 21) * (vector - 29) * (vector - 30) && (vector < 10 || vector > 14)
    push 0
    .endif
    push vector
    .if (vector - 2) * (vector - 8) * (vector - 18)
    jmp interrupt_common
    .else
    jmp fatal_entry
    .endif
    .set vector, vector + 1
    .endr

    // rdi: stack, rsi: function, rdx: its argument.
switch_stack:
    mov rsp, rdi
    mov rdi, rdx
    xor ebp, ebp
    call rsi
    ud2
    .text
