//! Vector registers belong to their thread: patterns in all of them survive preemption by threads with other patterns.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::{ANY_CORE, CONFIG_CORE, number};
use libsys::abi::user;
use libsys::thread::{self, JoinHandle};
use libsys::{Error, Pool, time};

use crate::checks::Checks;
use crate::threads::{finish, options, pin};

/// Threads that fill the registers, besides this one.
const THREADS: u64 = 3;
/// How long they do.
const RUN_NS: u64 = 300 * time::MILLISECOND;
/// Turns of the loop in which the registers must keep their values: longer than a time slice now and then.
const TURNS: u64 = 2_000_000;
/// Times that a thread leaves its core, without using the registers meanwhile: more than any kernel would guess that it will.
const ABSENCES: u64 = 100;

/// What the vector registers are loaded with and read back to: 16 bytes each.
#[repr(C, align(64))]
#[derive(Clone, Copy, PartialEq, Eq)]
struct Registers([[u64; 2]; 16]);

impl Registers {
    fn pattern(seed: u64) -> Registers {
        let word = |n: u64| (seed << 56) ^ n.wrapping_mul(0x0123_4567_89ab_cdef);
        Registers(core::array::from_fn(|i| [word(2 * i as u64 + 1), word(2 * i as u64 + 2)]))
    }
}

/// Loads 16 vector registers, does what the lines say, which may use `turns`, and reads them back.
#[cfg(target_arch = "x86_64")]
macro_rules! holding {
    ($values:ident, $after:ident, $turns:ident, [$($line:literal),+] $($operand:tt)*) => {
        core::arch::asm!(
            each_register!("movaps xmm\\n, [{from} + 16 * \\n]"),
            $($line,)+
            each_register!("movaps [{to} + 16 * \\n], xmm\\n"),
            from = in(reg) $values, to = in(reg) &mut $after, turns = inout(reg) $turns => _,
            $($operand)*
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _,
            out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _,
            out("xmm14") _, out("xmm15") _, options(nostack),
        )
    };
}

/// Loads 16 vector registers, does what the lines say, which may use `turns`, and reads them back.
#[cfg(target_arch = "aarch64")]
macro_rules! holding {
    ($values:ident, $after:ident, $turns:ident, [$($line:literal),+] $($operand:tt)*) => {
        core::arch::asm!(
            "ldp q0, q1, [{from}]", "ldp q2, q3, [{from}, #32]", "ldp q4, q5, [{from}, #64]", "ldp q6, q7, [{from}, #96]",
            "ldp q16, q17, [{from}, #128]", "ldp q18, q19, [{from}, #160]", "ldp q20, q21, [{from}, #192]",
            "ldp q22, q31, [{from}, #224]",
            $($line,)+
            "stp q0, q1, [{to}]", "stp q2, q3, [{to}, #32]", "stp q4, q5, [{to}, #64]", "stp q6, q7, [{to}, #96]",
            "stp q16, q17, [{to}, #128]", "stp q18, q19, [{to}, #160]", "stp q20, q21, [{to}, #192]",
            "stp q22, q31, [{to}, #224]",
            from = in(reg) $values, to = in(reg) &mut $after, turns = inout(reg) $turns => _,
            $($operand)*
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v31") _,
            options(nostack),
        )
    };
}

/// Loads the vector registers, counts down, and reads them back.
fn hold(values: &Registers, turns: u64) -> Registers {
    let mut after = Registers([[0; 2]; 16]);
    // SAFETY: reads 256 bytes from one and writes 256 to the other, both aligned; all registers it changes are declared.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        holding!(values, after, turns, ["2: sub {turns}, 1", "jnz 2b"]);
        #[cfg(target_arch = "aarch64")]
        holding!(values, after, turns, ["2: subs {turns}, {turns}, #1", "b.ne 2b"]);
    }
    after
}

/// Loads the vector registers, makes a system call so many times with the main thread and a core's number, and reads them back.
fn call_and_hold(values: &Registers, number: u16, turns: u64, cores: u64) -> Registers {
    let mut after = Registers([[0; 2]; 16]);
    // SAFETY:
    // 1. Reads 256 bytes from one and writes 256 to the other, both aligned; all registers it changes are declared.
    // 2. The calls are `yield` and `config` of a core, which do nothing to memory.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        holding!(values, after, turns,
            ["2: mov eax, {number:e}", "mov edi, {main}", "mov esi, {core}", "mov rdx, {turns}", "and rdx, {mask}",
            "syscall", "sub {turns}, 1", "jnz 2b"]
            number = in(reg) u32::from(number), mask = in(reg) cores.next_power_of_two() - 1,
            main = const user::MAIN_THREAD.raw(), core = const CONFIG_CORE,
            out("rax") _, out("rdi") _, out("rsi") _, out("rdx") _, out("rcx") _, out("r11") _,
        );
        #[cfg(target_arch = "aarch64")]
        holding!(values, after, turns,
            ["2: mov x16, {number}", "mov x0, {main}", "mov x1, #{core}", "and x2, {turns}, {mask}",
            "svc #0", "subs {turns}, {turns}, #1", "b.ne 2b"]
            number = in(reg) u64::from(number), mask = in(reg) cores.next_power_of_two() - 1,
            main = in(reg) u64::from(user::MAIN_THREAD.raw()), core = const CONFIG_CORE,
            out("x0") _, out("x1") _, out("x2") _, out("x3") _, out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _,
            out("x9") _, out("x10") _, out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _,
            out("x17") _, out("x18") _,
        );
    }
    after
}

