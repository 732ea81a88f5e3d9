//! Doing in a child what must end it.

use libsys::protocol::process::{Ended, Signal};
use libsys::spawn::{Child, Command};
use libsys::{Error, Pool, system_figures, time, wait_bits};

/// The word before a deed among the arguments.
pub const WORD: &str = "CHILD";
/// Pages of a child's pool.
pub const PAGES: u32 = 256;

/// Pages that stay this process's own.
const OWN: u64 = 320;

/// Pages for a child that wants so many: fewer on a small machine, but some.
pub fn room(most: u32) -> Result<u32, Error> {
    let info = Pool::own()?.info()?;
    let free = info.pages.saturating_sub(info.used).saturating_sub(OWN);
    if free == 0 { Err(Error::PoolEmpty) } else { Ok(u64::from(most).min(free) as u32) }
}

/// How many children there is room for, and the pages of each: at most so many of so many pages, on a small machine first
/// smaller ones, down to the least, then fewer, but one.
pub fn rooms(children: u32, most: u32, least: u32) -> Result<(u32, u32), Error> {
    let free = room(children * most)?;
    let count = children.min(free / least);
    if count == 0 { Err(Error::PoolEmpty) } else { Ok((count, (free / count).min(most))) }
}

/// A child that would go on for ever: dropped, it is ended and waited for, whatever went wrong.
pub struct Endless {
    child: Child,
    over: bool,
}

impl Endless {
    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Result<Option<Ended>, Error> {
        let ended = self.child.try_wait()?;
        self.over |= ended.is_some();
        Ok(ended)
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) -> Result<(), Error> {
        self.child.send(signal)
    }
}

impl From<Child> for Endless {
    fn from(child: Child) -> Endless {
        Endless { child, over: false }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        if !self.over {
            // It may have ended by itself a moment ago.
            let _ = self.child.send(Signal::Force);
            let _ = self.child.wait();
        }
    }
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
