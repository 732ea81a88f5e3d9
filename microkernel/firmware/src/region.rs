//! Ranges of physical addresses, and short lists of them.

/// A page.
pub const PAGE: u64 = 4096;

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub length: u64,
}

impl Region {
    /// The first byte after it.
    pub const fn end(self) -> u64 {
        self.base.saturating_add(self.length)
    }

    /// Whether both have a byte in common.
    pub const fn overlaps(self, other: Region) -> bool {
        self.base < other.end() && other.base < self.end()
    }

    /// Whether all of `other` lies in it.
    pub const fn contains(self, other: Region) -> bool {
        self.base <= other.base && other.end() <= self.end()
    }

    /// The part of it that lies in whole pages.
    pub const fn whole_pages(self) -> Region {
        let end = self.end() / PAGE * PAGE;
        // Beyond the last page no page is whole.
        let base = self.base.div_ceil(PAGE).saturating_mul(PAGE);
        Region { base, length: end.saturating_sub(base) }
    }

    /// The pages that it touches.
    pub const fn touched_pages(self) -> Region {
        let base = self.base / PAGE * PAGE;
        Region { base, length: self.end().div_ceil(PAGE).saturating_mul(PAGE) - base }
    }
}

/// A short list of regions.
#[derive(Clone, Copy, Debug)]
pub struct Regions<const N: usize> {
    list: [Region; N],
    count: usize,
}

impl<const N: usize> Default for Regions<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Regions<N> {
    /// No regions.
    pub const fn new() -> Self {
        Regions { list: [Region { base: 0, length: 0 }; N], count: 0 }
    }

    /// Adds a region; one of no length, or beyond the bound, is dropped.
    pub fn push(&mut self, region: Region) {
        if region.length != 0 && self.count < N {
            self.list[self.count] = region;
            self.count += 1;
        }
    }

    /// Adds a region; `None` if there is no room for it.
    pub fn try_push(&mut self, region: Region) -> Option<()> {
        let room = region.length == 0 || self.count < N;
        self.push(region);
        room.then_some(())
    }

    /// Adds a region, as the end of the last one if it follows at once.
    pub fn join(&mut self, region: Region) {
        match self.list[..self.count].last_mut() {
            Some(last) if last.end() == region.base => last.length += region.length,
            _ => self.push(region),
        }
    }

    /// Whether one of them has a byte in common with `region`.
    pub fn overlap(&self, region: Region) -> bool {
        self.as_slice().iter().any(|own| own.overlaps(region))
    }

    /// The regions.
    pub fn as_slice(&self) -> &[Region] {
        &self.list[..self.count]
    }

    /// Cuts a range out of all regions.
    pub fn remove(&mut self, hole: Region) {
        let before = *self;
        *self = Regions::new();
        for region in before.as_slice() {
            let (start, end) = (region.base, region.end());
            let left = Region { base: start, length: hole.base.clamp(start, end) - start };
            let from = hole.end().clamp(start, end);
            if hole.length == 0 || hole.base >= end || hole.end() <= start {
                self.push(*region);
            } else {
                self.push(left);
                self.push(Region { base: from, length: end - from });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn region(base: u64, length: u64) -> Region {
        Region { base, length }
    }

    #[test]
    fn a_hole_leaves_what_is_beside_it() {
        let mut regions = Regions::<4>::new();
        regions.push(region(0x1000, 0x4000));
        regions.remove(region(0x2000, 0x1000));
        assert_eq!(regions.as_slice(), [region(0x1000, 0x1000), region(0x3000, 0x2000)]);
        regions.remove(region(0, 0x2000));
        assert_eq!(regions.as_slice(), [region(0x3000, 0x2000)]);
        regions.remove(region(0x3800, 0));
        assert_eq!(regions.as_slice(), [region(0x3000, 0x2000)]);
    }

    #[test]
    fn pages_are_whole_or_touched() {
        assert_eq!(region(0x1001, 0x2fff).whole_pages(), region(0x2000, 0x2000));
        assert_eq!(region(0x1001, 0x10).whole_pages().length, 0);
        assert_eq!(region(0x1001, 0x1000).touched_pages(), region(0x1000, 0x2000));
        let last = region(u64::MAX - 5, 100);
        assert_eq!(last.end(), u64::MAX);
        assert_eq!(last.whole_pages().length, 0);
        assert!(last.touched_pages().length <= PAGE);
    }

    #[test]
    fn what_has_no_room_is_told() {
        let mut regions = Regions::<1>::new();
        assert_eq!(regions.try_push(region(0, 0)), Some(()));
        assert_eq!(regions.try_push(region(0, 1)), Some(()));
        assert_eq!(regions.try_push(region(4, 1)), None);
        assert!(regions.overlap(region(0, 9)) && !regions.overlap(region(1, 9)));
    }
}
