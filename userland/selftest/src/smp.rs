//! SMPTEST: what holds on any number of cores; one is enough to run it.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::{Error, Pool, thread};

use crate::checks::{Checks, Group};
use crate::hard::messages::Echo;
use crate::kernel::{call, raw};
use crate::threads::{finish, options};

/// The groups.
pub const GROUPS: &[Group] =
    &[Group { name: "counting together", run: counting }, Group { name: "callers of one server", run: callers }];

const THREADS: u64 = 4;
const ROUNDS: u64 = 2_000;

fn counting(checks: &mut Checks) -> Result<(), Error> {
    let total = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    for _ in 0..THREADS {
        let total = total.clone();
        threads.push(thread::spawn(&Pool::own()?, options()?, move || {
            for _ in 0..ROUNDS {
                total.fetch_add(1, Ordering::Relaxed);
                libsys::yield_now();
            }
        })?);
    }
    threads.into_iter().for_each(finish);
    checks.equal(format!("{THREADS} threads count"), total.load(Ordering::Acquire), THREADS * ROUNDS);
    Ok(())
}

fn callers(checks: &mut Checks) -> Result<(), Error> {
    let echo = Echo::start()?;
    let right = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    for n in 0..THREADS {
        let (client, right) = (echo.client()?, right.clone());
        threads.push(thread::spawn(&Pool::own()?, options()?, move || {
            for round in 0..ROUNDS {
                let word = n << 32 | round;
                let back = call(number::call, &[raw(&client), 8, word]).map(|results| results[2]);
                right.fetch_add(u64::from(back == Ok(word)), Ordering::Relaxed);
            }
        })?);
    }
    threads.into_iter().for_each(finish);
    checks.equal("each caller gets its own answer", right.load(Ordering::Acquire), THREADS * ROUNDS);
    echo.stop();
    Ok(())
}
