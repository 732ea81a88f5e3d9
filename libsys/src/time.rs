//! Time: ns since boot and UTC, from the time page, without a system call.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use abi::user::{Features, TimePage};
use protocol::Error;

use crate::arch;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: u64 = 1_000_000;

/// Where the page is; none before the start has said so.
#[cfg(target_os = "viaether")]
static WHERE: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// For the start: the page is where processes have it.
#[cfg(target_os = "viaether")]
pub(crate) fn start() {
    WHERE.store(crate::layout::time_page(), Ordering::Release);
}

/// For init, which makes the page: the time as the kernel told it at boot.
#[cfg(target_os = "viaether")]
pub(crate) fn start_from(boot: &abi::boot::BootInfo) {
    static OWN: [AtomicU64; 7] = [const { AtomicU64::new(0) }; 7];
    let fields = [0, boot.counter_base, boot.counter_multiplier, boot.counter_shift, 0, 0, boot.features];
    for (word, value) in OWN.iter().zip(fields) {
        word.store(value, Ordering::Relaxed);
    }
    WHERE.store(OWN.as_ptr() as usize, Ordering::Release);
}

/// What the page says, read so that all fields belong together.
#[cfg(target_os = "viaether")]
fn page() -> TimePage {
    // SAFETY: 1. The page is mapped where `WHERE` says, readable, for the process's whole life (init: a static). 2. `TimePage` is
    // seven u64, so seven atomics lie there; it is written by others, hence atomics.
    let words: &[AtomicU64; 7] = unsafe { &*(WHERE.load(Ordering::Relaxed) as *const [AtomicU64; 7]) };
    loop {
        let sequence = words[0].load(Ordering::Acquire);
        let read = |i: usize| words[i].load(Ordering::Relaxed);
        let page = TimePage {
            sequence,
            base: read(1),
            multiplier: read(2),
            shift: read(3),
            utc_offset: read(4),
            flags: read(5),
            features: read(6),
        };
        fence(Ordering::Acquire);
        if sequence & 1 == 0 && words[0].load(Ordering::Relaxed) == sequence {
            return page;
        }
        crate::relax();
    }
}

#[cfg(not(target_os = "viaether"))]
fn page() -> TimePage {
    // The host has no page: a clock that ticks once a look, so that tests see time pass.
    static TICKS: AtomicU64 = AtomicU64::new(0);
    fence(Ordering::SeqCst);
    TimePage { base: TICKS.fetch_add(1, Ordering::Relaxed).wrapping_neg(), multiplier: 1, ..TimePage::default() }
}

/// Nanoseconds since boot. Never goes back.
pub fn now_ns() -> u64 {
    nanoseconds(&page(), arch::counter())
}

fn nanoseconds(page: &TimePage, counter: u64) -> u64 {
    let ticks = u128::from(counter.wrapping_sub(page.base));
    ((ticks * u128::from(page.multiplier)) >> (page.shift & 127)) as u64
}

/// Nanoseconds since 1970, UTC. [`Error::NoClock`] before the clock was read.
pub fn utc_ns() -> Result<u64, Error> {
    let page = page();
    if page.flags & 1 == 0 {
        return Err(Error::NoClock);
    }
    Ok(page.utc_offset.wrapping_add(nanoseconds(&page, arch::counter())))
}

/// What the processor can do, to choose code by.
pub fn features() -> Features {
    Features::from_bits_truncate(page().features)
}

/// A deadline so many ns from now.
pub fn after(ns: u64) -> u64 {
    now_ns().saturating_add(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_nanoseconds_without_overflow() {
        // 62.5 MHz, as QEMU's aarch64 machine: 16 ns a tick.
        let page = TimePage { base: 1000, multiplier: 16 << 24, shift: 24, ..TimePage::default() };
        assert_eq!(nanoseconds(&page, 1000 + 62_500_000), SECOND);
        assert_eq!(nanoseconds(&page, 1000 + 62_500_000 * 86_400 * 3650), SECOND * 86_400 * 3650);
    }
}
