//! Nobody gets above the ceiling of its pool, or to processor time that nobody gave it; and who watches whom.

use alloc::format;

use libsys::abi::calls::number;
use libsys::abi::info::{self, Kind};
use libsys::abi::{Error, Rights, user};
use libsys::{Error as LibError, Pool};

use super::handles::Bench;
use crate::checks::Checks;
use crate::kernel::{POOL, call, create, raw};

/// By `config`, by a new thread, by a new pool.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    let ceiling = Pool::own()?.info()?.ceiling;
    checks.holds("an ordinary process's ceiling is below the drivers'", ceiling < 48);
    let main = u64::from(user::MAIN_THREAD.raw());
    let priority = || call(number::info, &[main, info::THREAD, 0]).map(|results| (results[3], results[4]));
    let before = priority()?;
    let bench = Bench::new()?;
    let above = [ceiling + 1, 63, 64, 255, 256, 256 + ceiling, u64::from(u32::MAX), 1 << 32, u64::MAX];
    for value in above.into_iter().filter(|value| *value > ceiling) {
        let config = call(number::config, &[main, 0, value]);
        checks.refused(format!("config to {value}"), config, &[Error::BadArgument, Error::Denied]);
        let thread = create(raw(&bench.pool), Kind::Thread, raw(&bench.process), value, 0x5000_0000);
        checks.refused(format!("a thread at {value}"), thread.map(drop), &[Error::BadArgument, Error::Denied]);
        let pool = create(POOL, Kind::Pool, 4, value, 0);
        checks.refused(format!("a pool with ceiling {value}"), pool.map(drop), &[Error::BadArgument, Error::Denied]);
    }
    checks.equal("the priority is what it was", priority()?, before);
    // The bench's pool has ceiling 1: what this process may is more than what that pool may.
    let thread = create(raw(&bench.pool), Kind::Thread, raw(&bench.process), 2, 0x5000_0000);
    checks.refused("a thread above a sub-pool's own ceiling", thread.map(drop), &[Error::BadArgument, Error::Denied]);
    let config = call(number::config, &[raw(&bench.thread), 0, 2]);
    checks.refused("config above it", config, &[Error::BadArgument, Error::Denied]);
    budgets(checks)?;
    traces(checks, &bench)
}

/// A command has no processor time to reserve.
fn budgets(checks: &mut Checks) -> Result<(), LibError> {
    let before = Pool::own()?.info()?;
    checks.equal("an ordinary process has no budget", before.budget, None);
    let (tenth, whole) = (100 | (1_000 << 32), 1_000 | (1_000 << 32));
    for (name, word) in [("a tenth of a core", tenth), ("a whole core", whole)] {
        let pool = create(POOL, Kind::Pool, 4, 1, word);
        checks.refused(format!("to reserve {name}"), pool.map(drop), &[Error::OverBudget]);
    }
    for word in [1, 1 << 32, 2_000 | (1_000 << 32), 9 | (1_000 << 32), 20 | (49 << 32), u64::MAX] {
        let pool = create(POOL, Kind::Pool, 4, 1, word);
        checks.refused(format!("the budget {word:#x}"), pool.map(drop), &[Error::BadArgument]);
    }
    checks.equal("the pool is what it was", Pool::own()?.info()?, before);
    Ok(())
}

/// What is traced has to be a process that one may look at, and the ring one's own memory.
fn traces(checks: &mut Checks, bench: &Bench) -> Result<(), LibError> {
    let log = u64::from(user::LOG.raw());
    let [ring, small] = [create(POOL, Kind::Memory, 2, 0, 0)?, create(POOL, Kind::Memory, 1, 0, 0)?];
    let blind =
        call(number::dup, &[raw(&bench.process), u64::from((Rights::all() - Rights::INSPECT).bits()), 0, 0])?[0];
    checks.refused("to trace without INSPECT", call(number::trace, &[blind, raw(&ring), log]), &[Error::Denied]);
    let of = |process: u64, ring: u64, log: u64| call(number::trace, &[process, ring, log]);
    let process = raw(&bench.process);
    checks.refused("to trace a thread", of(raw(&bench.thread), raw(&ring), log), &[Error::WrongKind]);
    checks.refused("into a pool", of(process, raw(&bench.pool), log), &[Error::WrongKind]);
    checks.refused("without a log", of(process, raw(&ring), raw(&ring)), &[Error::WrongKind]);
    checks.refused("into one page", of(process, raw(&small), log), &[Error::BadArgument]);
    checks.equal("to trace what is one's own", of(process, raw(&ring), log).map(drop), Ok(()));
    call(number::close, &[blind])?;
    Ok(())
}
