//! Threads that run at the same time, and meet.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::{Doorbell, Error, Mutex, Pool, thread, time, wait_bits};

use super::{Spinner, becomes, group_needs};
use crate::checks::Checks;
use crate::hard::messages::Echo;
use crate::kernel::{call, raw};
use crate::threads::{finish, options};

const THREADS: u64 = 4;
const ROUNDS: u64 = 2_000;
/// Rounds of what crosses cores each time.
const CROSSINGS: u64 = 500;
/// For how long the load is looked at, and the least part of that time in percent that each thread must have run: the
/// system's servers run now and then, too.
const LOOK: u64 = 300 * time::MILLISECOND;
const LEAST_SHARE: u64 = 60;

pub fn counting(checks: &mut Checks) -> Result<(), Error> {
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

pub fn callers(checks: &mut Checks) -> Result<(), Error> {
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

/// As many threads as cores, none pinned: each has a core to itself, nearly all of the time.
pub fn load(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 1)? else { return Ok(()) };
    let pool = Pool::own()?;
    // This thread waits, so it takes none of them.
    let spinners = (0..cores).map(|_| Spinner::start(&pool, None)).collect::<Result<Vec<_>, _>>()?;
    checks.holds("all of them run", spinners.iter().all(Spinner::counts));
    let times = || spinners.iter().map(|s| s.thread.thread().figures().map(|f| (f.cpu_ns, f.core))).collect();
    let (before, start): (Result<Vec<(u64, u64)>, Error>, _) = (times(), time::now_ns());
    wait_bits(0, start + LOOK);
    let (after, took): (Result<Vec<(u64, u64)>, Error>, _) = (times(), time::now_ns() - start);
    let (before, after) = (before?, after?);
    for (n, (old, new)) in before.iter().zip(&after).enumerate() {
        let share = (new.0 - old.0) * 100 / took;
        let name = format!("thread {n} has a core's time");
        checks.check(name, if share >= LEAST_SHARE { Ok(()) } else { Err(format!("it has {share} %")) });
    }
    let mut used: Vec<u64> = after.iter().map(|(_, core)| *core).collect();
    used.sort_unstable();
    used.dedup();
    checks.equal("they run on as many cores", used.len(), cores as usize);
    spinners.into_iter().for_each(Spinner::end);
    Ok(())
}

pub fn across(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 2)? else { return Ok(()) };
    let pool = Pool::own()?;
    for (server, client) in [(Some(0), Some(1)), (Some(cores - 1), Some(0)), (None, Some(1)), (None, None)] {
        let echo = Echo::start()?;
        echo.thread().set_core(server)?;
        let (own, right) = (echo.client()?, Arc::new(AtomicU64::new(0)));
        let counts = right.clone();
        let caller = thread::spawn(&pool, options()?, move || {
            for round in 0..CROSSINGS {
                let back = call(number::call, &[raw(&own), 8, round]).map(|results| results[2]);
                counts.fetch_add(u64::from(back == Ok(round)), Ordering::Relaxed);
            }
        })?;
        caller.thread().set_core(client)?;
        checks.holds(format!("server {server:?}, client {client:?}: all calls end"), becomes(|| caller.is_over()));
        finish(caller);
        checks.equal("with the right answers", right.load(Ordering::Acquire), CROSSINGS);
        echo.stop();
    }
    bits(checks, cores)?;
    deadlines(checks, cores)
}

/// Two threads of two cores that wake each other in turn.
fn bits(checks: &mut Checks, cores: u32) -> Result<(), Error> {
    let (pool, rounds) = (Pool::own()?, Arc::new(AtomicU64::new(0)));
    let (mut places, mut threads) = (Vec::new(), Vec::new());
    for core in [0, cores - 1] {
        let place = Arc::new(Mutex::new(None::<Doorbell>));
        let (others, counts) = (place.clone(), rounds.clone());
        places.push(place);
        let thread = thread::spawn(&pool, options()?, move || {
            becomes(|| others.lock().is_some());
            let Some(other) = others.lock().take() else { return };
            if core != 0 {
                let _ = other.ring();
            }
            for _ in 0..CROSSINGS {
                if wait_bits(1, time::now_ns() + super::PATIENCE) == 0 {
                    return;
                }
                counts.fetch_add(1, Ordering::Relaxed);
                let _ = other.ring();
            }
        })?;
        thread.thread().set_core(Some(core))?;
        threads.push(thread);
    }
    for (place, other) in places.iter().zip(threads.iter().rev()) {
        *place.lock() = Some(other.notification.doorbell(&pool, 1, 0)?.0);
    }
    checks.holds("two cores wake each other", becomes(|| threads.iter().all(|thread| thread.is_over())));
    checks.equal("as often as they ring", rounds.load(Ordering::Acquire), 2 * CROSSINGS);
    threads.into_iter().for_each(finish);
    Ok(())
}

/// Each core has its own timer.
fn deadlines(checks: &mut Checks, cores: u32) -> Result<(), Error> {
    let (pool, late) = (Pool::own()?, Arc::new(AtomicU64::new(0)));
    let mut threads = Vec::new();
    for core in 0..cores {
        let early = late.clone();
        let thread = thread::spawn(&pool, options()?, move || {
            for _ in 0..20 {
                let due = time::now_ns() + time::MILLISECOND;
                wait_bits(0, due);
                early.fetch_add(u64::from(time::now_ns() < due), Ordering::Relaxed);
            }
        })?;
        thread.thread().set_core(Some(core))?;
        threads.push(thread);
    }
    checks.holds("deadlines come on each core", becomes(|| threads.iter().all(|thread| thread.is_over())));
    checks.equal("and none too early", late.load(Ordering::Acquire), 0);
    threads.into_iter().for_each(finish);
    Ok(())
}
