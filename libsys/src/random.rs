//! Random numbers: ChaCha20 from the seed that the start block brought.

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use protocol::{Error, process};

use crate::{Handles, channel, sync::Mutex};

static RNG: Mutex<Source> = Mutex::new(Source::None);

/// Where random bytes come from.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Source {
    /// Nowhere yet.
    None,
    /// A generator that was not asked yet: most programs never do.
    Seed([u8; 32]),
    /// A generator.
    Generator(ChaCha20Rng),
}

impl Source {
    /// Fills the buffer; false if there is nothing to fill it from.
    fn fill(&mut self, buffer: &mut [u8]) -> bool {
        if let Source::Seed(seed) = self {
            *self = Source::Generator(ChaCha20Rng::from_seed(*seed));
        }
        let Source::Generator(generator) = self else { return false };
        generator.fill_bytes(buffer);
        true
    }
}

/// Keeps the seed for the generator, if it is good.
#[allow(dead_code, reason = "the host has no start block")]
pub(crate) fn seed(seed: &[u8; 32], good: bool) {
    if good {
        *RNG.lock() = Source::Seed(*seed);
    }
}

/// For a clone: nothing that its parent's generator would tell.
#[cfg(target_os = "viaether")]
pub(crate) fn forget() {
    *RNG.lock() = Source::None;
}

/// Fills the buffer with random bytes, fit for keys. If the process was started before there was entropy, asks init, which
/// may take 5 s: [`Error::NoEntropy`] then.
pub fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    if RNG.lock().fill(buffer) {
        return Ok(());
    }
    reseed()?;
    if RNG.lock().fill(buffer) { Ok(()) } else { Err(Error::NoEntropy) }
}

/// Takes a fresh seed from init.
pub fn reseed() -> Result<(), Error> {
    let request = process::Request::Seed;
    match channel::call::<process::Service>(abi::user::PROCESS_CHANNEL, &request, Handles::none()) {
        Ok((process::Reply::Seed(bytes), _)) => {
            *RNG.lock() = Source::Seed(bytes);
            Ok(())
        }
        Ok(_) => Err(Error::Protocol),
        Err(Error::ServerDied | Error::BadHandle) => Err(Error::NoEntropy),
        Err(error) => Err(error),
    }
}

/// A random number, fit for keys.
pub fn next_u64() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
