//! Pages for one process, out of extents made in its own pool.
//!
//! Pages are handed out in the order they lie in an extent, for whichever address: what is mapped where, the kernel knows. So
//! sparse use wastes nothing, and a pager that starts anew only leaves the rest of the last extent unused.

/// Pages of the first extents.
pub const FIRST: u64 = 16;
/// Pages of the largest ones: 512 KiB.
pub const LARGEST: u64 = 128;
/// Of what a process has already, an extent is at most this part: so much may lie idle.
const PART: u64 = 8;

/// What is left of the extent in use; `E` names it.
#[derive(Debug)]
pub struct Bag<E> {
    extent: Option<E>,
    used: u64,
    pages: u64,
    total: u64,
}

impl<E> Default for Bag<E> {
    fn default() -> Bag<E> {
        Bag { extent: None, used: 0, pages: 0, total: 0 }
    }
}

impl<E: Clone> Bag<E> {
    /// Pages in a row, as many as asked for or as are left: extent, first page, how many. None if a new extent is needed.
    pub fn take(&mut self, pages: u64) -> Option<(E, u64, u64)> {
        let pages = pages.min(self.pages - self.used);
        let extent = self.extent.as_ref().filter(|_| pages > 0)?.clone();
        let first = self.used;
        self.used += pages;
        Some((extent, first, pages))
    }

    /// The extent in use.
    pub fn extent(&self) -> Option<&E> {
        self.extent.as_ref()
    }

    /// Gives back what was taken last.
    pub fn give_back(&mut self, pages: u64) {
        self.used -= pages.min(self.used);
    }

    /// Pages for the next extent, if so many are needed at once.
    pub fn size(&self, needed: u64) -> u64 {
        (self.total / PART).clamp(FIRST, LARGEST).max(needed)
    }

    /// Goes on with a new extent.
    pub fn put(&mut self, extent: E, pages: u64) {
        self.total += pages;
        (self.extent, self.used, self.pages) = (Some(extent), 0, pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_in_a_row_and_extents_grow_with_what_there_is() {
        let mut bag = Bag::default();
        assert_eq!(bag.take(1), None);
        assert_eq!(bag.size(1), FIRST);
        bag.put('a', 16);
        assert_eq!(bag.take(10), Some(('a', 0, 10)));
        assert_eq!(bag.take(10), Some(('a', 10, 6)), "what is left");
        assert_eq!(bag.take(10), None);
        bag.give_back(6);
        assert_eq!(bag.take(1), Some(('a', 10, 1)));
        bag.put('b', 400);
        assert_eq!(bag.size(1), 52);
        bag.put('c', 4000);
        assert_eq!((bag.size(1), bag.size(200)), (LARGEST, 200));
    }
}
