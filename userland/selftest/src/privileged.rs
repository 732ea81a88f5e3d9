//! Instructions that are not for user code: each must fault. And some that not every processor has, or lets user code have.

use core::arch::asm;

/// Makes the table: a name, and a function of one instruction.
macro_rules! instructions {
    ($($name:literal => $($line:literal),+;)* or $($harmless:literal => $($its_line:literal),+;)*) => {
        /// Names of those that must fault.
        pub const NAMES: &[&str] = &[$($name),*];
        /// Names of those that may fault or be done, but not stop anybody else.
        pub const HARMLESS: &[&str] = &[$($harmless),*];

        /// Executes one; false if there is none of this name. Comes back only if it was let.
        pub fn execute(name: &str) -> bool {
            match name {
                // SAFETY: not sound, and meant so: it must fault, and ends the process.
                $($name => unsafe { asm!($($line),+, clobber_abi("C"), options(nostack)) },)*
                // SAFETY: they change registers that are named as clobbered.
                $($harmless => unsafe { asm!($($its_line),+, clobber_abi("C"), options(nostack)) },)*
                _ => return false,
            }
            true
        }
    };
}

#[cfg(target_arch = "x86_64")]
instructions! {
    "hlt" => "hlt";
    "sti" => "sti";
    "lgdt" => "lgdt [rip]";
    "lidt" => "lidt [rip]";
    "lldt" => "xor eax, eax", "lldt ax";
    "ltr" => "xor eax, eax", "ltr ax";
    "read-cr0" => "mov rax, cr0";
    "write-cr0" => "xor eax, eax", "mov cr0, rax";
    "read-cr3" => "mov rax, cr3";
    "write-cr3" => "xor eax, eax", "mov cr3, rax";
    "write-cr4" => "xor eax, eax", "mov cr4, rax";
    "read-debug-register" => "mov rax, dr7";
    "write-debug-register" => "xor eax, eax", "mov dr7, rax";
    "rdmsr" => "mov ecx, 0xc0000082", "rdmsr";
    "wrmsr" => "mov ecx, 0xc0000082", "xor eax, eax", "xor edx, edx", "wrmsr";
    "in" => "in al, 0x64";
    "out" => "mov al, 0xfe", "out 0x64, al";
    "invlpg" => "invlpg [rsp]";
    "wbinvd" => "wbinvd";
    "clts" => "clts";
    "swapgs" => "swapgs";
    "sysret" => "sysretq";
    "kernel-data-segment" => "mov eax, 0x10", "mov ds, ax";
    "kernel-stack-segment" => "mov eax, 0x10", "mov ss, ax";
    "far-to-kernel-code" => "push 8", "lea rax, [rip]", "push rax", "retfq";
    "interrupt-gate" => "int 0x20";
    "system-call-gate" => "int 0x80";
    "breakpoint" => "int3";
    "single-step" => "pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop", "nop";
    "single-step-over-a-call" => "xor eax, eax", "pushfq", "or qword ptr [rsp], 0x100", "popfq", "syscall", "nop",
        "nop";
    "single-step-over-a-slow-call" => "mov eax, 25", "pushfq", "or qword ptr [rsp], 0x100", "popfq", "syscall",
        "nop", "nop";
    "ports-by-popf" => "pushfq", "or qword ptr [rsp], 0x3000", "popfq", "cli";
    "ports-by-iret" => "mov eax, ss", "push rax", "lea rax, [rsp + 8]", "push rax", "pushfq",
        "or qword ptr [rsp], 0x3000", "mov eax, cs", "push rax", "lea rax, [rip + 3]", "push rax", "iretq", "cli";
    "ports-by-sysret-flags" => "mov r11d, 0x3202", "xor eax, eax", "syscall", "cli";
    "iret-to-kernel-code" => "mov rax, rsp", "push 0x10", "push rax", "pushfq", "push 8", "lea rax, [rip]",
        "push rax", "iretq";
    "iret-of-a-nested-task" => "mov eax, ss", "push rax", "lea rax, [rsp + 8]", "push rax", "pushfq", "mov eax, cs",
        "push rax", "lea rax, [rip]", "push rax", "pushfq", "or qword ptr [rsp], 0x4000", "popfq", "iretq";
    "iret-to-noncanonical" => "mov eax, ss", "push rax", "push rsp", "pushfq", "mov eax, cs", "push rax",
        "mov rax, 0x800000000000", "push rax", "iretq";
    "far-to-data" => "mov eax, ss", "push rax", "lea rax, [rip]", "push rax", "retfq";
    "sysenter" => "sysenter";
    "rdfsbase" => "rdfsbase rax";
    "rdgsbase" => "rdgsbase rax";
    "wrfsbase" => "wrfsbase rax";
    "wrgsbase" => "wrgsbase rax";
    "write-cr8" => "xor eax, eax", "mov cr8, rax";
    "lmsw" => "mov eax, 1", "lmsw ax";
    "rdpmc" => "xor ecx, ecx", "rdpmc";
    "clac" => "clac";
    "stac" => "stac";
    "invpcid" => "xor eax, eax", "invpcid rax, [rsp]";
    "monitor" => "mov rax, rsp", "xor ecx, ecx", "xor edx, edx", "monitor";
    "vmrun" => "xor eax, eax", "vmrun";
    "xrstor-of-nonsense" => "sub rsp, 4096", "and rsp, -64", "mov qword ptr [rsp + 512], -1", "mov eax, -1",
        "mov edx, -1", "xrstor64 [rsp]";
    "xsetbv" => "xor ecx, ecx", "xor edx, edx", "mov eax, 7", "xsetbv";
    or
    "xgetbv" => "xor ecx, ecx", "xgetbv";
    "interrupts-off-by-popf" => "pushfq", "and qword ptr [rsp], -513", "popfq";
    "ldmxcsr-of-nonsense" => "push -1", "ldmxcsr [rsp]", "mov dword ptr [rsp], 0x1f80", "ldmxcsr [rsp]", "pop rax";
    "fxrstor-of-nonsense" => "mov rcx, rsp", "sub rsp, 576", "and rsp, -64", "fxsave64 [rsp]",
        "mov dword ptr [rsp + 24], -1",
        "fxrstor64 [rsp]", "mov dword ptr [rsp], 0x1f80", "ldmxcsr [rsp]", "mov rsp, rcx";
    "sgdt" => "sub rsp, 16", "sgdt [rsp]", "add rsp, 16";
    "sldt" => "sldt eax";
    "str" => "str eax";
    "smsw" => "smsw eax";
    "rdpid" => "rdpid rax";
}

