//! Where randomness and time come from: the caller. Both can fail, and a failure ends the connection.

use crate::UnixTime;

/// There is no randomness to be had yet (the system is not seeded). Nothing secret may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

/// A source of bytes that nobody can guess. Any `Fn(&mut [u8]) -> Result<(), NoEntropy>` is one.
pub trait Entropy: Send + Sync {
    /// Fills the whole of `out`, or fails. After a failure nothing in `out` is used.
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

impl<F: Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync> Entropy for F {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self(out)
    }
}

/// The wall clock. Any `Fn() -> Option<UnixTime>` is one.
pub trait Clock: Send + Sync {
    /// The time of day, or `None` while nobody has told the system. Certificates cannot be judged without it.
    fn now(&self) -> Option<UnixTime>;
}

impl<F: Fn() -> Option<UnixTime> + Send + Sync> Clock for F {
    fn now(&self) -> Option<UnixTime> {
        self()
    }
}
