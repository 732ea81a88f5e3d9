//! How long interrupts stay off: from an entry into the kernel's code until it is left, the longest of each kind.
//!
//! Only a kernel that is built with the feature `stretch` measures, for the two readings of the counter that each entry then
//! costs; in any other all this is nothing. `info` tells the figures, by [`abi::info::STRETCHES`]. What the stubs do before and
//! after, some 100 to 200 instructions, is not in them.

use abi::info::stretch;

/// An entry, until it is dropped.
#[cfg(feature = "stretch")]
pub struct Stretch {
    kind: usize,
    began: u64,
}

impl Stretch {
    /// As if it were dropped.
    #[inline(always)]
    pub fn end(self) {}
}

#[cfg(feature = "stretch")]
mod longest {
    use core::sync::atomic::AtomicU64;

    pub static LONGEST: [AtomicU64; abi::info::stretch::KINDS] =
        [const { AtomicU64::new(0) }; abi::info::stretch::KINDS];
}

#[cfg(feature = "stretch")]
impl Drop for Stretch {
    fn drop(&mut self) {
        let took = crate::arch::ticks().wrapping_sub(self.began);
        longest::LONGEST[self.kind].fetch_max(took, core::sync::atomic::Ordering::Relaxed);
    }
}

/// The kernel was entered: a kind of [`stretch`].
#[cfg(feature = "stretch")]
#[inline(always)]
pub fn begin(kind: usize) -> Stretch {
    Stretch { kind: kind.min(stretch::KINDS - 1), began: crate::arch::ticks() }
}

/// The longest stretch of a kind, in ticks of the counter.
#[cfg(feature = "stretch")]
pub fn longest(kind: usize) -> u64 {
    longest::LONGEST.get(kind).map_or(0, |ticks| ticks.load(core::sync::atomic::Ordering::Relaxed))
}

/// An entry that nobody measures.
#[cfg(not(feature = "stretch"))]
pub struct Stretch;

/// The kernel was entered: a kind of [`stretch`].
#[cfg(not(feature = "stretch"))]
#[inline(always)]
pub fn begin(kind: usize) -> Stretch {
    let _ = (kind, stretch::KINDS);
    Stretch
}
