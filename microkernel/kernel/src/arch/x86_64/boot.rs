//! From the boot loader to `kmain`.
//!
//! A boot loader enters in 32-bit protected mode, without paging. The code here makes page tables for the first 4 GiB
//! (at their own address, at [`PHYS_BASE`] and, the first GiB, at KERNEL_BASE), goes to 64-bit mode, and calls
//! [`boot_main`] on a stack of its own. That learns the machine from its tables, makes the final page tables, and goes
//! on as [`start`] on the core's stack.
//!
//! ```text
//! pvh_entry --(32 bit)--> long_entry --> distance: how far --> addresses of the image moved
//!     --> boot_main: console, tables, paging --> start: devices, clock --> kmain
//! ```
//!
//! | loader | protocol | header | entry |
//! |---|---|---|---|
//! | QEMU's `-kernel` | PVH | ELF note | `pvh_entry`, information in EBX |
//! | GRUB, from BIOS or UEFI | Multiboot2 | `.boot.header` | `multiboot_entry`, information in EBX, magic number in EAX |
//!
//! Both are in the same file. A reader of the crate `firmware` turns what they hand over into a [`Handover`].

use core::arch::global_asm;

use firmware::handover::Handover;
use firmware::{multiboot, place, pvh};

use super::{
    Machine, PHYS_BASE, acpi, clock, core_block, cores, cpu, fatal, gdt, idt, ioapic, memory, paging, power, uart,
};
use super::{apic, entry, fpu};
use crate::boot::{Boot, Regions};

/// The boot protocol that enters at `pvh_entry`.
const PROTOCOL_PVH: u64 = 0;
/// The one that enters at `multiboot_entry`.
const PROTOCOL_MULTIBOOT: u64 = 1;

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                      // name "Xen", 8 bytes, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

    .section .boot.header, "a"          // Multiboot2 specification 3.1
    .balign 8
multiboot_header:
    .long 0xe85250d6, 0, multiboot_header_end - multiboot_header
    .long -(0xe85250d6 + multiboot_header_end - multiboot_header)
    .word 3, 0                          // entry address
    .long 12, multiboot_entry, 0
    .word 6, 0                          // modules start on pages
    .long 8
    .word 0, 0                          // no more tags
    .long 8
multiboot_header_end:

    .section .boot, "ax"
    .code32
    .global multiboot_entry
multiboot_entry:
    mov ebp, ebx
    mov esi, {multiboot}
    cmp eax, {multiboot_magic}
    je go_long
    mov esi, -1                         // some other loader
    jmp go_long

    .global pvh_entry
pvh_entry:
    mov ebp, ebx                        // cpuid writes ebx
    mov esi, {pvh}
    jmp go_long

    // ebp: the loader's information, esi: the protocol.
go_long:
    cli
    cld
    mov edi, offset __bss_physical      // .bss, early page tables, early stack
    mov ecx, offset __bss_doubles
    xor eax, eax
    rep stosd
    mov esp, offset __early_stack_top

    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb no_long_mode
    mov eax, 0x80000001
    cpuid
    bt edx, 29
    jnc no_long_mode

    mov edi, offset __early_tables      // PML4, two PDPTs, four page directories
    lea eax, [edi + 0x1003]
    mov [edi], eax
    mov [edi + 8 * 256], eax            // PHYS_BASE
    lea eax, [edi + 0x2003]
    mov [edi + 8 * 511], eax            // KERNEL_BASE
    lea eax, [edi + 0x3003]
    mov [edi + 0x2000 + 8 * 510], eax
    mov [edi + 0x1000], eax
    add eax, 0x1000
    mov [edi + 0x1008], eax
    add eax, 0x1000
    mov [edi + 0x1010], eax
    add eax, 0x1000
    mov [edi + 0x1018], eax
    add edi, 0x3000
    mov eax, 0x83                       // present, writable, 2 MiB
    mov ecx, 2048
2:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    dec ecx
    jnz 2b

    mov eax, cr4
    or eax, 0x20                        // PAE
    mov cr4, eax
    mov eax, offset __early_tables
    mov cr3, eax
    mov ecx, 0xc0000080                 // EFER.LME
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80010001                  // PG, WP, PE
    mov cr0, eax
    lgdt [early_gdt_pointer]
    push 8
    mov eax, offset long_entry
    push eax
    retf

no_long_mode:
    mov esi, offset no_long_mode_text
3:  mov ecx, 100000                     // wait, bounded, for the transmitter
    mov dx, 0x3fd
4:  in al, dx
    test al, 0x20
    jnz 5f
    dec ecx
    jnz 4b
5:  lodsb
    test al, al
    jz 6f
    mov dx, 0x3f8
    out dx, al
    jmp 3b
6:  mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
7:  hlt
    jmp 7b

    .code64
long_entry:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    movabs rax, {phys}
    mov esp, offset __early_stack_top   // the stack by its address in the direct map: it outlives these tables
    add rsp, rax
    mov r12d, esi
    mov r13d, ebp
    mov edi, r12d
    mov esi, r13d
    xor ebp, ebp
    movabs rax, offset {distance}       // still where it is linked
    call rax
    mov rbx, rax
    mov esi, offset __relocations       // a count, then the physical address of each place that holds an address of the image
    mov r8d, [rsi]
    test rax, rax
    jz 4f
    test r8d, r8d                       // none: the harness did not finish this kernel
    jz 4f
    mov edi, offset __early_tables      // the eighth table: 32 MiB of image, so much further up
    shr rax, 21
    lea rdx, [rdi + rax * 8 + 0x7000]
    mov eax, 0x83
    mov ecx, 16
1:  mov [rdx], rax
    add rax, 0x200000
    add rdx, 8
    dec ecx
    jnz 1b
    lea rax, [rdi + 0x7003]
    mov [rdi + 0x2000 + 8 * 510], rax
    mov ecx, r8d
2:  add rsi, 4
    mov eax, [rsi]
    btr eax, 31                         // it is one of four bytes
    jc 3f
    add [rax], rbx
    dec ecx
    jnz 2b
    jmp 4f
3:  add [rax], ebx
    dec ecx
    jnz 2b
4:  mov rax, cr3                        // also: no instruction from before stays
    mov cr3, rax
    mov edi, r12d
    mov esi, r13d
    movabs rax, offset {main}
    call rax
    ud2

    .balign 8
early_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
early_gdt_pointer:
    .word 23
    .long early_gdt
no_long_mode_text:
    .asciz "viaether: this processor has no 64-bit mode\r\n"
    .text
    "#,
    pvh = const PROTOCOL_PVH,
    multiboot = const PROTOCOL_MULTIBOOT,
    multiboot_magic = const multiboot::MAGIC,
    phys = const PHYS_BASE,
    distance = sym distance,
    main = sym boot_main,
);

/// The kernel may move up by so many times 2 MiB: with 32 MiB for it, it stays in the GiB that starts at KERNEL_BASE.
const PLACES: u64 = 512 - 16;

/// How far the kernel is to be moved from where it is linked: another distance each time, 0 where the command line says so. What is
/// wrong with the loader's information is said by [`boot_main`]. Runs at the linked address, so nothing it does may keep an
/// address of the image: it reads the loader's tables and the processor, and writes no static.
extern "C" fn distance(protocol: u64, info: u64) -> u64 {
    match handover(protocol, info) {
        Ok(handover) if !place::is_fixed(handover.command_line()) => place::distance(random(), PLACES),
        _ => 0,
    }
}

/// From the processor's source of random numbers. Where it has none, how long firmware and loader took to come here is all that
/// differs from one boot to the next; `kmain` says so.
fn random() -> u64 {
    let seed = cpu::seed();
    match seed.first_chunk().map(|word| u64::from_le_bytes(*word)) {
        Some(word) if seed != [0; 32] => word,
        _ => clock::tsc().wrapping_mul(0x9e37_79b9_7f4a_7c15),
    }
}

