// From the boot loader to Rust: a Linux Image (Documentation/arch/arm64/booting.rst), entered at EL2 or EL1 with the
// MMU off and x0 = physical address of the device tree.
//
// x20 device tree, x21 physical address of the image, x22 first of the image's level-3 tables, x23 CurrentEL at entry,
// x24 counter at entry, x25 how far the image runs from where it is linked, x26 where to go on at EL1, x27 where with the
// MMU on. Other cores start at `start_core`: x19 is the core.
// All code up to `upper` runs at its physical address, so it only uses adr and adrp.

.section .head, "ax"
.global _start
_start:
    b       entry
    .long   0
    .quad   0                           // text_offset
    .quad   _image_size
    .quad   0xa                         // flags: little endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .long   0x644d5241                  // "ARM\x64"
    .long   0

entry:
    msr     daifset, #15
    mov     x20, x0
    adr     x26, at_el1
    adrp    x21, _start
    mrs     x23, CurrentEL
    cmp     x23, #8
    b.eq    from_el2
    b.lo    at_el1
1:  wfe                                 // EL3: not an entry that the protocol knows
    b       1b

// Everything to EL1, nothing trapped; the virtual counter is the physical one.
from_el2:
    ldr     x0, =(1 << 31 | 1 << 40 | 1 << 41)  // HCR_EL2: EL1 is AArch64 (RW); pointer authentication is its own (APK, API)
    msr     hcr_el2, x0
    mrs     x0, id_aa64mmfr0_el1
    ubfx    x0, x0, #56, #4             // FEAT_FGT: traps of single registers and instructions
    cbz     x0, 1f
    msr     s3_4_c1_c1_4, xzr           // HFGRTR_EL2
    msr     s3_4_c1_c1_5, xzr           // HFGWTR_EL2
    msr     s3_4_c1_c1_6, xzr           // HFGITR_EL2
    msr     s3_4_c3_c1_4, xzr           // HDFGRTR_EL2
    msr     s3_4_c3_c1_5, xzr           // HDFGWTR_EL2
1:  mrs     x0, id_aa64mmfr1_el1
    ubfx    x0, x0, #40, #4             // FEAT_HCX
    cbz     x0, 1f
    msr     s3_4_c1_c2_2, xzr           // HCRX_EL2
1:
    isb
    mov     x0, #3                      // EL1PCTEN, EL1PCEN
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                 // RES1 bits; floating point is not trapped
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x0, mdcr_el2
    and     x0, x0, #0x1f               // all of HPMN's counters to EL1, no debug traps
    msr     mdcr_el2, x0
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4             // system registers of a GICv3
    cbz     x0, 1f
    mrs     x0, icc_sre_el2
    orr     x0, x0, #1                  // SRE
    orr     x0, x0, #8                  // and EL1 may use its own
    msr     icc_sre_el2, x0
    isb
    msr     ich_hcr_el2, xzr
1:  ldr     x0, ={sctlr_off}
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                  // EL1h, all masked
    msr     spsr_el2, x0
    msr     elr_el2, x26
    eret

// Entered by CPU_ON as the loader enters the first core: the tables and the kernel's data are there, and what holds an address
// is moved.
.global start_core
start_core:
    msr     daifset, #15
    mov     x19, x0
    adr     x26, core_at_el1
    ldr     x27, =core_upper
    adrp    x21, _start
    mrs     x23, CurrentEL
    cmp     x23, #8
    b.eq    from_el2
core_at_el1:
    isb
    ldr     x0, ={sctlr_off}
    msr     sctlr_el1, x0
    isb
    b       enable_mmu

at_el1:
    isb
    mrs     x24, cntvct_el0             // time starts here; at EL2 the offset had to go first
    ldr     x0, ={sctlr_off}            // MMU and caches off, whatever the loader left
    msr     sctlr_el1, x0
    isb
    bl      choose_distance
    bl      relocate
    bl      clear_tables
    bl      build_tables
    bl      clean_tables
    ldr     x27, =upper                 // what holds an address says the right one from here on
    b       enable_mmu

