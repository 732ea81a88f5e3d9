//! Entropy: what init knows that nobody else does, and the seeds it hands out.
//!
//! The state is 32 bytes. Mixing hashes what comes in into it; deriving hashes a label out of it and then steps the state
//! forward through the same one-way function, so neither a seed nor a later state tells an earlier one. SHA-256 is used as
//! an extractor (inputs are hashed with their length) and as a pseudo-random function under a secret state.

use sha2::{Digest, Sha256};

/// Bytes that have to come from a device before it alone makes the state good.
pub const ENOUGH: usize = 32;

/// The state.
#[derive(Clone)]
pub struct Entropy {
    state: [u8; 32],
    counter: u64,
    device: usize,
    good: bool,
}

/// A state is secret: its value is not printed.
impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Entropy {{ seeded: {} }}", self.good)
    }
}

impl Entropy {
    /// From the boot seed; zeros mean that there was none.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Entropy {
        let mut entropy = Entropy { state: [0; 32], counter: 0, device: 0, good: *seed != [0; 32] };
        entropy.mix(b"boot", seed);
        entropy
    }

    /// Whether seeds are good.
    #[must_use]
    pub fn seeded(&self) -> bool {
        self.good
    }

    /// Mixes in what need not be secret: times, counters. It never makes a state good.
    pub fn stir(&mut self, bytes: &[u8]) {
        self.mix(b"stir", bytes);
    }

    /// Mixes in what a device of random numbers gave.
    pub fn add(&mut self, bytes: &[u8]) {
        self.mix(b"device", bytes);
        self.device = self.device.saturating_add(bytes.len());
        self.good |= self.device >= ENOUGH;
    }

    /// 32 bytes that nobody else was or will be given.
    pub fn derive(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        let seed = self.hash(b"seed", &self.counter.to_le_bytes());
        self.state = self.hash(b"next", &self.counter.to_le_bytes());
        seed
    }

    fn mix(&mut self, label: &[u8], bytes: &[u8]) {
        self.state = self.hash(label, bytes);
    }

    fn hash(&self, label: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.state);
        for part in [label, bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_depend_on_all_that_came_in() {
        let mut one = Entropy::new(&[7; 32]);
        let mut other = one.clone();
        let first = one.derive();
        assert_eq!(first, other.derive(), "the same state gives the same seed");
        assert_ne!(first, one.derive());
        other.stir(b"x");
        assert_ne!(one.derive(), other.derive());
    }

    #[test]
    fn only_a_seed_or_a_device_makes_it_good() {
        let mut entropy = Entropy::new(&[0; 32]);
        entropy.stir(&[1; 64]);
        assert!(!entropy.seeded());
        entropy.add(&[2; 31]);
        assert!(!entropy.seeded());
        entropy.add(&[3]);
        assert!(entropy.seeded());
        assert!(Entropy::new(&[1; 32]).seeded());
    }

    #[test]
    fn parts_are_not_confused_with_each_other() {
        let mut one = Entropy::new(&[1; 32]);
        let mut other = one.clone();
        one.stir(b"ab");
        one.stir(b"c");
        other.stir(b"a");
        other.stir(b"bc");
        assert_ne!(one.derive(), other.derive());
        assert!(!alloc::format!("{one:?}").contains("state"));
    }
}
