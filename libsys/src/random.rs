//! Random numbers: ChaCha20 from the seed that the start block brought.

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use protocol::{Error, process};

use crate::{Handles, channel, sync::Mutex};

static RNG: Mutex<Option<ChaCha20Rng>> = Mutex::new(None);

/// Starts the generator, if the seed is good.
#[allow(dead_code, reason = "the host has no start block")]
pub(crate) fn seed(seed: &[u8; 32], good: bool) {
    if good {
        *RNG.lock() = Some(ChaCha20Rng::from_seed(*seed));
    }
}

/// For a clone: nothing that its parent's generator would tell.
#[cfg(target_os = "viaether")]
pub(crate) fn forget() {
    *RNG.lock() = None;
}

/// Fills the buffer with random bytes, fit for keys. If the process was started before there was entropy, asks init, which
/// may take 5 s: [`Error::NoEntropy`] then.
pub fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    if let Some(rng) = RNG.lock().as_mut() {
        rng.fill_bytes(buffer);
        return Ok(());
    }
    reseed()?;
    RNG.lock().as_mut().ok_or(Error::NoEntropy)?.fill_bytes(buffer);
    Ok(())
}

/// Takes a fresh seed from init.
pub fn reseed() -> Result<(), Error> {
    let request = process::Request::Seed;
    match channel::call::<process::Service>(abi::user::PROCESS_CHANNEL, &request, Handles::none()) {
        Ok((process::Reply::Seed(bytes), _)) => {
            *RNG.lock() = Some(ChaCha20Rng::from_seed(bytes));
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
