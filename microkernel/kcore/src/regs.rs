//! A thread's saved registers, in an order that suits both processors' entry stubs.

/// User registers of a stopped thread.
///
/// The stubs write `words` … `number` and `sp` … `flags` at every entry; `rest` only when another thread runs next, or at
/// an interrupt or exception. Offsets are fixed: `arch` has them as constants and asserts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Regs {
    /// Message words. aarch64: x2–x9. x86_64: rdx r10 r8 r9 r12 r13 r14 r15.
    pub words: [u64; 8],
    /// First argument and result. x0; rdi.
    pub a0: u64,
    /// Second argument and result. x1; rsi.
    pub a1: u64,
    /// Deadline, then badge. x10; rbx.
    pub badge: u64,
    /// System call number, then status. x16; rax.
    pub number: u64,
    /// Stack pointer. SP_EL0; rsp.
    pub sp: u64,
    /// Program counter. ELR_EL1; rip.
    pub pc: u64,
    /// Processor state. SPSR_EL1; rflags.
    pub flags: u64,
    /// Thread pointer. TPIDR_EL0; FS base.
    pub pointer: u64,
    /// aarch64: x11–x15, x17–x30. x86_64: rbp, rcx, r11, then unused.
    pub rest: [u64; 20],
}

impl Regs {
    /// All zero.
    pub const ZERO: Regs =
        Regs { words: [0; 8], a0: 0, a1: 0, badge: 0, number: 0, sp: 0, pc: 0, flags: 0, pointer: 0, rest: [0; 20] };

    /// Argument or result `i` of a system call: `a0`, `a1`, then the words.
    #[inline(always)]
    pub fn argument(&self, i: usize) -> u64 {
        match i {
            0 => self.a0,
            1 => self.a1,
            _ => self.words.get(i - 2).copied().unwrap_or(0),
        }
    }

    /// All registers as words, for `state`.
    pub fn word(&self, i: usize) -> Option<u64> {
        Some(match i {
            0..8 => self.words[i],
            8 => self.a0,
            9 => self.a1,
            10 => self.badge,
            11 => self.number,
            12 => self.sp,
            13 => self.pc,
            14 => self.flags,
            15 => self.pointer,
            16..36 => self.rest[i - 16],
            _ => return None,
        })
    }
}
