//! Free ranges of something numbered: pages of DMA memory. First fit, joined when given back.

use alloc::vec::Vec;

/// Which numbers are free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    /// First and end, ascending, never touching.
    free: Vec<(usize, usize)>,
}

impl Extents {
    /// 0 to `count` - 1 are free.
    pub fn new(count: usize) -> Extents {
        Extents { free: if count == 0 { Vec::new() } else { alloc::vec![(0, count)] } }
    }

    /// Takes so many in a row.
    pub fn take(&mut self, count: usize) -> Option<usize> {
        let i = self.free.iter().position(|(first, end)| count > 0 && end - first >= count)?;
        let (first, end) = self.free[i];
        if end - first == count {
            self.free.remove(i);
        } else {
            self.free[i].0 = first + count;
        }
        Some(first)
    }

    /// Gives them back. What is free already, in part or whole, is refused: it would be given out twice.
    pub fn give(&mut self, first: usize, count: usize) -> bool {
        let Some(end) = first.checked_add(count).filter(|_| count > 0) else { return false };
        let i = self.free.partition_point(|(start, _)| *start < first);
        let before = i.checked_sub(1).map(|before| self.free[before]);
        let after = self.free.get(i).copied();
        if before.is_some_and(|(_, stop)| stop > first) || after.is_some_and(|(start, _)| start < end) {
            return false;
        }
        let joins_before = before.is_some_and(|(_, stop)| stop == first);
        let joins_after = after.is_some_and(|(start, _)| start == end);
        match (joins_before, joins_after) {
            (true, true) => {
                self.free[i - 1].1 = self.free[i].1;
                self.free.remove(i);
            }
            (true, false) => self.free[i - 1].1 = end,
            (false, true) => self.free[i].0 = first,
            (false, false) => self.free.insert(i, (first, end)),
        }
        true
    }

    /// How many are free.
    pub fn left(&self) -> usize {
        self.free.iter().map(|(first, end)| end - first).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_joined() {
        let mut pages = Extents::new(10);
        assert_eq!([3, 3, 3].map(|n| pages.take(n)), [Some(0), Some(3), Some(6)]);
        assert_eq!(pages.take(2), None);
        assert!(pages.give(0, 3) && pages.give(6, 3));
        assert_eq!(pages.take(4), Some(6));
        assert!(pages.give(3, 3) && pages.give(6, 4));
        assert_eq!(pages, Extents::new(10));
    }

    #[test]
    fn nothing_is_given_back_twice() {
        let mut pages = Extents::new(10);
        pages.take(8);
        assert!(!pages.give(7, 2) && !pages.give(8, 1) && !pages.give(0, 0) && !pages.give(usize::MAX, 2));
        assert!(pages.give(2, 2));
        assert!(!pages.give(1, 2) && !pages.give(3, 1) && !pages.give(0, 10));
        assert_eq!(pages.left(), 4);
        assert_eq!(Extents::new(0).take(1), None);
        assert_eq!(Extents::new(4).take(0), None);
    }
}