/// What the boot loader says.
fn handover(protocol: u64, info: u64) -> Result<Handover, &'static str> {
    match protocol {
        PROTOCOL_PVH => pvh::read(info, &memory::early),
        PROTOCOL_MULTIBOOT => multiboot::read(info, &memory::early),
        _ => Err("unknown boot protocol"),
    }
}

/// What [`boot_main`] found, for [`start`].
struct Found {
    /// TSC at the first Rust instruction.
    started: u64,
    firmware: Handover,
    tables: acpi::Tables,
    paging: paging::Kernel,
}

/// First Rust code: learns the machine and makes the final page tables.
extern "C" fn boot_main(protocol: u64, info: u64) -> ! {
    let started = clock::tsc();
    uart::init();
    idt::init();
    cpu::require();
    let firmware = handover(protocol, info).and_then(|mut handover| memory::claim(&mut handover).map(|()| handover));
    let mut firmware = firmware.unwrap_or_else(|what| fatal::stop(format_args!("boot information: {what}")));
    let tables = acpi::read(firmware.rsdp, &memory::early)
        .unwrap_or_else(|wrong| fatal::stop(format_args!("ACPI table {}: {}", wrong.name(), wrong.why)));
    power::set(tables.power);
    if !apic::is_at(tables.local_apic) {
        fatal::stop(format_args!("ACPI table APIC: the processor has its local APIC elsewhere"));
    }
    let taken = [memory::image(), firmware.archive.touched_pages()];
    if tables.controllers().chain(taken).any(|region| tables.memory.overlap(region)) {
        fatal::stop(format_args!("ACPI tables: one lies in the kernel, in the boot archive or where an APIC is"));
    }
    for span in tables.memory.as_slice() {
        firmware.ram.remove(*span);
    }
    let paging = paging::build(&mut firmware, &tables).unwrap_or_else(|why| fatal::stop(format_args!("{why}")));
    paging.activate();
    let found = Found { started, firmware, tables, paging };
    // SAFETY:
    // 1. The final page tables map the stack of core 0, unused so far, and its top is 16-byte aligned.
    // 2. `found` lies on the early stack, which stays mapped in the direct map and is not reused before `start` has
    //    read all of it.
    unsafe { entry::call_on_stack(core_block::stack_top(0), start as *const () as u64, (&raw const found) as u64) }
}

/// Goes on, on the core's own stack and the final page tables.
extern "C" fn start(found: *const Found) -> ! {
    // SAFETY: `boot_main` passes a pointer to a value that is alive and that nobody writes.
    let found = unsafe { &*found };
    core_block::init(0, found.paging.root());
    gdt::load(0);
    idt::load();
    fpu::init();
    cpu::enable_tags();
    apic::init(found.tables.local_apic);
    let io_apic = ioapic::IoApics::init(&found.tables);
    let clock = clock::calibrate(found.tables.pm_timer, found.started);
    entry::init(0);
    let running = cores::start(&found.firmware, &found.tables, &found.paging, &clock);
    let machine = Machine::new(clock, io_apic, found.paging.root());
    crate::kmain(&description(found, &machine, running), machine)
}

/// The machine as `kmain` wants it.
fn description(found: &Found, machine: &Machine, running: u8) -> Boot {
    let firmware = &found.firmware;
    let (lines, seed) = (machine.lines(), cpu::seed());
    let mut tables = Regions::new();
    found.tables.memory.as_slice().iter().for_each(|span| tables.push(*span));
    Boot {
        ram: firmware.ram,
        ram_total: firmware.ram_total,
        archive: firmware.archive,
        tables,
        devices: memory::devices(firmware, &found.tables),
        command_line: firmware.command_line,
        command_line_length: firmware.command_line_length,
        lines,
        messages: (lines, apic::MESSAGES),
        rsdp: firmware.rsdp,
        seed,
        guessable: seed == [0; 32] && !place::is_fixed(firmware.command_line()),
        cores: found.tables.cores,
        running,
        counter: machine.counter(),
    }
}
