//! The out-of-order queue: which bytes beyond `rcv_nxt` have arrived. The bytes are in the receive buffer already.

use super::SeqNumber;

/// Islands kept; what would need another one is dropped and repeated by the peer.
pub const MAX_RANGES: usize = 32;

/// Islands of received bytes, sorted, not touching each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ranges {
    ranges: [(SeqNumber, SeqNumber); MAX_RANGES],
    len: usize,
}

impl Ranges {
    /// Whether nothing is out of order.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The islands in order.
    pub fn iter(&self) -> impl Iterator<Item = (SeqNumber, SeqNumber)> + '_ {
        self.ranges.iter().take(self.len).copied()
    }

    /// Whether `start..end` may be added: it joins an island, or there is room for one more.
    pub fn has_room(&self, start: SeqNumber, end: SeqNumber) -> bool {
        self.len < MAX_RANGES || self.iter().any(|(from, to)| start <= to && end >= from)
    }

    /// Adds `start..end`, joining islands it touches. Nothing happens without room.
    pub fn insert(&mut self, start: SeqNumber, end: SeqNumber) {
        if start >= end || !self.has_room(start, end) {
            return;
        }
        let (mut start, mut end) = (start, end);
        let mut joined = [(SeqNumber(0), SeqNumber(0)); MAX_RANGES + 1];
        let (mut count, mut placed) = (0, false);
        for (from, to) in self.iter() {
            if to < start {
                joined[count] = (from, to);
                count += 1;
            } else if from > end {
                if !placed {
                    joined[count] = (start, end);
                    count += 1;
                    placed = true;
                }
                joined[count] = (from, to);
                count += 1;
            } else {
                start = start.min(from);
                end = end.max(to);
            }
        }
        if !placed {
            joined[count] = (start, end);
            count += 1;
        }
        self.len = count.min(MAX_RANGES);
        self.ranges[..self.len].copy_from_slice(&joined[..self.len]);
    }

    /// Takes the islands that `rcv_nxt` has reached; returns how far the bytes are contiguous now.
    pub fn absorb(&mut self, rcv_nxt: SeqNumber) -> SeqNumber {
        let mut reached = rcv_nxt;
        let mut gone = 0;
        for (from, to) in self.iter() {
            if from > reached {
                break;
            }
            reached = reached.max(to);
            gone += 1;
        }
        self.ranges.copy_within(gone..self.len, 0);
        self.len -= gone;
        reached
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: SeqNumber = SeqNumber(u32::MAX - 100);

    fn ranges(parts: &[(u32, u32)]) -> Ranges {
        let mut ranges = Ranges::default();
        for (from, to) in parts {
            ranges.insert(BASE + *from, BASE + *to);
        }
        ranges
    }

    fn list(ranges: &Ranges) -> std::vec::Vec<(u32, u32)> {
        ranges.iter().map(|(from, to)| (from.since(BASE), to.since(BASE))).collect()
    }

    #[test]
    fn islands_stay_sorted_and_join_when_they_touch() {
        assert_eq!(list(&ranges(&[(50, 60), (10, 20), (90, 200)])), [(10, 20), (50, 60), (90, 200)]);
        assert_eq!(list(&ranges(&[(50, 60), (10, 20), (20, 50)])), [(10, 60)]);
        assert_eq!(list(&ranges(&[(10, 20), (30, 40), (50, 60), (15, 55)])), [(10, 60)]);
        assert_eq!(list(&ranges(&[(10, 20), (12, 14)])), [(10, 20)]);
    }

    #[test]
    fn reached_islands_are_absorbed() {
        let mut some = ranges(&[(10, 20), (30, 40), (50, 60)]);
        assert_eq!(some.absorb(BASE + 5), BASE + 5);
        assert_eq!(some.absorb(BASE + 35), BASE + 40);
        assert_eq!(list(&some), [(50, 60)]);
    }

    #[test]
    fn a_full_table_joins_but_takes_no_new_island() {
        let parts: std::vec::Vec<_> = (1..=MAX_RANGES as u32).map(|i| (i * 10, i * 10 + 5)).collect();
        let mut full = ranges(&parts);
        assert!(!full.has_room(BASE + 1, BASE + 3));
        full.insert(BASE + 1, BASE + 3);
        assert_eq!(list(&full).len(), MAX_RANGES);
        full.insert(BASE + 5, BASE + 12);
        assert_eq!(list(&full)[0], (5, 15));
    }

    #[test]
    fn random_insertions_agree_with_a_bitmap() {
        let mut rng = crate::rng::Rng::new([7; 16]);
        for _ in 0..300 {
            let (mut some, mut model) = (Ranges::default(), [false; 300]);
            for _ in 0..20 {
                let from = rng.below(250);
                let to = from + rng.below(40);
                some.insert(BASE + from, BASE + to);
                model[from as usize..to as usize].fill(true);
            }
            let mut got = [false; 300];
            for (from, to) in list(&some) {
                got[from as usize..to as usize].fill(true);
            }
            assert_eq!(got, model);
        }
    }
}
