//! Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528): a clock of 4 µs plus a keyed hash of the endpoints, so that
//! nobody off the path can tell a connection's numbers from another's.

use super::SeqNumber;
use crate::addr::FourTuple;
use crate::time::Instant;
use core::hash::{Hash, Hasher};
use siphasher::sip::SipHasher24;

/// Makes initial sequence numbers with a secret key.
#[derive(Clone)]
pub struct IsnGenerator {
    key: [u8; 16],
}

impl IsnGenerator {
    /// With 16 secret bytes that don't change while the stack lives.
    pub fn new(key: [u8; 16]) -> IsnGenerator {
        IsnGenerator { key }
    }

    /// ISN = M + F(endpoints, key).
    pub fn generate(&self, now: Instant, tuple: &FourTuple) -> SeqNumber {
        SeqNumber((now.micros() / 4) as u32) + self.hash(tuple, 0)
    }

    /// Where a connection's timestamp clock starts (RFC 7323 §5.4 wants it unpredictable).
    pub fn timestamp_offset(&self, tuple: &FourTuple) -> u32 {
        self.hash(tuple, 1)
    }

    fn hash(&self, tuple: &FourTuple, purpose: u8) -> u32 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u8(purpose);
        tuple.hash(&mut hasher);
        hasher.finish() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Endpoint;
    use core::net::Ipv4Addr;

    fn tuple(port: u16) -> FourTuple {
        let end = |port| Endpoint::new(Ipv4Addr::new(10, 0, 0, 1), port);
        FourTuple { local: end(80), remote: end(port) }
    }

    #[test]
    fn numbers_depend_on_key_and_endpoints_and_rise_with_time() {
        let (a, b) = (IsnGenerator::new([1; 16]), IsnGenerator::new([2; 16]));
        let now = Instant::from_millis(5);
        assert_ne!(a.generate(now, &tuple(1)), b.generate(now, &tuple(1)));
        assert_ne!(a.generate(now, &tuple(1)), a.generate(now, &tuple(2)));
        let later = a.generate(Instant::from_millis(6), &tuple(1));
        assert_eq!(later.since(a.generate(now, &tuple(1))), 250);
    }

    #[test]
    fn numbers_of_neighbours_tell_nothing_of_each_other() {
        let isn = IsnGenerator::new([9; 16]);
        let now = Instant::from_millis(5);
        let numbers: alloc::vec::Vec<u32> = (1..=4096).map(|port| isn.generate(now, &tuple(port)).0).collect();
        let steps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let mut ones = [0_u32; 32];
        for step in steps {
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += step >> bit & 1;
            }
        }
        // Half of 4,095, give or take six times 32.
        assert!(ones.iter().all(|ones| (1855..2240).contains(ones)), "{ones:?}");
        let distinct: alloc::collections::BTreeSet<&u32> = numbers.iter().collect();
        assert!(distinct.len() >= 4093, "{}", distinct.len());
    }
}
