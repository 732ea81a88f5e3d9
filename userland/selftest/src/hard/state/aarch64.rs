//! NZCV, and DIT, SSBS and TCO where the processor has them; TPIDR_EL0; FPCR and FPSR.

use core::arch::asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::Error;

use super::Asked;
use crate::child;
use crate::kernel::Random;

/// Negative, zero, carry, overflow.
const CONDITIONS: u64 = 0xf << 28;
/// Bits with a register of their own, by what tells whether they are there.
const OTHERS: [(&str, u64); 3] = [("read-dit", DIT), ("read-ssbs", SSBS), ("read-tco", TCO)];
const DIT: u64 = 1 << 24;
const SSBS: u64 = 1 << 12;
const TCO: u64 = 1 << 25;
/// Those that calculating leaves alone: [`flags`] tells none, as not every processor has a register for them.
pub const STICKY: u64 = 0;
/// Masks of interrupts and the exception level are not to be seen from here.
pub const FORBIDDEN: u64 = 0;
/// As nothing of it is seen.
pub const PLAIN: u64 = 0;

/// What may be set here. A child finds out what the processor has, as who has it not faults.
pub fn settable() -> Result<u64, Error> {
    let mut settable = CONDITIONS;
    for (deed, bit) in OTHERS {
        if child::doing(deed)?.code == 0 {
            settable |= bit;
        }
    }
    // Some have the register, and it stays 0.
    Ok(settable & spin_known(settable, settable, 1))
}

/// Sets the flags that the register has: of those in x23. And reads them. Changes no other flag, and the register alone.
macro_rules! flags {
    (set $register:literal) => {
        concat!(
            "msr nzcv, ",
            $register,
            "\n tbz x23, #24, 5f\n msr s3_3_c4_c2_5, ",
            $register,
            "\n 5: tbz x23, #12, 5f\n msr s3_3_c4_c2_6, ",
            $register,
            "\n 5: tbz x23, #25, 5f\n msr s3_3_c4_c2_7, ",
            $register,
            "\n 5:"
        )
    };
    (get $register:literal, $other:literal) => {
        concat!(
            "mrs ",
            $register,
            ", nzcv\n tbz x23, #24, 5f\n mrs ",
            $other,
            ", s3_3_c4_c2_5\n orr ",
            $register,
            ", ",
            $register,
            ", ",
            $other,
            "\n 5: tbz x23, #12, 5f\n mrs ",
            $other,
            ", s3_3_c4_c2_6\n orr ",
            $register,
            ", ",
            $register,
            ", ",
            $other,
            "\n 5: tbz x23, #25, 5f\n mrs ",
            $other,
            ", s3_3_c4_c2_7\n orr ",
            $register,
            ", ",
            $register,
            ", ",
            $other,
            "\n 5:"
        )
    };
}

/// Makes the call with these flags and this pointer from before it until after it. It must be one that does nothing to memory but the
/// IPC buffer.
pub fn call(asked: &mut Asked) {
    asked.known = KNOWN.load(Ordering::Relaxed);
    // SAFETY:
    // 1. Reads and writes `asked` alone; flags and thread pointer are as before at the end.
    // 2. All registers that it changes are declared; the call is one that the caller may make.
    unsafe {
        asm!(
            "ldr x23, [x20, #{known}]", "ldr x22, [x20, #{flags}]", "ldr x26, [x20, #{pointer}]",
            "mrs x25, tpidr_el0", "msr tpidr_el0, x26",
            "ldp x16, x0, [x20]", "ldp x1, x10, [x20, #16]", "ldp x2, x3, [x20, #32]", "ldp x4, x5, [x20, #48]",
            "ldp x6, x7, [x20, #64]", "ldp x8, x9, [x20, #80]",
            flags!(set "x22"), "svc #0", flags!(get "x22", "x24"),
            "str x22, [x20, #{flags}]", "mrs x26, tpidr_el0", "str x26, [x20, #{pointer}]", "str x16, [x20]",
            "msr tpidr_el0, x25", flags!(set "xzr"),
            flags = const offset_of!(Asked, flags), pointer = const offset_of!(Asked, pointer), known = const offset_of!(Asked, known),
            in("x20") asked, out("x22") _, out("x23") _, out("x24") _, out("x25") _, out("x26") _, clobber_abi("C"), options(nostack),
        );
    }
}

/// Keeps these flags for so many turns of a loop that changes none; what they are then.
pub fn spin(flags: u64, turns: u64) -> u64 {
    spin_known(flags, KNOWN.load(Ordering::Relaxed), turns)
}

/// The bits that this processor has.
static KNOWN: AtomicU64 = AtomicU64::new(CONDITIONS);

fn spin_known(flags: u64, known: u64, turns: u64) -> u64 {
    KNOWN.store(known, Ordering::Relaxed);
    let after;
    // SAFETY: changes the declared registers; the flags are 0 at the end, as a thread begins.
    unsafe {
        asm!(flags!(set "x22"), "2: sub x21, x21, #1", "cbnz x21, 2b", flags!(get "x22", "x24"), "mov x25, x22", flags!(set "xzr"),
            in("x23") known, inout("x22") flags => _, inout("x21") turns => _, out("x24") _, out("x25") after, options(nostack));
    }
    after
}

/// Writes a word with these flags; what they are then.
pub fn touch(flags: u64, at: u64) -> u64 {
    let known = KNOWN.load(Ordering::Relaxed);
    let after;
    // SAFETY: the caller says that 8 bytes there are its own, and aligned; the flags are 0 at the end, as a thread begins.
    unsafe {
        asm!(flags!(set "x22"), "str x21, [x21]", flags!(get "x22", "x24"), "mov x25, x22", flags!(set "xzr"),
            in("x23") known, inout("x22") flags => _, in("x21") at, out("x24") _, out("x25") after, options(nostack));
    }
    after
}

/// None that every processor tells.
pub fn flags() -> u64 {
    0
}

/// Control words: FPCR, and FPSR with its sticky exceptions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Control(u64, u64);

impl Control {
    /// What a thread begins with.
    pub const PLAIN: Control = Control(0, 0);

    /// Any rounding, flushing and quiet numbers; any exceptions that were.
    pub fn random(random: &mut Random) -> Control {
        let word = random.next();
        Control(word & 0x07c0_0000, word >> 16 & 0x0800_009f)
    }

    /// Loads them. Compiled code here does not calculate with fractions until [`Control::PLAIN`] is back.
    pub fn set(self) {
        // SAFETY: no exception is trapped.
        unsafe { asm!("msr fpcr, {}", "msr fpsr, {}", in(reg) self.0, in(reg) self.1, options(nostack)) };
    }

    /// What they are.
    pub fn get() -> Control {
        let mut now = Control(0, 0);
        // SAFETY: reads them.
        unsafe { asm!("mrs {}, fpcr", "mrs {}, fpsr", out(reg) now.0, out(reg) now.1, options(nostack)) };
        now
    }
}
