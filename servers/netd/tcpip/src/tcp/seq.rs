//! Sequence numbers (RFC 9293 §3.4): 32 bits, modulo 2³².

use core::cmp::Ordering;
use core::ops::{Add, AddAssign, Sub};

/// A sequence number. The order is that of the shorter way round the circle, which is right for numbers less than 2³¹
/// apart; every number that is kept was checked against a window, which is far smaller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far `self` is past `earlier`; 0 if it is not.
    pub fn since(self, earlier: SeqNumber) -> u32 {
        if self > earlier { self.0.wrapping_sub(earlier.0) } else { 0 }
    }
}

impl PartialOrd for SeqNumber {
    fn partial_cmp(&self, other: &SeqNumber) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SeqNumber {
    fn cmp(&self, other: &SeqNumber) -> Ordering {
        (self.0.wrapping_sub(other.0) as i32).cmp(&0)
    }
}

impl Add<u32> for SeqNumber {
    type Output = SeqNumber;
    fn add(self, count: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_add(count))
    }
}

impl Sub<u32> for SeqNumber {
    type Output = SeqNumber;
    fn sub(self, count: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_sub(count))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, count: u32) {
        *self = *self + count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_holds_across_the_wrap() {
        let before = SeqNumber(u32::MAX - 1);
        assert!(before < before + 5);
        assert_eq!((before + 5).since(before), 5);
        assert_eq!(before.since(before + 5), 0);
        assert!(SeqNumber(5) > SeqNumber(u32::MAX));
    }
}
