//! Entropy: what init knows that nobody else does, and the seeds it hands out.
//!
//! The state is 32 bytes. Mixing hashes what comes in into it, with its length: SHA-256 as an extractor. Deriving takes a
//! stream of ChaCha20 under the state as its key: its first 32 bytes are the next state, the others are seeds, so neither a
//! seed nor a later state tells an earlier one. (Hashes would do as well, at the cost of a sixth of a process's start.)
//! What need not be secret only chooses which of the key's streams that is.
//!
//! The cipher makes 256 bytes at a time, so seven seeds are made at once and wait here, as secret as the state. Each is erased
//! as it is given out, and all when something is mixed in.

use alloc::vec::Vec;

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

/// Seeds made at once: with the next state what the cipher makes at a time.
const SEEDS: usize = 7;
/// Bytes that have to come from a device before it alone makes the state good.
pub const ENOUGH: usize = 32;

/// The state.
#[derive(Clone)]
pub struct Entropy {
    state: [u8; 32],
    stirred: u64,
    /// What [`Entropy::derive`] gives out next, from the last of those that wait; the others are zeros.
    seeds: [[u8; 32]; SEEDS],
    waiting: usize,
    /// Words that [`Entropy::word`] gives out next.
    words: Vec<u64>,
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
        let (seeds, good) = ([[0; 32]; SEEDS], *seed != [0; 32]);
        let mut entropy = Entropy { state: [0; 32], stirred: 0, seeds, waiting: 0, words: Vec::new(), device: 0, good };
        entropy.mix(b"boot", seed);
        entropy
    }

    /// Whether seeds are good.
    #[must_use]
    pub fn seeded(&self) -> bool {
        self.good
    }

    /// Mixes in what need not be secret: times, counters. It never makes a state good.
    pub fn stir(&mut self, number: u64) {
        self.stirred = self.stirred.rotate_left(23) ^ number;
    }

    /// Mixes in what a device of random numbers gave.
    pub fn add(&mut self, bytes: &[u8]) {
        self.mix(b"device", bytes);
        self.device = self.device.saturating_add(bytes.len());
        self.good |= self.device >= ENOUGH;
    }

    /// 32 bytes that nobody else was or will be given.
    pub fn derive(&mut self) -> [u8; 32] {
        if self.waiting == 0 {
            let mut stream = ChaCha20Rng::from_seed(self.state);
            stream.set_stream(self.stirred);
            stream.fill_bytes(&mut self.state);
            stream.fill_bytes(self.seeds.as_flattened_mut());
            self.waiting = SEEDS;
        }
        self.waiting -= 1;
        self.seeds.get_mut(self.waiting).map(core::mem::take).unwrap_or_default()
    }

    /// Eight bytes of such: for what needs no more, as places of programs, stacks and heaps.
    pub fn word(&mut self) -> u64 {
        if let Some(word) = self.words.pop() {
            return word;
        }
        let seed = self.derive();
        self.words.extend(seed.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)));
        self.words.pop().unwrap_or_default()
    }

    fn mix(&mut self, label: &[u8], bytes: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(self.state);
        for part in [label, bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        self.state = hash.finalize().into();
        (self.seeds, self.waiting) = ([[0; 32]; SEEDS], 0);
        self.words.clear();
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
        assert_ne!(one.state, first, "what is given out is no state");
        other.stir(1);
        let rest: Vec<[u8; 32]> = (1..SEEDS).map(|_| one.derive()).collect();
        assert!(rest.iter().all(|seed| *seed == other.derive()), "these were made already");
        assert_ne!(one.derive(), other.derive());
        let known = rest.iter().chain([&first]).collect::<alloc::collections::BTreeSet<_>>();
        assert_eq!(known.len(), SEEDS);
    }

    #[test]
    fn what_was_given_out_is_not_kept_and_what_comes_in_concerns_the_next() {
        let mut one = Entropy::new(&[7; 32]);
        let given = one.derive();
        assert!(!one.seeds.contains(&given));
        let mut other = one.clone();
        let next = one.clone().derive();
        assert!(one.seeds.contains(&next), "it was made already");
        one.add(b"more");
        assert_eq!(one.seeds, [[0; 32]; SEEDS]);
        other.add(b"else");
        let (mine, others) = (one.derive(), other.derive());
        assert_ne!(mine, next);
        assert_ne!(mine, others);
    }

    #[test]
    fn only_a_seed_or_a_device_makes_it_good() {
        let mut entropy = Entropy::new(&[0; 32]);
        entropy.stir(u64::MAX);
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
        one.add(b"ab");
        one.add(b"c");
        other.add(b"a");
        other.add(b"bc");
        assert_ne!(one.derive(), other.derive());
        assert!(!alloc::format!("{one:?}").contains("state"));
    }
}
