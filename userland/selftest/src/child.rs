//! Doing in a child what must end it.

use libsys::protocol::process::Ended;
use libsys::spawn::{Child, Command};
use libsys::{Error, Pool};

/// The word before a deed among the arguments.
pub const WORD: &str = "CHILD";
/// Pages of a child's pool.
pub const PAGES: u32 = 256;

/// Pages that stay this process's own.
const OWN: u64 = 320;

/// Pages for a child that wants so many: fewer on a small machine.
pub fn room(most: u32) -> Result<u32, Error> {
    let info = Pool::own()?.info()?;
    let free = info.pages.saturating_sub(info.used).saturating_sub(OWN);
    Ok(u64::from(most).min(free) as u32)
}

/// Starts this program to do a deed, and tells how it ended.
pub fn doing(deed: &str) -> Result<Ended, Error> {
    start(deed)?.wait()
}

/// Starts this program to do a deed.
pub fn start(deed: &str) -> Result<Child, Error> {
    Command::new("C/selftest").arg(WORD).arg(deed).pages(PAGES).spawn(&Pool::own()?)
}
