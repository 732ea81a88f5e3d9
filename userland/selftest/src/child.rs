//! Doing in a child what must end it.

use libsys::protocol::process::Ended;
use libsys::spawn::{Child, Command};
use libsys::{Error, Pool, system_figures, time, wait_bits};

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
    command(deed, PAGES).spawn(&Pool::own()?)
}

/// How this program is started to do a deed in a pool of so many pages.
pub fn command(deed: &str, pages: u32) -> Command {
    Command::new("C/selftest").arg(WORD).arg(deed).pages(pages)
}

/// Free frames of the machine, once they are as many as wanted, or after so long: what a child had comes back bit by bit.
pub fn settled(wanted: u64, within: u64) -> Result<u64, Error> {
    let until = time::after(within);
    loop {
        let free = system_figures()?.free_pages;
        if free == wanted || time::now_ns() > until {
            return Ok(free);
        }
        wait_bits(0, time::after(10 * time::MILLISECOND));
    }
}
