//! The other cores: how they start, and how all but one stop.
//!
//! ```text
//! boot core: CPU_ON ─▶ firmware ─▶ `start_core` (boot.s, EL2 or EL1): MMU on, stack ─▶ `main` ─▶ waits for `release`
//! ```
//!
//! TLBs and instruction caches are kept in step by the processor's own broadcasts (`cpu`), so no core has to ask another.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use aarch64_cpu::asm::wfe;
use aarch64_cpu::registers::{MPIDR_EL1, Readable};
use firmware::dtb;
use kcore::hw::{CoreId, MAX_CORES};

use super::mmu::Image;
use super::timer::{self, Clock};
use super::{STATE, core_id, psci, vectors};

unsafe extern "C" {
    static start_core: u8;
}

/// How long all may take: only waited out where one doesn't come.
const START_TIME: u64 = 2_000_000_000;
/// Polls for cores that should stop before one goes on without them.
const PATIENCE: u32 = 10_000_000;
const AFFINITY: u64 = 0xff_00ff_ffff;

/// What each core is, in [`STATES`].
const ABSENT: u8 = 0;
const EXPECTED: u8 = 1;
const ARRIVED: u8 = 2;
static STATES: [AtomicU8; MAX_CORES] = [const { AtomicU8::new(ABSENT) }; MAX_CORES];
/// The cores that run, a bit each.
static RUNNING: AtomicU8 = AtomicU8::new(1);
/// The kernel is there: cores that have arrived may join.
static RELEASED: AtomicBool = AtomicBool::new(false);
/// The kernel has failed: all but one stop for good.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// Cores that have stopped so.
static STANDING: AtomicU8 = AtomicU8::new(0);

/// Starts the other cores, on the boot core, up to as many as the tree tells of in all: there are stacks for those. Returns those
/// that run. One that doesn't come in time never will.
pub fn start(affinities: &[Option<u64>; dtb::CORES], count: u32, image: Image, clock: &Clock) -> u8 {
    let own = MPIDR_EL1.get() & AFFINITY;
    let entry = image.physical_of((&raw const start_core).addr() as u64);
    let others = affinities.iter().flatten().filter(|affinity| **affinity != own);
    for (core, affinity) in (1..MAX_CORES.min(count as usize)).zip(others) {
        STATES[core].store(EXPECTED, Ordering::Release);
        if !psci::start_core(*affinity, entry, core as u64) {
            STATES[core].store(ABSENT, Ordering::Release);
        }
    }
    let end = clock.now() + START_TIME;
    let waited_for = || STATES.iter().any(|state| state.load(Ordering::Acquire) == EXPECTED);
    while waited_for() && clock.now() < end {
        relax();
    }
    for (core, state) in STATES.iter().enumerate() {
        // From here on nobody arrives.
        let _ = state.compare_exchange(EXPECTED, ABSENT, Ordering::AcqRel, Ordering::Acquire);
        if state.load(Ordering::Acquire) == ARRIVED {
            RUNNING.fetch_or(1 << core, Ordering::Relaxed);
        }
    }
    RUNNING.load(Ordering::Relaxed)
}

/// Has the cores that have arrived join in, once the kernel's lock lets them.
pub fn release() {
    RELEASED.store(true, Ordering::Release);
}

/// A core's first Rust code, on its own stack.
pub extern "C" fn main(core: u64) -> ! {
    let Some(state) = STATE.get() else { halt() };
    timer::start();
    if !state.gic.start_core(state.timer) {
        halt();
    }
    let expected = &STATES[core as usize % MAX_CORES];
    if expected.compare_exchange(EXPECTED, ARRIVED, Ordering::AcqRel, Ordering::Acquire).is_err() {
        halt();
    }
    while !RELEASED.load(Ordering::Acquire) {
        relax();
    }
    let next = crate::entry::join(core as CoreId);
    // SAFETY: what the kernel has this core run; `join` leaves the lock taken.
    unsafe { vectors::enter(next) }
}

/// While a core waits for what another does: lets that go first. Rust's `spin_loop` is an ISB here, which tells nothing to a
/// processor that runs several threads, or an emulator that runs one core after the other.
#[inline(always)]
pub fn relax() {
    // SAFETY: a hint.
    unsafe { core::arch::asm!("yield", options(nomem, nostack, preserves_flags)) };
}

/// Stops here if the kernel has failed: in the interrupt of another core, and while this one waits for the kernel's lock.
#[inline(always)]
pub fn attend() {
    if STOPPED.load(Ordering::Relaxed) {
        STANDING.fetch_add(1, Ordering::Relaxed);
        halt();
    }
}

/// Stops all other cores for good, so that a last report is the only thing that happens.
pub fn stop_others() {
    let Some(state) = STATE.get() else { return };
    if STOPPED.swap(true, Ordering::SeqCst) {
        return;
    }
    let running = RUNNING.load(Ordering::Relaxed) & !(1 << core_id());
    (0..MAX_CORES as CoreId).filter(|core| running >> core & 1 != 0).for_each(|core| state.gic.kick(core));
    for _ in 0..PATIENCE {
        if u32::from(STANDING.load(Ordering::Relaxed)) >= running.count_ones() {
            return;
        }
        relax();
    }
}

/// Goes on with nothing, for good.
pub fn halt() -> ! {
    loop {
        wfe();
    }
}
