//! RFLAGS, MXCSR and the x87 control word.

use core::arch::asm;
use core::mem::offset_of;

use libsys::Error;

use super::Asked;
use crate::kernel::Random;

/// Direction, nested task, alignment check and CPUID, and the arithmetic ones.
const SETTABLE: u64 = STICKY | 0x8d5;
/// Those that calculating leaves alone.
pub const STICKY: u64 = 1 << 10 | 1 << 14 | 1 << 18 | 1 << 21;
/// Interrupts on, and no port: what a program can't change, though it tries each time.
pub const FORBIDDEN: u64 = 1 << 9 | 3 << 12;
/// What stands there.
pub const PLAIN: u64 = 1 << 9;
/// What is tried.
const TRIED: u64 = 3 << 12;

/// What may be set here.
pub fn settable() -> Result<u64, Error> {
    Ok(SETTABLE)
}

/// Makes the call with these flags set from before it until after it; the thread pointer, which is FS, is left alone. It must be one
/// that does nothing to memory but the IPC buffer.
pub fn call(asked: &mut Asked) {
    asked.flags |= TRIED;
    // SAFETY:
    // 1. Reads and writes `asked` alone, and its own words of the stack, all aligned; the flags are as before at the end.
    // 2. All registers that it changes are declared or put back; the call is one that the caller may make.
    unsafe {
        asm!(
            "push rbx", "push rbp", "pushfq", "push rcx", "push [rcx + {flags}]",
            "mov rax, [rcx]", "mov rdi, [rcx + 8]", "mov rsi, [rcx + 16]", "mov rbx, [rcx + 24]",
            "mov rdx, [rcx + 32]", "mov r10, [rcx + 40]", "mov r8, [rcx + 48]", "mov r9, [rcx + 56]",
            "mov r12, [rcx + 64]", "mov r13, [rcx + 72]", "mov r14, [rcx + 80]", "mov r15, [rcx + 88]",
            "popfq", "syscall", "pushfq", "pop r11", "pop rcx",
            "mov [rcx + {flags}], r11", "mov [rcx], rax", "popfq", "pop rbp", "pop rbx",
            flags = const offset_of!(Asked, flags),
            inout("rcx") asked => _, out("rax") _, out("rdi") _, out("rsi") _, out("rdx") _, out("r8") _, out("r9") _,
            out("r10") _, out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
}

/// Keeps these flags for so many turns of a loop that changes none; what they are then.
pub fn spin(flags: u64, turns: u64) -> u64 {
    let after;
    // SAFETY: changes the declared registers; the flags are as before at the end.
    unsafe {
        asm!("pushfq", "push {flags}", "popfq", "2: loop 2b", "pushfq", "pop {flags}", "popfq",
            flags = inout(reg) flags => after, inout("rcx") turns => _);
    }
    after
}

/// Writes a word with these flags; what they are then.
pub fn touch(flags: u64, at: u64) -> u64 {
    let after;
    // SAFETY: the caller says that 8 bytes there are its own, and aligned; the flags are as before at the end.
    unsafe {
        asm!("pushfq", "push {flags}", "popfq", "mov [{at}], {at}", "pushfq", "pop {flags}", "popfq",
            flags = inout(reg) flags => after, at = in(reg) at);
    }
    after
}

/// The flags.
pub fn flags() -> u64 {
    let flags;
    // SAFETY: reads them.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    flags
}

/// Control words: MXCSR with its sticky exceptions, x87's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Control(u32, u16);

impl Control {
    /// What a thread begins with.
    pub const PLAIN: Control = Control(0x1f80, 0x037f);

    /// Any rounding, flushing and precision; any exceptions that were, all of them masked.
    pub fn random(random: &mut Random) -> Control {
        let word = random.next();
        Control(0x1f80 | word as u32 & 0xe03f, 0x007f | 0x0200 | (word >> 32) as u16 & 0x0d00)
    }

    /// Loads them. Compiled code here does not calculate with fractions until [`Control::PLAIN`] is back.
    pub fn set(self) {
        // SAFETY: they mask all exceptions.
        unsafe { asm!("ldmxcsr [{}]", "fldcw [{}]", in(reg) &self.0, in(reg) &self.1, options(nostack)) };
    }

    /// What they are.
    pub fn get() -> Control {
        let mut now = Control(0, 0);
        // SAFETY: writes the two words.
        unsafe { asm!("stmxcsr [{}]", "fnstcw [{}]", in(reg) &mut now.0, in(reg) &mut now.1, options(nostack)) };
        now
    }
}
