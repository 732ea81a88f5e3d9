//! The kernel's counters: each goes up by what its text says. Others count along, so each check is about at least so many.

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::{Error, kernel_counters, thread, time, wait_bits};

use super::messages::Echo;
use crate::checks::Checks;
use crate::child;
use crate::kernel::{POOL, call, create, raw};
use crate::threads::{finish, options};

/// How often each thing is done.
const TIMES: u64 = 200;
/// Pages of a Memory: more than are cleared in one entry.
const PAGES: u64 = 256;

/// A counter, what has it count, and how many times at least.
type Counted = (&'static str, u64, fn(&Echo) -> Result<(), Error>);

const COUNTED: &[Counted] = &[
    ("system calls", TIMES, |_| times(|| call(number::info, &[POOL, 0, 0]).map(drop))),
    ("calls by the fast path", 1, |echo| times(|| said(echo))),
    ("replies by the fast path", 1, |echo| times(|| said(echo))),
    ("calls refused", TIMES, |_| {
        (0..TIMES).for_each(|_| _ = call(number::close, &[0]));
        Ok(())
    }),
    ("notifications", TIMES, |_| {
        let notification = create(POOL, Kind::Notification, 0, 0, 0)?;
        times(|| call(number::notify, &[raw(&notification), 1]).map(drop))
    }),
    ("timer interrupts", 5, |_| {
        (0..5).for_each(|_| _ = wait_bits(0, time::after(time::MILLISECOND)));
        Ok(())
    }),
    ("faults", 1, |_| child::doing("read-null").map(drop)),
    ("thread switches", 1, |_| {
        let thread = thread::spawn(&libsys::Pool::own()?, options()?, libsys::yield_now)?;
        finish(thread);
        Ok(())
    }),
    ("restarts of long operations", 1, |_| Ok(create(POOL, Kind::Memory, PAGES, 0, 0).map(drop)?)),
    ("frames zeroed", PAGES, |_| Ok(create(POOL, Kind::Memory, PAGES, 0, 0).map(drop)?)),
    ("objects made", TIMES, |_| times(|| create(POOL, Kind::Channel, 0, 0, 0).map(drop))),
    ("objects destroyed", TIMES, |_| times(|| create(POOL, Kind::Channel, 0, 0, 0).map(drop))),
];

fn times(what: impl Fn() -> Result<(), libsys::abi::Error>) -> Result<(), Error> {
    Ok((0..TIMES).try_for_each(|_| what())?)
}

fn said(echo: &Echo) -> Result<(), libsys::abi::Error> {
    echo.ask(7).map(drop)
}

/// One after the other; and none ever goes down.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let echo = Echo::start()?;
    for (name, least, cause) in COUNTED {
        let before = kernel_counters()?;
        cause(&echo)?;
        let after = kernel_counters()?;
        let of = |counters: &[(&str, u64)]| counters.iter().find(|(known, _)| known == name).map_or(0, |(_, n)| *n);
        let counted = of(&after) - of(&before);
        checks.holds(format!("{name}: {counted} after {least}"), counted >= *least);
        let down: Vec<_> = before.iter().zip(&after).filter(|(old, new)| new.1 < old.1).map(|(old, _)| old.0).collect();
        checks.equal("none goes down", down, Vec::new());
    }
    echo.stop();
    Ok(())
}
