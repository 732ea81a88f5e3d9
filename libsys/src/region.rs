//! Which part of an address range is taken: pure arithmetic over pages, used for the area of mappings.
//!
//! First fit over a sorted list of free ranges. Each allocation is followed by a page that is never mapped, so that what
//! runs over its end faults. The list is bounded: what would split it too often is refused.

use alloc::vec::Vec;
use core::ops::Range;

/// Most free ranges that are kept.
const MAX_RANGES: usize = 4096;

/// Free address ranges; all numbers are multiples of a page.
#[derive(Debug)]
pub struct Regions {
    /// Sorted, disjoint, not touching.
    free: Vec<Range<usize>>,
    page: usize,
}

impl Regions {
    /// Everything in the range is free.
    pub fn new(range: Range<usize>, page: usize) -> Regions {
        Regions { free: alloc::vec![range], page }
    }

    /// Takes `bytes` (rounded up to pages), aligned to `align` (a power of two, at least a page), and a guard page behind.
    pub fn take(&mut self, bytes: usize, align: usize) -> Option<usize> {
        let bytes = bytes.checked_next_multiple_of(self.page)?.checked_add(self.page)?;
        let mask = align.max(self.page) - 1;
        let (i, start) = self.free.iter().enumerate().find_map(|(i, range)| {
            let start = range.start.checked_add(mask)? & !mask;
            (start.checked_add(bytes)? <= range.end).then_some((i, start))
        })?;
        let range = self.free.get(i)?.clone();
        let (before, after) = (range.start..start, start + bytes..range.end);
        match (before.is_empty(), after.is_empty()) {
            (true, true) => {
                self.free.remove(i);
            }
            (true, false) => self.free[i] = after,
            (false, true) => self.free[i] = before,
            (false, false) => {
                if self.free.len() >= MAX_RANGES {
                    return None;
                }
                self.free[i] = before;
                self.free.insert(i + 1, after);
            }
        }
        Some(start)
    }

    /// Gives back what `take` gave. If the list is full, the addresses are lost: there are 2^44 of them.
    pub fn give(&mut self, start: usize, bytes: usize) {
        let end = start + bytes.next_multiple_of(self.page) + self.page;
        let i = self.free.partition_point(|range| range.start < start);
        let joins_before = i > 0 && self.free[i - 1].end == start;
        let joins_after = i < self.free.len() && self.free[i].start == end;
        debug_assert!(i == 0 || self.free[i - 1].end <= start, "given back twice");
        match (joins_before, joins_after) {
            (true, true) => {
                self.free[i - 1].end = self.free[i].end;
                self.free.remove(i);
            }
            (true, false) => self.free[i - 1].end = end,
            (false, true) => self.free[i].start = start,
            (false, false) if self.free.len() < MAX_RANGES => self.free.insert(i, start..end),
            (false, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn what_is_given_back_joins_again() {
        let mut regions = Regions::new(0x10000..0x20000, PAGE);
        let a = regions.take(PAGE, PAGE).unwrap();
        let b = regions.take(1, PAGE).unwrap();
        let c = regions.take(3 * PAGE, PAGE).unwrap();
        assert_eq!((a, b, c), (0x10000, 0x12000, 0x14000));
        regions.give(b, 1);
        regions.give(a, PAGE);
        regions.give(c, 3 * PAGE);
        assert!(regions.free.len() == 1 && regions.free[0] == (0x10000..0x20000));
    }

    #[test]
    fn a_guard_page_lies_behind_each_and_alignment_holds() {
        let mut regions = Regions::new(0x11000..0x100_0000, PAGE);
        let a = regions.take(PAGE, 0x20_0000).unwrap();
        assert_eq!(a, 0x20_0000);
        assert!(regions.take(0xf0_0000, PAGE).is_none(), "the guard page does not fit");
        assert_eq!(regions.take(PAGE, PAGE), Some(0x11000));
    }

    #[test]
    fn random_use_never_overlaps() {
        let mut regions = Regions::new(0..1 << 24, PAGE);
        let mut held: Vec<(usize, usize)> = Vec::new();
        let mut random = 12345_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let pick = (random >> 33) as usize;
            if pick.is_multiple_of(3) && !held.is_empty() {
                let (start, bytes) = held.swap_remove(pick % held.len());
                regions.give(start, bytes);
            } else if let Some(start) = regions.take(pick % 100_000 + 1, PAGE << (pick % 4)) {
                let bytes = pick % 100_000 + 1;
                assert!(held.iter().all(|(s, b)| start >= s + b || start + bytes <= *s));
                held.push((start, bytes));
            }
        }
        for (start, bytes) in held {
            regions.give(start, bytes);
        }
        assert!(regions.free.len() == 1 && regions.free[0] == (0..1 << 24));
    }
}
