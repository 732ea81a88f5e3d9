//! x86_64: `syscall`.

use core::arch::{asm, global_asm};

use super::Frame;
use crate::thread_block::Block;

global_asm!(
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "xor ebp, ebp",
    "mov rsi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym crate::entry::start,
);

/// A system call with up to six arguments: status and two results. Words come back as they were.
#[inline(always)]
pub(crate) fn simple(number: u64, a: [u64; 6]) -> (u64, u64, u64) {
    let (status, a0, a1);
    // SAFETY:
    // 1. `syscall` loses rcx and r11, which are declared; the result registers are too, and the rest stays (abi).
    // 2. What the call does to memory is the concern of the typed functions that use it; memory counts as clobbered.
    unsafe {
        asm!("syscall", inlateout("rax") number => status, inlateout("rdi") a[0] => a0, inlateout("rsi") a[1] => a1,
            inlateout("rdx") a[2] => _, inlateout("r10") a[3] => _, inlateout("r8") a[4] => _, inlateout("r9") a[5] => _,
            out("rcx") _, out("r11") _, options(nostack));
    }
    (status, a0, a1)
}

/// A system call with all message registers: where it is used often, they never lie in memory.
#[inline(always)]
pub(crate) fn full(frame: &mut Frame) {
    let w = &mut frame.words;
    // SAFETY:
    // 1. As in `simple`. rbx can't be named as an operand, so it is exchanged with another register and back.
    // 2. The kernel writes only registers and this thread's IPC buffer, which no reference outlives a call for.
    unsafe {
        asm!("xchg {b}, rbx", "syscall", "xchg {b}, rbx", b = inout(reg) frame.deadline,
            inout("rax") frame.number, inout("rdi") frame.a0, inout("rsi") frame.a1,
            inout("rdx") w[0], inout("r10") w[1], inout("r8") w[2], inout("r9") w[3],
            inout("r12") w[4], inout("r13") w[5], inout("r14") w[6], inout("r15") w[7],
            out("rcx") _, out("r11") _, options(nostack));
    }
}

/// This thread's block.
#[inline(always)]
pub(crate) fn block() -> *const Block {
    let block;
    // SAFETY: the FS base is this thread's block, whose first word is its own address, from before `main` on.
    unsafe { asm!("mov {}, fs:[0]", out(reg) block, options(nostack, readonly, preserves_flags)) };
    block
}

/// The time stamp counter.
#[inline(always)]
pub(crate) fn counter() -> u64 {
    // SAFETY: every x86_64 has RDTSC, and the kernel leaves it to user code.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The frame pointer.
#[inline(always)]
pub(crate) fn frame() -> usize {
    let frame;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame, options(nostack, nomem, preserves_flags)) };
    frame
}

/// See `raw::mark`.
#[cfg(feature = "raw")]
#[inline(always)]
pub(crate) fn mark() {
    // SAFETY: a register moved to itself.
    unsafe { asm!("mov r9, r9", options(nostack, nomem, preserves_flags)) };
}

/// See `crate::relax`.
#[inline(always)]
pub(crate) fn relax() {
    core::hint::spin_loop();
}
