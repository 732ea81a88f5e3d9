//! The generic timer: CNTVCT is the clock, CNTV one shot a core.
//!
//! The virtual timer is the one that an EL1 kernel always has, whether a hypervisor is below or not; user code reads
//! the same counter.

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, Readable, Writeable};

use super::registers::isb;
use crate::boot::Counter;

/// What CNTFRQ may say: below, nanoseconds are meaningless; above, the factors overflow.
const FREQUENCIES: core::ops::RangeInclusive<u64> = 1_000_000..=4_000_000_000;

/// The clock: two factors and the counter at boot.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    counter: Counter,
    /// Ticks a nanosecond, times 2^[`Counter::SHIFT`], rounded up.
    ticks: u64,
}

impl Clock {
    /// The clock that was at 0 ns when the counter was at `base`; `None` where firmware didn't set its frequency.
    pub fn start(base: u64) -> Option<Clock> {
        let frequency = CNTFRQ_EL0.get();
        if !FREQUENCIES.contains(&frequency) {
            return None;
        }
        quiet();
        let counter = Counter { base, multiplier: (1_000_000_000 << Counter::SHIFT) / frequency };
        Some(Clock { counter, ticks: (frequency << Counter::SHIFT).div_ceil(1_000_000_000) })
    }

    /// How counter values become nanoseconds.
    pub fn counter(&self) -> Counter {
        self.counter
    }

    /// Has the core's timer fire at `at` ns, never for `u64::MAX`; not before, and late by less than a tick in 2^32.
    pub fn arm(&self, at: u64) {
        if at == u64::MAX {
            quiet();
            return;
        }
        let count = count();
        let ahead = at.saturating_sub(self.counter.time(count));
        let ticks = ((u128::from(ahead) * u128::from(self.ticks)) >> Counter::SHIFT) as u64;
        CNTV_CVAL_EL0.set(count.saturating_add(ticks).saturating_add(1));
        CNTV_CTL_EL0.write(aarch64_cpu::registers::CNTV_CTL_EL0::ENABLE::SET);
    }

    /// ns since [`Clock::start`].
    pub fn now(&self) -> u64 {
        self.counter.time(count())
    }
}

/// Switches the core's timer off: its interrupt is a level that lasts until then.
pub fn quiet() {
    CNTV_CTL_EL0.set(0);
}

/// The counter, not read ahead of time.
pub fn count() -> u64 {
    isb();
    CNTVCT_EL0.get()
}
