//! Whose turn it is to have the kernel's lock: first come, first served, but not among those that aren't there.
//!
//! Whoever finds the lock free and nobody waiting has it, by one exchange of a word. All others line up with a number, and
//! the lowest has it next. So on a machine whose cores run, nobody waits for more than one unit of work of each other core.
//!
//! Where QEMU runs more cores than the host has processors, the core whose turn it is may be one that the host doesn't run
//! for milliseconds. If it lets a free lock lie for [`PATIENCE`] polls of another, that one marks it as absent, and it is
//! passed over until it polls again: then its turn is the next, as its number is the lowest.
//!
//! Exclusion rests on the word alone. Numbers and marks say who tries; read too late they cost a poll.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kmem::mutants::{Mutant, mutant};

use crate::hw::{CoreId, MAX_CORES};

/// In the word's low byte: somebody has the lock.
const TAKEN: u32 = 1;
/// In the rest: how many wait.
const ONE_WAITS: u32 = 1 << 8;
/// In a number: its core was passed over, and has not polled since.
const ABSENT: u64 = 1 << 63;
/// Polls for which somebody waits for another to take the lock, which is free.
pub const PATIENCE: u32 = 64;

/// Who has the lock, and who waits for it. To give it back is to write 0 to the first byte, with release: see
/// [`Turns::give_back`].
#[repr(C)]
#[derive(Debug)]
pub struct Turns {
    word: AtomicU32,
    /// The last number.
    last: AtomicU64,
    /// By core: its number, 0 if it doesn't wait.
    waiting: [AtomicU64; MAX_CORES],
}

/// A core that waits.
#[derive(Debug)]
pub struct Waiting {
    core: usize,
    number: u64,
    patience: u32,
}

impl Turns {
    /// Free, with nobody waiting.
    #[must_use]
    pub const fn new() -> Self {
        Turns { word: AtomicU32::new(0), last: AtomicU64::new(0), waiting: [const { AtomicU64::new(0) }; MAX_CORES] }
    }

    /// Takes the lock, if it is free and nobody waits.
    #[inline(always)]
    pub fn take(&self) -> bool {
        self.word.compare_exchange(0, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Gives it back. What the kernel does instead, a store to the low byte alone, comes to the same: the rest of the
    /// word says who waits, and that byte is 1.
    pub fn give_back(&self) {
        self.word.fetch_and(!TAKEN, Ordering::Release);
    }

    /// Has a core wait for it; each is there once. It then polls until it has the lock.
    #[must_use]
    pub fn line_up(&self, core: CoreId) -> Waiting {
        let core = usize::from(core);
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting[core].store(number, Ordering::Relaxed);
        self.word.fetch_add(ONE_WAITS, Ordering::Relaxed);
        Waiting { core, number, patience: PATIENCE }
    }

    /// Takes the lock for a core that waits, if it is free and the core's turn.
    pub fn poll(&self, me: &mut Waiting) -> bool {
        let mine = &self.waiting[me.core];
        if mine.load(Ordering::Relaxed) != me.number && !mutant(Mutant::AbsentForEver) {
            mine.store(me.number, Ordering::Relaxed);
        }
        let word = self.word.load(Ordering::Relaxed);
        if word & TAKEN != 0 {
            me.patience = PATIENCE;
            return false;
        }
        if let Some((first, number)) = self.first_before(me.number) {
            if me.patience > 0 {
                me.patience -= 1;
            } else {
                me.patience = PATIENCE;
                // It may have come and gone meanwhile, and be back with another number.
                let _ = first.compare_exchange(number, number | ABSENT, Ordering::Relaxed, Ordering::Relaxed);
            }
            return false;
        }
        let taken = self.word.compare_exchange(word, (word - ONE_WAITS) | TAKEN, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_ok() {
            mine.store(0, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// The lowest number before this one, and where it stands. Those of absent cores are above all others.
    fn first_before(&self, number: u64) -> Option<(&AtomicU64, u64)> {
        let numbers = self.waiting.iter().map(|place| (place, place.load(Ordering::Relaxed)));
        numbers
            .filter(|(_, other)| *other != 0 && *other < number && !mutant(Mutant::TurnIgnored))
            .min_by_key(|(_, other)| *other)
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}
