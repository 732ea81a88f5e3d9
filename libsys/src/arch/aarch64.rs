//! aarch64: `svc #0`.

use core::arch::{asm, global_asm};

use super::Frame;
use crate::thread_block::Block;

global_asm!(
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x1, sp",
    "bl {start}",
    "brk #1",
    start = sym crate::entry::start,
);

// Copies and zeros as the kernel's own: what comes with the compiler copies word by word here. They use no vector registers, which a
// program that has none in use is switched without.
global_asm!(include_str!("../../../microkernel/kernel/src/arch/aarch64/memory.s"));

/// A system call with up to six arguments: status and two results.
#[inline(always)]
pub(crate) fn simple(number: u64, a: [u64; 6]) -> (u64, u64, u64) {
    let (status, a0, a1);
    // SAFETY:
    // 1. The kernel loses x11–x15, x17 and x18, which are declared; the other message registers are declared as well.
    // 2. What the call does to memory is the concern of the typed functions that use it; memory counts as clobbered.
    unsafe {
        asm!("svc #0", inlateout("x16") number => status, inlateout("x0") a[0] => a0, inlateout("x1") a[1] => a1,
            inlateout("x2") a[2] => _, inlateout("x3") a[3] => _, inlateout("x4") a[4] => _, inlateout("x5") a[5] => _,
            lateout("x6") _, lateout("x7") _, lateout("x8") _, lateout("x9") _, lateout("x10") _, lateout("x11") _,
            lateout("x12") _, lateout("x13") _, lateout("x14") _, lateout("x15") _, lateout("x17") _, lateout("x18") _,
            options(nostack));
    }
    (status, a0, a1)
}

/// A system call with all message registers: where it is used often, they never lie in memory.
#[inline(always)]
pub(crate) fn full(frame: &mut Frame) {
    let w = &mut frame.words;
    // SAFETY:
    // 1. As in `simple`.
    // 2. The kernel writes only registers and this thread's IPC buffer, which no reference outlives a call for.
    unsafe {
        asm!("svc #0", inout("x16") frame.number, inout("x0") frame.a0, inout("x1") frame.a1,
            inout("x2") w[0], inout("x3") w[1], inout("x4") w[2], inout("x5") w[3],
            inout("x6") w[4], inout("x7") w[5], inout("x8") w[6], inout("x9") w[7], inout("x10") frame.deadline,
            lateout("x11") _, lateout("x12") _, lateout("x13") _, lateout("x14") _, lateout("x15") _,
            lateout("x17") _, lateout("x18") _, options(nostack));
    }
}

/// This thread's block.
#[inline(always)]
pub(crate) fn block() -> *const Block {
    let block;
    // SAFETY: TPIDR_EL0 is this thread's block from before `main` on; reading it has no effect.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) block, options(nostack, nomem, preserves_flags)) };
    block
}

/// The virtual counter.
#[inline(always)]
pub(crate) fn counter() -> u64 {
    let counter;
    // SAFETY: the kernel leaves CNTVCT_EL0 to user code; `isb` keeps the read from being done early.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) counter, options(nostack, nomem, preserves_flags)) };
    counter
}

/// The frame pointer.
#[inline(always)]
pub(crate) fn frame() -> usize {
    let frame;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, x29", out(reg) frame, options(nostack, nomem, preserves_flags)) };
    frame
}

/// See `raw::mark`.
#[cfg(feature = "raw")]
#[inline(always)]
pub(crate) fn mark() {
    // SAFETY: a register moved to itself.
    unsafe { asm!("mov x9, x9", options(nostack, nomem, preserves_flags)) };
}

/// See `crate::relax`.
#[inline(always)]
pub(crate) fn relax() {
    // SAFETY: a hint.
    unsafe { asm!("yield", options(nostack, nomem, preserves_flags)) };
}
