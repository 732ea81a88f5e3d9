//! Nobody gets above the ceiling of its pool.

use alloc::format;

use libsys::abi::calls::number;
use libsys::abi::info::{self, Kind};
use libsys::abi::{Error, user};
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
    Ok(())
}
