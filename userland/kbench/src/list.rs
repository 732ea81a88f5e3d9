//! An operation between two stops of a debugger, which lists what it executes (`scripts/bench listings`).

use libsys::Error;

use crate::{
    local,
    remote::{self, Path},
};

/// Rounds before: tables and caches of the kernel's are filled then, and who has left vector registers alone has none any more.
const BEFORE: usize = 40;

/// Does a row's operation, as [`between`] says.
pub fn list(row: &str) -> Result<(), Error> {
    match row {
        "call-4w" => remote::list_call(Path::Fast, 32),
        "call-8w-general" => remote::list_call(Path::General, 64),
        "call-fpu" => remote::list_vector_call(),
        "call-512" => remote::list_call(Path::Fast, 512),
        "interrupt" => local::list_interrupt(),
        "notify" => remote::list_notify(),
        "fault" => local::list_fault(),
        "thread" => local::list_thread(),
        "spawn" => remote::list_spawn(),
        _ => Err(Error::BadArgument),
    }
}

/// Does it some times, and then once between two stops.
pub fn between(mut operation: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    for _ in 0..BEFORE {
        operation()?;
    }
    here();
    operation()?;
    here();
    Ok(())
}

/// Where the debugger stops: it knows this function by its name.
#[inline(never)]
fn here() {
    libsys::raw::mark();
}
