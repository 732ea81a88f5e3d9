//! The cryptography that rustls is given: RustCrypto's implementations behind rustls' traits.
//!
//! One subject a file: `hash`, `aead`, `exchange`, `verify`, `sign`, `ticket`. Nothing here reads a clock or makes
//! randomness on its own: whatever needs bytes asks the [`Entropy`] it was made with and passes failure on.

mod aead;
mod exchange;
mod hash;
mod sign;
mod ticket;
mod verify;

use alloc::{boxed::Box, sync::Arc, vec};
use core::fmt;
use core::time::Duration;

use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use rustls::pki_types;
use rustls::time_provider::TimeProvider;

use crate::{Clock, Entropy, UnixTime};

pub(crate) use sign::load_key;
pub(crate) use ticket::Tickets;

/// Whether the processor has instructions for AES, which decides the order in which suites are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aes {
    /// It has: AES-128-GCM first (about twice the speed of ChaCha20 there).
    Hardware,
    /// It has not: ChaCha20-Poly1305 first (about three times the speed of AES there).
    Software,
}

/// Cryptography with its sources of randomness and time: made once in a process and shared by all configurations.
///
/// rustls wants its algorithms for the life of the program, so making one of these keeps about 100 bytes for ever.
/// Make one, not one a connection.
#[derive(Clone)]
pub struct Crypto {
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Crypto {
    /// Binds randomness and wall clock to the algorithms. Neither is asked yet.
    pub fn new(entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>, aes: Aes) -> Self {
        let cipher_suites = match aes {
            Aes::Hardware => vec![aead::AES_128_GCM, aead::AES_256_GCM, aead::CHACHA20_POLY1305],
            Aes::Software => vec![aead::CHACHA20_POLY1305, aead::AES_128_GCM, aead::AES_256_GCM],
        };
        let provider = CryptoProvider {
            cipher_suites,
            kx_groups: exchange::groups(&entropy),
            signature_verification_algorithms: verify::ALGORITHMS,
            secure_random: Box::leak(Box::new(Random(entropy.clone()))),
            key_provider: &sign::Keys,
        };
        Self { provider: Arc::new(provider), clock, entropy }
    }

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    pub(crate) fn time(&self) -> Arc<dyn TimeProvider> {
        Arc::new(WallClock(self.clock.clone()))
    }

    pub(crate) fn entropy(&self) -> Arc<dyn Entropy> {
        self.entropy.clone()
    }

    /// The time of day, if it is known.
    pub(crate) fn now(&self) -> Option<UnixTime> {
        self.clock.now()
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.provider.cipher_suites.iter().map(|s| s.suite())).finish()
    }
}

struct Random(Arc<dyn Entropy>);

impl SecureRandom for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.0.fill(out).map_err(|_| GetRandomFailed)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

struct WallClock(Arc<dyn Clock>);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<pki_types::UnixTime> {
        self.0.now().map(|t| pki_types::UnixTime::since_unix_epoch(Duration::from_secs(t.0)))
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}
