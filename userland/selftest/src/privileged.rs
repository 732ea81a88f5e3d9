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
    "xsetbv" => "xor ecx, ecx", "xor edx, edx", "mov eax, 7", "xsetbv";
    or
    "xgetbv" => "xor ecx, ecx", "xgetbv";
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
    or
    "pacga" => ".inst 0x9ac23020";
    "read-tpidr2" => "mrs x0, s3_3_c13_c0_5";
    "read-activity-monitor" => "mrs x0, s3_3_c13_c2_0";
}
