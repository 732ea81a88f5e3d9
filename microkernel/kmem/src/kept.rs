//! Keys kept beyond their view.
//!
//! A [`Key`] is proof for as long as its view lives, because no frame leaves its class meanwhile. A [`Kept`] one is that
//! proof with the *era* in which it was given: an era ends when a frame leaves its class, and when the kernel core says so
//! ([`View::end_era`]), because something else may hold no longer that it knew together with the key. So in the same
//! era one compare stands for the look at the frame, and for what else the core would have to look at.
//!
//! No two eras are the same, not even of two memories.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::name::Brand;
use crate::{Class, Key, Link, Mem, View};

/// The era in which nothing was ever kept.
const NEVER: u64 = 0;

/// A new era's number. At one each nanosecond the numbers last for five centuries.
pub(crate) fn next_era() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(NEVER);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A key, for as long as the era lasts.
#[derive(Clone, Copy, Debug)]
pub struct Kept<const I: u8> {
    era: u64,
    place: u32,
}

/// Two keys of the same view, for as long as the era lasts.
#[derive(Clone, Copy, Debug)]
pub struct KeptPair<const I: u8, const J: u8> {
    era: u64,
    first: u32,
    second: u32,
}

impl<const I: u8> Kept<I> {
    /// No key.
    pub const NONE: Kept<I> = Kept { era: NEVER, place: 0 };

    /// Where the object is, or was.
    #[inline(always)]
    pub const fn link(self) -> Link<I> {
        Link(self.place)
    }

    /// Whether it is [`Kept::NONE`].
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.place == 0
    }
}

/// The era is no part of what it says.
impl<const I: u8> PartialEq for Kept<I> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<const I: u8> Eq for Kept<I> {}

/// A link that nobody has followed yet.
impl<const I: u8> From<Link<I>> for Kept<I> {
    fn from(link: Link<I>) -> Self {
        Kept { era: NEVER, place: link.0 }
    }
}

impl<const I: u8, const J: u8> KeptPair<I, J> {
    /// No keys.
    pub const NONE: KeptPair<I, J> = KeptPair { era: NEVER, first: 0, second: 0 };

    /// Takes another key for the second one, if both are of the same era.
    #[inline(always)]
    pub fn join(&mut self, second: Kept<J>) {
        if self.era == second.era {
            self.second = second.place;
        }
    }
}

impl<L> Mem<L> {
    /// As [`View::end_era`].
    pub fn end_era(&mut self) {
        self.era = next_era();
    }
}

impl<'id, L> View<'_, 'id, L> {
    /// Has nothing be kept any more.
    pub fn end_era(&mut self) {
        self.mem.end_era();
        self.era = self.mem.era;
    }

    /// Keeps a key.
    #[inline(always)]
    pub fn keep<const I: u8>(&self, key: Key<'id, I>) -> Kept<I>
    where
        L: Class<I>,
    {
        Kept { era: self.era, place: key.place }
    }

    /// The key that was kept, if it was in this era: it was given for this memory, and its frame has been of that class since.
    #[inline(always)]
    pub fn kept<const I: u8>(&self, kept: &Kept<I>) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        (kept.era == self.era).then_some(key(kept.place, self.brand))
    }

    /// Keeps two keys.
    #[inline(always)]
    pub fn keep_pair<const I: u8, const J: u8>(&self, first: Key<'id, I>, second: Key<'id, J>) -> KeptPair<I, J>
    where
        L: Class<I> + Class<J>,
    {
        KeptPair { era: self.era, first: first.place, second: second.place }
    }

    /// The keys that were kept, if they were in this era.
    #[inline(always)]
    pub fn kept_pair<const I: u8, const J: u8>(&self, kept: &KeptPair<I, J>) -> Option<(Key<'id, I>, Key<'id, J>)>
    where
        L: Class<I> + Class<J>,
    {
        (kept.era == self.era).then_some((key(kept.first, self.brand), key(kept.second, self.brand)))
    }
}

#[inline(always)]
fn key<'id, const I: u8>(place: u32, view: Brand<'id>) -> Key<'id, I> {
    Key { place, view }
}