// x25: a multiple of 2 MiB below 1 GiB - 16 MiB, another one each time; 0 if the tree has `place=fixed`. All of the tree is mixed,
// which has the loader's kaslr-seed and rng-seed, with the processor's random number and the counter.
choose_distance:
    mov     x25, xzr
    cbz     x20, 9f
    tst     x20, #7
    b.ne    9f
    lsr     x0, x20, #47                // mmu.rs maps no more
    cbnz    x0, 9f
    dc      cvac, x20                   // what the caches have of it goes to memory, which is read past them
    add     x1, x20, #32                // the header's 40 bytes may lie in two lines
    dc      cvac, x1
    dsb     sy
    ldr     w0, [x20]
    rev     w0, w0
    ldr     w1, =0xd00dfeed
    cmp     w0, w1
    b.ne    9f
    ldr     w1, [x20, #8]               // off_dt_struct
    rev     w1, w1
    ldr     w2, [x20, #36]              // size_dt_struct
    rev     w2, w2
    cbz     x2, 9f
    ldr     w3, [x20, #4]               // totalsize
    rev     w3, w3
    mov     x4, #{tree_limit}
    cmp     x3, x4
    b.hi    9f
    add     x2, x1, x2
    cmp     x2, x3
    b.hi    9f
    add     x1, x20, x1
    add     x2, x20, x2
    and     x3, x1, #~15                // no line is shorter
3:  dc      cvac, x3
    add     x3, x3, #16
    cmp     x3, x2
    b.lo    3b
    dsb     sy
    mov     x3, x24
    mov     x4, xzr                     // the last 8 bytes, and in x8 those before
    mov     x8, xzr
    ldr     x5, =0x9e3779b97f4a7c15
    ldr     x6, =0x63653d6669786564     // "ce=fixed"
    ldr     w9, =0x706c61               // "pla"
1:  ldrb    w7, [x1], #1
    eor     x3, x3, x7
    mul     x3, x3, x5
    ror     x3, x3, #29
    extr    x8, x8, x4, #56
    ubfx    x8, x8, #0, #24
    lsl     x4, x4, #8
    orr     x4, x4, x7
    cmp     x4, x6
    ccmp    x8, x9, #0, eq
    b.eq    9f
    cmp     x1, x2
    b.lo    1b
    mrs     x7, id_aa64isar0_el1
    ubfx    x7, x7, #60, #4             // RNDR
    cbz     x7, 2f
    mrs     x7, s3_3_c2_c4_0
    eor     x3, x3, x7
    mul     x3, x3, x5
2:  lsr     x3, x3, #32
    mov     x4, #{places}
    mul     x3, x3, x4
    lsr     x3, x3, #32
    lsl     x25, x3, #21
9:  ret

// Adds x25 to each place of the image that holds an address of it. What the caches hold of these goes: memory has the truth.
relocate:
    cbz     x25, 9f
    adrp    x0, _relocations
    add     x0, x0, :lo12:_relocations
    ldr     w1, [x0], #4
    cbz     w1, 8f
1:  ldr     w2, [x0], #4
    add     x2, x21, x2
    dc      ivac, x2
    dsb     sy
    ldr     x3, [x2]
    add     x3, x3, x25
    str     x3, [x2]
    sub     w1, w1, #1
    cbnz    w1, 1b
    dsb     sy
    isb
9:  ret
8:  mov     x25, xzr                    // a kernel that the harness did not finish stays where it is linked
    ret

// The tables are written past the caches: what these hold of them goes before and after.
clear_tables:
    mov     x28, x30
    bl      clean_tables
    adrp    x0, tables_start
    adrp    x1, tables_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    ret     x28

clean_tables:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2                  // bytes of a data cache line
    adrp    x0, tables_start
    adrp    x1, tables_end
1:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

build_tables:
    mov     x28, x30
    adrp    x22, image_l3
    adrp    x0, _image_start
    adrp    x1, _rodata
    ldr     x2, ={text}
    bl      map_image
    adrp    x0, _rodata
    adrp    x1, _data
    ldr     x2, ={rodata}
    bl      map_image
    adrp    x0, _data
    adrp    x1, _bss_end
    ldr     x2, ={data}
    bl      map_image
    adrp    x0, _stacks
2:  add     x0, x0, #0x1000             // the guard page
    add     x1, x0, #{stack_stride}
    sub     x1, x1, #0x1000
    bl      map_image
    adrp    x1, _image_end
    cmp     x0, x1
    b.lo    2b
    adrp    x0, image_l2                // eight entries, from where the image runs on: the level-3 tables
    lsr     x3, x25, #21
    add     x3, x0, x3, lsl #3
    mov     x1, #0
1:  add     x2, x22, x1, lsl #12
    orr     x2, x2, #3
    str     x2, [x3, x1, lsl #3]
    add     x1, x1, #1
    cmp     x1, #8
    b.lo    1b
    adrp    x1, image_l1                // KERNEL_BASE: entry 511 of level 0, 510 of level 1
    orr     x0, x0, #3
    str     x0, [x1, #510 * 8]
    adrp    x0, kernel_root
    orr     x1, x1, #3
    str     x1, [x0, #511 * 8]
    adrp    x0, identity_l0             // the image's first 2 MiB at their physical address
    adrp    x1, identity_l1
    adrp    x2, identity_l2
    ubfx    x3, x21, #39, #9
    orr     x4, x1, #3
    str     x4, [x0, x3, lsl #3]
    ubfx    x3, x21, #30, #9
    orr     x4, x2, #3
    str     x4, [x1, x3, lsl #3]
    ubfx    x3, x21, #21, #9
    ldr     x4, ={identity}
    orr     x4, x4, x21
    str     x4, [x2, x3, lsl #3]
    ret     x28

// Maps the image's pages from x0 to x1 (physical) with the attributes x2.
map_image:
    sub     x3, x0, x21
    lsr     x3, x3, #12
    orr     x4, x0, x2
    str     x4, [x22, x3, lsl #3]
    add     x0, x0, #0x1000
    cmp     x0, x1
    b.lo    map_image
    ret

enable_mmu:
    ldr     x0, ={mair}
    msr     mair_el1, x0
    ldr     x0, ={tcr}
    mrs     x1, id_aa64mmfr0_el1
    and     x2, x1, #15                 // PARange, at most 48 bits
    mov     x3, #5
    cmp     x2, x3
    csel    x2, x2, x3, lo
    orr     x0, x0, x2, lsl #32
    ubfx    x2, x1, #4, #4              // ASIDBits
    cmp     x2, #2
    b.ne    1f
    orr     x0, x0, #1 << 36            // AS: 16 bits
1:  mrs     x1, id_aa64mmfr2_el1
    ubfx    x1, x1, #60, #4             // E0PD: EL0 may not even probe the upper half
    cbz     x1, 2f
    orr     x0, x0, #1 << 56            // E0PD1
2:  msr     tcr_el1, x0
    adrp    x0, identity_l0
    msr     ttbr0_el1, x0
    adrp    x0, kernel_root
    msr     ttbr1_el1, x0
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    ldr     x0, ={sctlr_on}
    mrs     x1, id_aa64mmfr1_el1
    ubfx    x1, x1, #20, #4
    cbz     x1, 3f
    and     x0, x0, #~(1 << 23)         // SPAN 0: every entry sets PAN
3:  msr     sctlr_el1, x0
    isb
    br      x27

// At KERNEL_BASE from here on.
upper:
    mov     x19, xzr
    bl      core_registers
    adrp    x0, _bss
    adrp    x1, _bss_end
5:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    5b
    isb
    mov     x0, x20
    mov     x1, x21
    lsr     x2, x23, #2
    mov     x3, x24
    mov     x29, xzr
    mov     x30, xzr
    b       {main}

core_upper:
    bl      core_registers
    isb
    mov     x0, x19
    mov     x29, xzr
    mov     x30, xzr
    b       {core_main}

// What each core x19 sets for itself: stack, vectors, nobody's address space, what EL0 may do.
core_registers:
    adrp    x0, _stacks
    mov     x1, #{stack_stride}
    madd    x0, x19, x1, x0
    add     sp, x0, x1
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0
    adrp    x1, _start
    sub     x1, x21, x1                 // physical - virtual
    adrp    x0, empty_root
    add     x0, x0, x1
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    mov     x0, #3 << 20                // CPACR_EL1.FPEN, to clear what firmware left; SVE and SME stay trapped
    msr     cpacr_el1, x0
    isb
    mov     x2, x30
    bl      clear_fpu                   // and off: vectors.s
    mov     x30, x2
    mov     x0, #2                      // EL0VCTEN: EL0 reads CNTVCT
    msr     cntkctl_el1, x0
    mov     x0, #1 << 12                // TDCC: EL0 has no debug channel
    msr     mdscr_el1, x0
    mrs     x0, id_aa64dfr0_el1
    ubfx    x0, x0, #8, #4              // PMUVer: 0 none, 15 not ours
    add     x0, x0, #1
    tst     x0, #14
    b.eq    4f
    msr     pmuserenr_el0, xzr
4:  msr     tpidr_el1, xzr
    msr     tpidr_el0, xzr
    msr     tpidrro_el0, x19            // the core: no secret, as `info` tells it
    ret
    .ltorg

.section .tables, "aw", @nobits
.balign 4096
tables_start:
.global kernel_root
kernel_root:    .skip 4096
.global empty_root
empty_root:     .skip 4096              // nobody's user half; it follows kernel_root
image_l1:       .skip 4096
image_l2:       .skip 4096
image_l3:       .skip 4096 * 8
identity_l0:    .skip 4096
identity_l1:    .skip 4096
identity_l2:    .skip 4096
tables_end:
