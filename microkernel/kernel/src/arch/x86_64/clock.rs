//! Time: the TSC as clock, the local APIC's timer for alarms.
//!
//! Both run at rates that only measuring tells. Measured is against the ACPI PM timer (3.579545 MHz), or the PIT where
//! there is none, over [`WINDOW`]; CPUID leaf 0x15 is believed where it is complete.

use core::arch::x86_64::_rdtsc;

use x86_64::instructions::port::Port;

use super::apic::{self, TimerMode};
use super::cpu;
use crate::boot::Counter;

/// Ticks a second of the PM timer, and of the PIT.
const PM_RATE: u64 = 3_579_545;
const PIT_RATE: u64 = 1_193_182;
/// The part of a second that is measured: 4 ms.
const WINDOW: u64 = 250;
const SECOND: u64 = 1_000_000_000;
/// ns of which a TSC's ticks fit 64 bits: 73 years.
const FOREVER: u64 = 1 << 61;
/// Readings of which the one with the shortest TSC interval counts: an emulator may be interrupted in any of them.
const READINGS: usize = 4;
/// Most readings of a reference that may stand still.
const PATIENCE: u32 = 10_000_000;

/// The running clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    counter: Counter,
    /// Ticks a nanosecond, times 2^[`Counter::SHIFT`], rounded up: the timer's, if it counts, else the TSC's.
    ticks: u64,
    /// ns that the timer can count.
    furthest: u64,
    /// The timer's ticks a tick of the TSC, times 2^[`Counter::SHIFT`].
    ratio: u64,
    mode: TimerMode,
}

/// The TSC and the reference at one moment.
#[derive(Clone, Copy)]
struct Reading {
    tsc: u64,
    timer: u32,
    reference: u32,
}

/// Measures the rates. The clock's zero is when the TSC read `started`.
pub fn calibrate(pm_timer: Option<u16>, started: u64) -> Clock {
    apic::set_count(u32::MAX);
    let (first, last, reference_ticks, rate) = match pm_timer.and_then(|port| Some((port, measure_pm(port)?))) {
        Some((_, (first, last))) => (first, last, last.reference.wrapping_sub(first.reference) & 0xff_ffff, PM_RATE),
        None => {
            let (first, last) = measure_pit();
            (first, last, first.reference.wrapping_sub(last.reference) & 0xffff, PIT_RATE)
        }
    };
    let rate_of = |ticks: u64| (u128::from(ticks) * u128::from(rate) / u128::from(reference_ticks.max(1))) as u64;
    let tsc_rate = tsc_rate_by_cpuid().unwrap_or(rate_of(last.tsc - first.tsc)).max(1);
    let timer_rate = rate_of(u64::from(first.timer - last.timer.min(first.timer))).max(1);
    let multiplier = ((u128::from(SECOND) << Counter::SHIFT) / u128::from(tsc_rate)) as u64;
    let mode = apic::start_timer();
    let rate = if mode == TimerMode::Count { timer_rate } else { tsc_rate };
    let ticks = (u128::from(rate) << Counter::SHIFT).div_ceil(SECOND.into()) as u64;
    let furthest = (u64::from(u32::MAX - 1) << Counter::SHIFT) / ticks;
    let ratio = ((u128::from(timer_rate) << Counter::SHIFT) / u128::from(tsc_rate)) as u64;
    Clock { counter: Counter { base: started, multiplier }, ticks, furthest, ratio, mode }
}

impl Clock {
    /// The rates, for user code.
    pub fn counter(&self) -> Counter {
        self.counter
    }

    /// ns since boot.
    pub fn now(&self) -> u64 {
        self.counter.time(tsc())
    }

    /// Has the timer interrupt come at `at` ns or, if that is too far for the timer, earlier; `u64::MAX`: never. Not before the
    /// time, and late by less than a tick in 2^32. The TSC stood at `then` in this entry, which was `now`.
    #[inline(always)]
    pub fn set_timer(&self, at: u64, then: u64, now: u64) {
        if at == u64::MAX {
            return self.stop_timer();
        }
        let ahead = at.saturating_sub(now);
        // One tick later than rounding down says: not before the time.
        let ticks = |ahead| ((u128::from(ahead) * u128::from(self.ticks)) >> Counter::SHIFT) as u64 + 1;
        match self.mode {
            TimerMode::Count => {
                let ticks = ticks(ahead.min(self.furthest));
                // It counts from when it is set: what has passed is looked at last.
                let passed = (u128::from(tsc().wrapping_sub(then)) * u128::from(self.ratio)) >> Counter::SHIFT;
                apic::set_count(ticks.saturating_sub(passed as u64).max(1) as u32);
            }
            TimerMode::Deadline => apic::set_deadline(then.saturating_add(ticks(ahead.min(FOREVER)))),
        }
    }

    #[cold]
    fn stop_timer(&self) {
        match self.mode {
            TimerMode::Count => apic::set_count(0),
            TimerMode::Deadline => apic::set_deadline(0),
        }
    }
}

/// The time stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: the processor has a TSC (`cpu::require`).
    unsafe { _rdtsc() }
}

/// TSC frequency as crystal frequency × ratio, if the processor tells all three numbers.
fn tsc_rate_by_cpuid() -> Option<u64> {
    let leaf = cpu::cpuid(0x15, 0)?;
    let complete = leaf.eax != 0 && leaf.ebx != 0 && leaf.ecx != 0;
    complete.then(|| u64::from(leaf.ecx) * u64::from(leaf.ebx) / u64::from(leaf.eax))
}

/// Readings at both ends of a window of the PM timer; `None` if it stands still.
fn measure_pm(port: u16) -> Option<(Reading, Reading)> {
    // SAFETY: reading the PM timer has no side effect.
    let mut timer = || unsafe { Port::<u32>::new(port).read() & 0xff_ffff };
    let first = reading(&mut timer);
    let window = (PM_RATE / WINDOW) as u32;
    for _ in 0..PATIENCE {
        if timer().wrapping_sub(first.reference) & 0xff_ffff >= window {
            return Some((first, reading(&mut timer)));
        }
    }
    None
}

/// The same with channel 2 of the PIT, counting down from 65,535.
fn measure_pit() -> (Reading, Reading) {
    let out = |port: u16, value: u8| {
        // SAFETY: the PIT's channel 2 and its gate drive nothing but the speaker, which stays off.
        unsafe { Port::new(port).write(value) }
    };
    let mut timer = || {
        out(0x43, 0x80);
        // SAFETY: as above; the latched count is read low byte first.
        unsafe { u32::from(Port::<u8>::new(0x42).read()) | u32::from(Port::<u8>::new(0x42).read()) << 8 }
    };
    out(0x61, 1);
    out(0x43, 0xb0);
    out(0x42, 0xff);
    out(0x42, 0xff);
    let first = reading(&mut timer);
    let window = (PIT_RATE / WINDOW) as u32;
    for _ in 0..PATIENCE {
        if first.reference.wrapping_sub(timer()) & 0xffff >= window {
            break;
        }
    }
    (first, reading(&mut timer))
}

/// Reference, TSC and APIC timer as close together as they can be had.
fn reading(reference: &mut dyn FnMut() -> u32) -> Reading {
    let mut best = (u64::MAX, Reading { tsc: 0, timer: 0, reference: 0 });
    for _ in 0..READINGS {
        let before = tsc();
        let reference = reference();
        let timer = apic::count();
        let took = tsc() - before;
        if took < best.0 {
            best = (took, Reading { tsc: before, timer, reference });
        }
    }
    best.1
}
