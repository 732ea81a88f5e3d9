//! Doing in a child what must end it.

use libsys::protocol::process::Ended;
use libsys::spawn::{Child, Command};
use libsys::{Error, Pool};

/// The word before a deed among the arguments.
pub const WORD: &str = "CHILD";
/// Pages of a child's pool.
const PAGES: u32 = 256;

/// Starts this program to do a deed, and tells how it ended.
pub fn doing(deed: &str) -> Result<Ended, Error> {
    start(deed)?.wait()
}

/// Starts this program to do a deed.
pub fn start(deed: &str) -> Result<Child, Error> {
    Command::new("C/selftest").arg(WORD).arg(deed).pages(PAGES).spawn(&Pool::own()?)
}