/// What the vector registers have at this moment. Compiled code may have used some since the thread began, most it has not.
pub fn found() -> [[u64; 2]; 16] {
    let mut now = Registers([[0; 2]; 16]);
    // SAFETY: writes 256 bytes, aligned.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!(each_register!("movaps [{to} + 16 * \\n], xmm\\n"), to = in(reg) &mut now, options(nostack));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!(
            "stp q8, q9, [{to}]", "stp q10, q11, [{to}, #32]", "stp q12, q13, [{to}, #64]", "stp q14, q15, [{to}, #96]",
            "stp q16, q17, [{to}, #128]", "stp q18, q19, [{to}, #160]", "stp q20, q21, [{to}, #192]",
            "stp q30, q31, [{to}, #224]",
            to = in(reg) &mut now, options(nostack),
        );
    }
    now.0
}

/// Has all registers be this for a while.
pub fn fill(word: u64) {
    let values = Registers([[word; 2]; 16]);
    let _ = core::hint::black_box(hold(&values, 1_000));
}

/// Rounds in which a thread found its registers as it left them, and otherwise.
#[derive(Default)]
struct Found {
    same: AtomicU64,
    other: AtomicU64,
    stop: AtomicBool,
}

fn keep(seed: u64, found: &Found, until: u64) {
    let values = Registers::pattern(seed);
    while !found.stop.load(Ordering::Acquire) && time::now_ns() < until {
        let same = hold(&values, TURNS) == values;
        if same { &found.same } else { &found.other }.fetch_add(1, Ordering::Relaxed);
    }
}

/// Four threads at one priority, each with its own pattern.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let found = Arc::new(Found::default());
    let until = time::now_ns() + RUN_NS;
    let threads: Result<Vec<JoinHandle>, Error> = (1..=THREADS)
        .map(|seed| {
            let found = found.clone();
            thread::spawn(&Pool::own()?, options()?, move || keep(seed, &found, until))
        })
        .collect();
    let threads = threads?;
    keep(0, &found, until);
    threads.into_iter().for_each(finish);
    let (same, other) = (found.same.load(Ordering::Relaxed), found.other.load(Ordering::Relaxed));
    checks.equal("rounds in which a register changed", other, 0);
    checks.holds(format!("all threads ran ({same} rounds)"), same > THREADS);
    absent(checks)?;
    super::borrowed::check(checks)?;
    rounding(checks)
}

/// Threads fill the registers by turns with this one, on all cores; it leaves them alone while it is away, and goes from core to
/// core.
fn absent(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let cores = crate::smp::cores(1)?.map_or(1, u64::from);
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Result<Vec<JoinHandle>, Error> = (1..=cores)
        .map(|seed| {
            let stop = stop.clone();
            thread::spawn(&pool, options()?, move || {
                while !stop.load(Ordering::Acquire) {
                    fill(seed);
                    libsys::yield_now();
                }
            })
        })
        .collect();
    let threads = threads?;
    let values = Registers::pattern(0x77);
    let yielded = call_and_hold(&values, number::yield_now, ABSENCES, cores) == values;
    let moved = call_and_hold(&values, number::config, ABSENCES, cores) == values;
    pin(ANY_CORE)?;
    stop.store(true, Ordering::Release);
    threads.into_iter().for_each(finish);
    checks.holds("registers that are not used are as they were after many turns of others", yielded);
    checks.holds("and after many moves from core to core", moved);
    Ok(())
}

/// The environment of a new thread is the plain one, whatever its maker's registers had.
fn rounding(checks: &mut Checks) -> Result<(), Error> {
    let third = core::hint::black_box(1.0_f64) / core::hint::black_box(3.0);
    let result = Arc::new(AtomicU64::new(0));
    let there = result.clone();
    let thread = thread::spawn(&Pool::own()?, options()?, move || {
        let tiny = core::hint::black_box(f64::MIN_POSITIVE) / core::hint::black_box(2.0);
        let third = core::hint::black_box(1.0_f64) / core::hint::black_box(3.0);
        there.store(if tiny > 0.0 { third.to_bits() } else { 0 }, Ordering::Release);
    })?;
    finish(thread);
    checks.equal(
        "a new thread rounds to nearest, and keeps small numbers",
        result.load(Ordering::Acquire),
        third.to_bits(),
    );
    Ok(())
}
