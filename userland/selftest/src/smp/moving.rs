//! Threads that go from core to core, or are ended while they run on another.

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::calls::{ANY_CORE, number};
use libsys::abi::info::{self, ThreadState};
use libsys::abi::{self, user};
use libsys::{Error, Pool};

use super::{Spinner, becomes, group_needs, stand};
use crate::checks::Checks;
use crate::kernel::{POOL, call, raw, used};
use crate::threads::pin;

/// Rounds over all cores.
const ROUNDS: u64 = 50;
const MAIN: u64 = user::MAIN_THREAD.raw() as u64;

pub fn pinned(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 1)? else { return Ok(()) };
    let absent = pin(cores.into());
    checks.refused("to a core that does not run", absent, &[abi::Error::BadArgument]);
    let mut sum = 0_u64;
    let mut there = 0;
    for hop in 0..ROUNDS * u64::from(cores) {
        let core = hop % u64::from(cores);
        pin(core)?;
        there += u64::from(call(number::info, &[MAIN, info::THREAD, 0])?[6] == core);
        sum = sum.wrapping_mul(31).wrapping_add(hop);
    }
    pin(ANY_CORE)?;
    checks.equal("a thread goes where it sends itself", there, ROUNDS * u64::from(cores));
    let right = (0..ROUNDS * u64::from(cores)).fold(0_u64, |sum, hop| sum.wrapping_mul(31).wrapping_add(hop));
    checks.equal("and its registers come along", sum, right);
    let spinner = Spinner::start(&Pool::own()?, None)?;
    let thread = spinner.thread.thread();
    for core in (0..cores).cycle().take(3 * cores as usize) {
        thread.set_core(Some(core))?;
        let arrives = becomes(|| thread.figures().is_ok_and(|figures| figures.core == core.into()));
        checks.holds(format!("a running thread is sent to core {core}"), arrives && spinner.counts());
    }
    thread.set_core(None)?;
    checks.holds("and let go", spinner.counts());
    spinner.end();
    Ok(())
}

pub fn stopping(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 2)? else { return Ok(()) };
    let pool = Pool::own()?;
    pin(0)?;
    for core in 1..cores {
        let spinner = Spinner::start(&pool, Some(core))?;
        checks.holds(format!("core {core} runs it"), spinner.counts());
        let thread = spinner.thread.thread();
        // While something more urgent runs there for a moment they can be read.
        let refused = becomes(|| thread.registers(0).is_err_and(|error| error == Error::BadArgument));
        checks.holds("its registers are its core's", refused);
        let priority = thread.figures()?.base;
        thread.set_priority(priority - 1)?;
        checks.holds("less urgent, it runs on", spinner.counts());
        thread.stop()?;
        checks.equal("once stop is back, it is stopped", thread.figures()?.state, ThreadState::Stopped);
        checks.holds("its registers can be read", thread.registers(0).is_ok());
        checks.holds("and counts no more", stand(&[spinner], cores)?);
        let spinner = Spinner::start(&pool, Some(core))?;
        checks.holds("another runs", spinner.counts());
        let handle = spinner.thread.handle()?;
        call(number::destroy, &[raw(&handle)])?;
        let gone = call(number::info, &[raw(&handle), info::THREAD, 0]);
        checks.refused("once destroy is back, it is gone", gone, &[abi::Error::ServerDied]);
        checks.holds("and counts no more", stand(&[spinner], cores)?);
    }
    pin(ANY_CORE)?;
    Ok(())
}

pub fn pools(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 1)? else { return Ok(()) };
    let own = Pool::own()?;
    let ceiling = own.info()?.ceiling as u8;
    for round in 0..4 {
        let before = used(POOL)?.0;
        let pages = 40 * cores as usize;
        let pool = own.create(pages, ceiling)?;
        let pinned = |core| (round % 2 == 0).then_some(core);
        let spinners = (0..cores).map(|core| Spinner::start(&pool, pinned(core))).collect::<Result<Vec<_>, _>>()?;
        checks.holds(format!("round {round}: all run"), spinners.iter().all(Spinner::counts));
        pool.destroy()?;
        checks.holds("none counts once destroy is back", stand(&spinners, cores)?);
        // Their stacks stay mapped, and are this pool's now.
        let after = used(POOL)?.0;
        checks.holds("the pool's pages are back", after < before + pages as u64);
    }
    Ok(())
}
