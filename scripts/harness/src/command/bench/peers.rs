//! What the peers need for the same, in guest instructions, and what is to be reached.
//!
//! Taken in QEMU 7.2 with `-icount shift=0`, one core, 256 MiB: aarch64 on `virt` with `cortex-a72`, x86_64 on `q35` with
//! `max,-erms,-fsrm` (seL4 there: `max`). seL4 is 16.0.0-dev (1326364bc913) in release configuration with its fast path,
//! threads without FPU unless the row says so; Linux is Debian 12's 6.1.192-2, the least of several runs.

use crate::arch::Arch;

/// One operation. Pairs are aarch64, x86_64.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The name in the guest's `RESULT` line.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// seL4's figures.
    pub sel4: [Option<u64>; 2],
    /// Linux's figures.
    pub linux: [Option<u64>; 2],
    /// What ours are to be at most.
    pub reach: [Option<u64>; 2],
}

/// Which figure of a pair is a processor's.
pub fn column(arch: Arch) -> usize {
    match arch {
        Arch::Aarch64 => 0,
        Arch::X86_64 => 1,
    }
}

const NONE: [Option<u64>; 2] = [None, None];

const fn pair(aarch64: u64, x86_64: u64) -> [Option<u64>; 2] {
    [Some(aarch64), Some(x86_64)]
}

const fn row(
    name: &'static str,
    title: &'static str,
    sel4: [Option<u64>; 2],
    linux: [Option<u64>; 2],
    reach: [Option<u64>; 2],
) -> Row {
    Row { name, title, sel4, linux, reach }
}

/// The kernel's operations; round trips are between two processes.
#[rustfmt::skip]
pub const KERNEL: &[Row] = &[
    // Linux: getpid.
    row("null-call", "null system call", pair(95, 101), pair(510, 322), pair(55, 55)),
    // Linux: a byte through a pipe and back.
    row("call-4w", "call + reply, 4 words", pair(464, 470), pair(14_144, 11_562), pair(400, 380)),
    row("call-8w", "call + reply, 8 words", pair(1_355, 1_562), NONE, pair(400, 380)),
    row("call-8w-general", "call + reply, 8 words, general path", pair(1_355, 1_562), NONE, pair(620, 620)),
    row("call-fpu", "call + reply, 4 words, FPU in both", pair(569, 490), NONE, pair(490, 395)),
    // Linux: 512 bytes through a pipe and back.
    row("call-512", "call + reply, 512 bytes", pair(1_945, 2_152), pair(15_010, 11_832), pair(700, 700)),
    // Linux: eventfd.
    row("notify", "notification there and back", pair(1_913, 2_043), pair(10_751, 8_670), pair(700, 700)),
    // seL4: the UART's. Ours: the timer's, from its time on to the thread that waited for it, another being interrupted.
    row("interrupt", "interrupt to user handler", pair(337, 388), NONE, pair(330, 330)),
    // Linux: in the kernel, no pager.
    row("fault", "page fault served by a user pager", pair(2_711, 2_806), pair(3_312, 3_343), pair(2_400, 2_400)),
    row("thread", "thread: create, run, delete", pair(8_340, 11_375), NONE, pair(5_000, 5_000)),
    // Linux: pthread_create and join, which keep stacks for reuse; ours makes 64 KiB anew.
    row("thread-stack", "thread with a new stack: spawn, join", NONE, pair(39_328, 38_246), NONE),
    // Linux: vfork, exec of a tiny static program, wait.
    row("spawn", "process: spawn, exit, wait", NONE, pair(132_348, 136_832), pair(60_000, 60_000)),
    // From reset; ours from the kernel's first instruction.
    row("boot-init", "boot: to the first user instruction", [Some(3_730_000), None], pair(885_200_000, 1_528_000_000), NONE),
    // The peers' to the first user instruction.
    row("boot", "boot: to the prompt", NONE, pair(885_200_000, 1_528_000_000), pair(60_000_000, 60_000_000)),
    row("interrupts-off", "longest stretch with interrupts off", NONE, NONE, pair(20_000, 20_000)),
];
