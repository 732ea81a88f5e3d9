//! The other process of a round trip.

use libsys::{Error, OwnedHandle, env, wait_bits};

use crate::kernel;

/// The word before a part among the arguments.
pub const WORD: &str = "PEER";
/// The part that answers calls; and that does so with the vector registers in use.
pub const ECHO: &str = "echo";
pub const ECHO_BY_VECTORS: &str = "echo-vectors";
/// The bit that a ping sets.
pub const PING: u64 = 1 << 60;

/// Plays a part until the measuring process is done with it.
pub fn run(part: &str) -> Result<(), Error> {
    match part {
        ECHO => Ok(kernel::echo(kernel::raw(&env::take_handle("channel")?), || ())?),
        ECHO_BY_VECTORS => Ok(kernel::echo(kernel::raw(&env::take_handle("channel")?), kernel::use_vectors)?),
        "notify" => notify(&env::take_handle("bell")?),
        "exit" => Ok(()),
        _ => Err(Error::BadArgument),
    }
}

/// Each ping is answered; the last answer fails, because nobody is left.
fn notify(bell: &OwnedHandle) -> Result<(), Error> {
    loop {
        wait_bits(PING, u64::MAX);
        if kernel::short(libsys::abi::calls::number::notify, [kernel::raw(bell), u64::MAX, 0, 0, 0, 0]).is_err() {
            return Ok(());
        }
    }
}