#[cfg(target_arch = "aarch64")]
instructions! {
    "read-sctlr" => "mrs x0, sctlr_el1";
    "write-sctlr" => "msr sctlr_el1, xzr";
    "read-ttbr0" => "mrs x0, ttbr0_el1";
    "write-ttbr0" => "msr ttbr0_el1, xzr";
    "write-ttbr1" => "msr ttbr1_el1, xzr";
    "write-vbar" => "msr vbar_el1, xzr";
    "write-tpidr-el1" => "msr tpidr_el1, xzr";
    "write-elr" => "msr elr_el1, xzr";
    "write-spsr" => "msr spsr_el1, xzr";
    "write-spsel" => "msr spsel, #1";
    "write-cpacr" => "msr cpacr_el1, xzr";
    "eret" => "eret";
    "hvc" => "hvc #0";
    "smc" => "smc #0";
    "tlbi" => "tlbi vmalle1";
    "ic-iallu" => "ic iallu";
    "dc-isw" => "dc isw, xzr";
    "at" => "at s1e1r, xzr";
    "write-virtual-timer" => "msr cntv_ctl_el0, xzr";
    "write-physical-timer" => "msr cntp_ctl_el0, xzr";
    "write-counter-access" => "msr cntkctl_el1, xzr";
    "write-breakpoint" => "msr dbgbcr0_el1, xzr";
    "write-debug-control" => "msr mdscr_el1, xzr";
    "read-cycle-counter" => "mrs x0, pmccntr_el0";
    "breakpoint" => "brk #0";
    "halt" => "hlt #0";
    "read-kernel-flags" => "mrs x0, daif";
    "write-kernel-flags" => "mov x0, #0x3c0", "msr daif, x0";
    "write-pan" => ".inst 0xd500409f";
    "write-uao" => ".inst 0xd500407f";
    "write-core" => "msr tpidrro_el0, xzr";
    "read-tpidr-el1" => "mrs x0, tpidr_el1";
    "read-fault-address" => "mrs x0, far_el1";
    "read-syndrome" => "mrs x0, esr_el1";
    "write-tcr" => "msr tcr_el1, xzr";
    "write-mair" => "msr mair_el1, xzr";
    "write-stack" => "msr sp_el0, xzr";
    "write-address-space-id" => "msr contextidr_el1, xzr";
    "read-identity" => "mrs x0, midr_el1";
    "read-physical-counter" => "mrs x0, cntpct_el0";
    "write-performance-access" => "msr pmuserenr_el0, xzr";
    "read-performance-control" => "mrs x0, pmcr_el0";
    "send-interrupt" => "msr s3_0_c12_c11_5, xzr";
    "take-interrupt" => "mrs x0, s3_0_c12_c12_0";
    "write-priority-mask" => "msr s3_0_c4_c6_0, xzr";
    "write-os-lock" => "msr oslar_el1, xzr";
    "wfi" => "wfi";
    "dc-civac" => "mov x0, sp", "dc civac, x0";
    "dc-ivac" => "mov x0, sp", "dc ivac, x0";
    "ic-ivau" => "mov x0, sp", "ic ivau, x0";
    "sve" => ".inst 0x04bf5020";
    "write-watchpoint" => "msr dbgwcr0_el1, xzr";
    "drps" => "drps";
    or
    "read-dit" => "mrs x0, s3_3_c4_c2_5";
    "read-ssbs" => "mrs x0, s3_3_c4_c2_6";
    "read-tco" => "mrs x0, s3_3_c4_c2_7";
    "read-software-context" => "mrs x0, s3_3_c13_c0_7";
    "read-debug-status" => "mrs x0, mdccsr_el0";
    "write-debug-data" => "msr dbgdtrtx_el0, x0";
    "pacga" => ".inst 0x9ac23020";
    "read-tpidr2" => "mrs x0, s3_3_c13_c0_5";
    "read-activity-monitor" => "mrs x0, s3_3_c13_c2_0";
}
