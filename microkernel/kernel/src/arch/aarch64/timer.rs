//! The generic timer: CNTVCT is the clock, CNTV one shot a core.
//!
//! The virtual timer is the one that an EL1 kernel always has, whether a hypervisor is below or not; user code reads
//! the same counter. It is never switched off, but set to a time that doesn't come: so to set it is one write.

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, Readable, Writeable};

use super::registers::isb;
use crate::boot::Counter;

/// What CNTFRQ may say: below, nanoseconds are meaningless; above, the factors overflow.
const FREQUENCIES: core::ops::RangeInclusive<u64> = 1_000_000..=4_000_000_000;

/// A count that doesn't come.
const NEVER: u64 = u64::MAX;

/// The clock: two factors and the counter at boot.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    counter: Counter,
    /// Ticks a nanosecond, times 2^[`Counter::SHIFT`], rounded up: by what the counter's factor is, not by what it should be.
    ticks: u64,
}

impl Clock {
    /// The clock that was at 0 ns when the counter was at `base`; `None` where firmware didn't set its frequency.
    pub fn start(base: u64) -> Option<Clock> {
        let frequency = CNTFRQ_EL0.get();
        if !FREQUENCIES.contains(&frequency) {
            return None;
        }
        start();
        let multiplier = (1_000_000_000 << Counter::SHIFT) / frequency;
        let ticks = (1u128 << (2 * Counter::SHIFT)).div_ceil(multiplier.into()) as u64;
        Some(Clock { counter: Counter { base, multiplier }, ticks })
    }

    /// How counter values become nanoseconds.
    pub fn counter(&self) -> Counter {
        self.counter
    }

    /// Has the core's timer fire at `at` ns, never for `u64::MAX`: at the first count that is not before it, but for a tick in 2^32
    /// of what lies between. The counter stood at `count` just now, which was `now`.
    #[inline(always)]
    pub fn arm(&self, at: u64, count: u64, now: u64) {
        if at == u64::MAX {
            CNTV_CVAL_EL0.set(NEVER);
            return;
        }
        let ahead = u128::from(at.saturating_sub(now)) * u128::from(self.ticks);
        let ticks = (ahead + ((1 << Counter::SHIFT) - 1)) >> Counter::SHIFT;
        CNTV_CVAL_EL0.set(count.wrapping_add(ticks as u64));
    }

    /// ns since [`Clock::start`].
    pub fn now(&self) -> u64 {
        self.counter.time(count())
    }
}

/// Switches the core's timer on, set to never.
pub fn start() {
    CNTV_CVAL_EL0.set(NEVER);
    CNTV_CTL_EL0.write(aarch64_cpu::registers::CNTV_CTL_EL0::ENABLE::SET);
}

/// The counter, not read ahead of time.
pub fn count() -> u64 {
    isb();
    CNTVCT_EL0.get()
}
