//! One who floods does not keep others from being answered, and fills nothing up.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::{Rights, user};
use libsys::names::NameSpace;
use libsys::thread::{self, JoinHandle};
use libsys::{Error, Notification, Pool, time, wait_bits};

use crate::checks::{Checks, many};
use crate::hard::messages::Echo;
use crate::kernel::{POOL, call, derive, raw, used};
use crate::threads::{finish, options};

/// Rounds of the one who behaves.
const ROUNDS: u64 = 300;
/// Calls of those who flood, at least.
const FLOOD: u64 = 1_000;
/// How long they may take.
const LIMIT_NS: u64 = 20 * time::SECOND;
/// Notifications.
const BITS: u64 = 20_000;
/// Threads that flood.
const FLOODERS: usize = 3;

/// Floods of a server here, of init, of a notification.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let echo = Echo::start()?;
    let (flooders, stop) = flood(&echo)?;
    let before = time::now_ns();
    // Until the flood has had its turns, too: all these threads have one priority.
    let mut rounds = 0;
    let mut answered = 0;
    let (most, limit) = (many(ROUNDS), many(LIMIT_NS));
    while (rounds < most || COUNT.load(Ordering::Relaxed) < many(FLOOD)) && time::now_ns() - before < limit {
        answered += u64::from(echo.ask(rounds) == Ok(rounds));
        rounds += 1;
    }
    let took = time::now_ns() - before;
    stop.store(true, Ordering::Release);
    let flooded = join(flooders);
    checks.equal("every call beside a flood is answered", answered, rounds);
    checks.holds("in time", took < limit);
    checks.holds("the flood was served too", flooded >= many(FLOOD));
    echo.stop();
    init(checks)?;
    bits(checks)
}

fn flood(echo: &Echo) -> Result<(Vec<JoinHandle>, Arc<AtomicBool>), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut flooders = Vec::new();
    for _ in 0..FLOODERS {
        let (client, stop) = (echo.client()?, stop.clone());
        flooders.push(thread::spawn(&Pool::own()?, options()?, move || {
            while !stop.load(Ordering::Acquire) {
                let _ = call(number::call, &[raw(&client), 8, 1]);
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
        })?);
    }
    Ok((flooders, stop))
}

/// Calls of the flooders.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Waits for the flooders' ends; how many calls they made.
fn join(flooders: Vec<JoinHandle>) -> u64 {
    flooders.into_iter().for_each(finish);
    COUNT.load(Ordering::Relaxed)
}

/// init is called by another thread of this process without a pause, with messages that mean nothing.
fn init(checks: &mut Checks) -> Result<(), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let flooder = thread::spawn(&Pool::own()?, options()?, move || {
        while !flag.load(Ordering::Acquire) {
            let _ = call(number::call, &[user::NAMES_CHANNEL.raw().into(), 64, u64::MAX, u64::MAX]);
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    COUNT.store(0, Ordering::Relaxed);
    let before = time::now_ns();
    let (mut rounds, mut answered) = (0, 0);
    let (most, limit) = (many(100), many(LIMIT_NS));
    while (rounds < most || COUNT.load(Ordering::Relaxed) < most) && time::now_ns() - before < limit {
        answered += u64::from(NameSpace::own().look("SYS").is_ok());
        rounds += 1;
    }
    let took = time::now_ns() - before;
    stop.store(true, Ordering::Release);
    join(alloc::vec![flooder]);
    checks.equal("init answers beside a flood of nonsense", answered, rounds);
    checks.holds("in time", took < limit);
    Ok(())
}

/// Bits do not queue: any number of them costs nothing.
fn bits(checks: &mut Checks) -> Result<(), Error> {
    let own = Notification::own()?;
    let (bell, _grant) = derive(POOL, own.handle().raw().into(), Rights::NOTIFY, 1 << 62, 0)?;
    let before = used(POOL)?;
    for _ in 0..many(BITS) {
        call(number::notify, &[raw(&bell), u64::MAX])?;
    }
    checks.equal(format!("{} notifications take no memory", many(BITS)), used(POOL)?, before);
    checks.equal("and are one", wait_bits(1 << 62, 0), 1 << 62);
    checks.equal("once", wait_bits(1 << 62, 0), 0);
    Ok(())
}
