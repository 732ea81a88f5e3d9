//! Clones: a second process with this one's memory as it is now.
//!
//! ```text
//!  prepare(run, argument) ─► init makes an empty process ─► the pager shares all pages, read-only in both
//!     └ Prepared: handles and streams are given, as for any child ─ start ─► run(argument), on a copy of this stack
//! ```
//!
//! Nothing is copied until one of both writes. The clone has the program, heap, stack and data, and views that can't be
//! written; no mapping, no further thread, and none of its parent's handles: what a value of a typed handle names there is
//! nothing, or something else. So `run` uses plain data of before, and opens anew what it needs. This library's own state is
//! made new: streams, sessions, names, children, arguments, and the generator of random numbers, which has a seed of its own.
//!
//! While a process is cloned, its other threads have to leave locks alone: the clone has one thread, and would wait for ever.

use protocol::process::{Reply, Request};
use protocol::{Error, StartBody, Text};

use crate::{Channel, Handles, Mutex, Notification, Pool, Status, env, spawn, spawn::Prepared};

/// What a clone runs: its status is the process's.
pub type Run = fn(u64) -> Status;

/// What this process's clone runs, and with what: it finds it where its parent left it.
static NEXT: Mutex<Option<(Run, u64)>> = Mutex::new(None);

/// Makes a clone inside a pool, not started: it will run `run(argument)` and end with its status. Only the main thread may:
/// [`Error::Unsupported`] on others, whose stacks a clone does not have; [`Error::Unavailable`] where no pager serves.
#[inline(never)]
pub fn prepare(pool: &Pool, name: &str, pages: u32, run: Run, argument: u64) -> Result<Prepared, Error> {
    let (entry, stack) = crate::entry::clone_start().ok_or(Error::Unsupported)?;
    *NEXT.lock() = Some((run, argument));
    let request = Request::Clone { name: Text::cut(name), pages, entry, stack };
    let answer = pool.lend().and_then(|pool| spawn::ask(&request, Handles::one(pool)));
    *NEXT.lock() = None;
    let (reply, handles) = answer?;
    let Reply::Created { number } = reply else { return Err(Error::Protocol) };
    let [channel, notification] = handles.exactly()?;
    let body =
        StartBody { args: alloc::vec![name.into()], env: env::vars(), cwd: env::current_dir(), ..StartBody::default() };
    Ok(Prepared::new(number, Channel::adopt(channel), Notification::adopt(notification), body))
}

/// A clone's first steps, with the memory of its parent.
#[cfg(target_os = "viaether")]
pub(crate) fn begin() -> ! {
    let next = NEXT.lock().take();
    crate::io::forget_standard();
    crate::fs::forget_all();
    crate::names::bits::forget();
    crate::spawn::forget();
    crate::random::forget();
    if let Err(error) = env::start() {
        crate::log!(Error, "start block: {error}");
        crate::exit(error.into());
    }
    match next {
        Some((run, argument)) => crate::exit(run(argument)),
        None => crate::exit(Error::Internal.into()),
    }
}
