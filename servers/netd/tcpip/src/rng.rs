//! Unpredictable numbers from a seed.
//!
//! SipHash-2-4 with a secret key over a counter. It is a pseudo-random function, so who sees some outputs (query ids,
//! ports) can't tell the next one. Same seed, same numbers: that makes the tests repeatable.

use core::hash::{BuildHasher, Hasher};
use siphasher::sip::{SipHasher13, SipHasher24};

/// A generator of unpredictable numbers.
#[derive(Clone)]
pub struct Rng {
    key: [u8; 16],
    counter: u64,
}

impl Rng {
    /// A generator keyed with 16 secret bytes.
    pub fn new(seed: [u8; 16]) -> Rng {
        Rng { key: seed, counter: 0 }
    }

    /// 64 fresh bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u64(self.counter);
        hasher.finish()
    }

    /// 32 fresh bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// 16 fresh bits.
    pub fn next_u16(&mut self) -> u16 {
        (self.next_u64() >> 48) as u16
    }

    /// A number below `bound`, nearly uniform; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}

/// The keyed hasher of the stack's maps, against hash flooding.
#[derive(Clone)]
pub(crate) struct Keyed {
    key0: u64,
    key1: u64,
}

impl Keyed {
    pub(crate) fn new(rng: &mut Rng) -> Keyed {
        Keyed { key0: rng.next_u64(), key1: rng.next_u64() }
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key0, self.key1)
    }
}

/// A map whose buckets a peer can't choose.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, Keyed>;
