// Where a core starts, in real mode at the start of a page below 1 MiB to which this was copied (cores.rs, which also
// writes the places behind the code). All cores may go through it at once: it writes nothing, and each finds its number
// by its APIC ID. The page tables have this page at its physical address.

    .section .rodata.start, "a"
    .balign 16
    .code16
    .global start_code
start_code:
    cli
    cld
    mov ax, cs
    mov ds, ax
    .byte 0x66, 0x0f, 0x01, 0x16        // lgdt with a 32-bit base
    .word start_gdt_pointer - start_code
    mov eax, 0x20                       // PAE
    mov cr4, eax
    .byte 0x66, 0xa1                    // mov eax, [start_root]
    .word start_root - start_code
    mov cr3, eax
    mov ecx, 0xc0000080                 // EFER.LME, NXE
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, 0x80010011                 // PG, WP, ET, PE; caches on
    mov cr0, eax
    .byte 0x66, 0xff, 0x2e              // far jump to 64-bit code
    .word start_far - start_code

    .code64
start_long:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov eax, 1
    cpuid
    shr ebx, 24
    lea rsi, [rip + start_ids]
    xor edi, edi
1:  cmp [rsi + rdi], bl
    je 2f
    inc edi
    cmp edi, {cores}
    jne 1b
    cli                                 // nobody asked for this one
3:  hlt
    jmp 3b
2:  imul rax, rdi, {window}
    add rax, [rip + start_stacks]
    mov rsp, rax
    xor ebp, ebp
    mov rax, [rip + start_main]
    call rax
    ud2

    .balign 8
start_gdt:
    .quad 0, 0x00af9b000000ffff
start_gdt_pointer:
    .word 15
    .global start_gdt_base
start_gdt_base:
    .long start_gdt - start_code
    .global start_far
start_far:
    .long start_long - start_code
    .word 8
    .global start_root
start_root:
    .long 0
    .balign 8
    .global start_main
start_main:
    .quad 0
    .global start_stacks
start_stacks:
    .quad 0
    .global start_ids
start_ids:
    .skip {cores}
    .global start_end
start_end:
    .text
