// memcpy and memset, as the compiler calls them (mod.rs gives them these names).
//
// The ones that come with the compiler write 8 bytes by each turn of `rep`. These do so, too, up to 255 bytes; more go through
// ymm0, 32 bytes each time, where fpu.rs says so: a page takes 170 instructions to zero and 310 to copy, 530 without.
//
// ymm0 is the running program's, so it is put aside and given back exactly:
// - XGETBV of 1 tells whether the upper halves of the program's registers are in use (Intel SDM vol. 1, 13.6). If they are, all
//   of ymm0 is loaded again. If not, they are all zeros, and VZEROUPPER and a load of xmm0 have the processor know it: a
//   register with an upper half that was written slows down each SSE instruction that comes after, and is saved with the rest.
// - Bits above 255 would be lost: nothing of this is done where AVX-512 is enabled.
// - Below the stack pointer nothing is overwritten: interrupts are off, and what comes nevertheless does not return.
//
// A host test (kmem/tests/x86_64_memory.rs) runs this very file.

    .text

    // Puts ymm0 aside; afterwards bit 2 of eax says whether upper halves are in use. Changes ecx and edx.
    .macro BORROW
    mov ecx, 1
    xgetbv
    vmovdqu ymmword ptr [rsp - 32], ymm0
    .endm

    // Has ymm0 be what it was, and returns this, from a register.
    .macro GIVE_BACK result
    test al, 4
    mov rax, \result
    jz 9f
    vmovdqu ymm0, ymmword ptr [rsp - 32]
    ret
9:  vzeroupper
    vmovdqu xmm0, xmmword ptr [rsp - 32]
    ret
    .endm

    // Copies 32 bytes at each of these distances, by way of ymm0.
    .macro COPY from, to, distances:vararg
    .irp at, \distances
    vmovdqu ymm0, ymmword ptr [\from + \at]
    vmovdqu ymmword ptr [\to + \at], ymm0
    .endr
    .endm

    // rdi: to, rsi: from, rdx: bytes. Returns rdi.
    .balign 32
    .type kernel_memcpy, @function
kernel_memcpy:
    mov rax, rdi
    cmp rdx, 256
    jae 3f
    cmp rdx, 8
    jb 5f
    // The last 8 bytes apart, so that the rest is whole words; they may be some of the same.
1:  mov r8, [rsi + rdx - 8]
    lea r9, [rdi + rdx - 8]
    lea rcx, [rdx - 1]
    shr rcx, 3
    rep movsq
    mov [r9], r8
    ret

3:  cmp byte ptr [rip + {vectors}], 0
    je 1b
    mov r8, rdx
    mov r9, rdi
    BORROW
    mov rcx, r8
    and rcx, -256
    add rdi, rcx
    add rsi, rcx
    neg rcx
4:  COPY "rsi + rcx", "rdi + rcx", 0, 32, 64, 96, 128, 160, 192, 224
    add rcx, 256
    jnz 4b
    and r8d, 255
    jz 8f
    test r8b, 128
    jz 4f
    COPY rsi, rdi, 0, 32, 64, 96
    sub rsi, -128
    sub rdi, -128
4:  test r8b, 64
    jz 4f
    COPY rsi, rdi, 0, 32
    add rsi, 64
    add rdi, 64
4:  and r8d, 63
    jz 8f
    // The last 64 bytes at most end where all end.
    cmp r8d, 32
    jbe 4f
    COPY rsi, rdi, 0
4:  COPY "rsi + r8", "rdi + r8", -32
8:  GIVE_BACK r9

    // Less than 8 bytes.
5:  cmp edx, 4
    jb 6f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
6:  test edx, edx
    jz 7f
    // The first, the last, and the one between: of 3 bytes another, else one of those.
    mov r10d, edx
    shr r10d
    movzx ecx, byte ptr [rsi]
    movzx r8d, byte ptr [rsi + r10]
    movzx r9d, byte ptr [rsi + rdx - 1]
    mov [rdi], cl
    mov [rdi + r10], r8b
    mov [rdi + rdx - 1], r9b
7:  ret

    // rdi: from where, sil: byte, rdx: bytes. Returns rdi.
    .balign 32
    .type kernel_memset, @function
kernel_memset:
    mov r8, rdi
    cmp rdx, 256
    jae 3f
1:  movzx esi, sil
    movabs rax, 0x0101010101010101
    imul rax, rsi
    cmp rdx, 8
    jb 5f
    mov [rdi + rdx - 8], rax
    lea rcx, [rdx - 1]
    shr rcx, 3
    rep stosq
    mov rax, r8
    ret

    // Of many bytes, zeros alone.
3:  test sil, sil
    jnz 1b
    cmp byte ptr [rip + {vectors}], 0
    je 1b
    mov r9, rdx
    BORROW
    vpxor xmm0, xmm0, xmm0
    mov rcx, r9
    and rcx, -512
    jz 2f
    add rdi, rcx
    neg rcx
4:  .irp at, 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480
    vmovdqu ymmword ptr [rdi + rcx + \at], ymm0
    .endr
    add rcx, 512
    jnz 4b
2:  and r9d, 511
    jz 8f
    // 64 bytes each time, and the last 64, of which some may be zeros already: there are 256 at least.
    lea rcx, [rdi + r9 - 64]
4:  cmp rdi, rcx
    jae 4f
    vmovdqu ymmword ptr [rdi], ymm0
    vmovdqu ymmword ptr [rdi + 32], ymm0
    add rdi, 64
    jmp 4b
4:  vmovdqu ymmword ptr [rcx], ymm0
    vmovdqu ymmword ptr [rcx + 32], ymm0
8:  GIVE_BACK r8

    // Less than 8 bytes of rax.
5:  cmp edx, 4
    jb 6f
    mov [rdi], eax
    mov [rdi + rdx - 4], eax
    mov rax, r8
    ret
6:  test edx, edx
    jz 7f
    mov ecx, edx
    shr ecx
    mov [rdi], al
    mov [rdi + rcx], al
    mov [rdi + rdx - 1], al
7:  mov rax, r8
    ret
