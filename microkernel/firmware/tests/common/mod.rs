//! What the tests of damaged tables share.

/// Marsaglia's xorshift64*: the same damage every time.
pub struct Random(pub u64);

impl Random {
    /// The next number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// Changes one to four places of `bytes`: a bit, a byte, a word of an interesting value, or a piece copied elsewhere.
    pub fn damage(&mut self, bytes: &mut [u8]) {
        const WORDS: [u32; 6] = [0, 1, u32::MAX, 0x8000_0000, 0x7fff_ffff, 0x1000];
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.below(256) as u8,
                2 => {
                    let word = WORDS[self.below(WORDS.len())].to_be_bytes();
                    let end = bytes.len().min(at / 4 * 4 + 4);
                    bytes[at / 4 * 4..end].copy_from_slice(&word[..end - at / 4 * 4]);
                }
                _ => {
                    let length = self.below(32).min(bytes.len() - at);
                    let from = self.below(bytes.len() - length + 1);
                    bytes.copy_within(from..from + length, at);
                }
            }
        }
    }
}

/// How many damaged inputs each test tries.
pub const DAMAGED: usize = 30_000;
