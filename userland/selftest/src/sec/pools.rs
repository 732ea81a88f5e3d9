//! Using up everything: it is refused, told, and comes back whole.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::{Error, Rights};
use libsys::{Error as LibError, OwnedHandle};

use crate::checks::Checks;
use crate::kernel::{POOL, call, create, dup, raw, snapshot, used};

/// Pages of the pools that are used up.
const PAGES: u64 = 48;
/// Objects of one kind at most that a check makes: more would not fit the pool.
const MOST: usize = 20_000;

/// Each kind of object until the pool is empty; ten times over; tables; nested pools.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    for kind in [Kind::Memory, Kind::Channel, Kind::Notification, Kind::Process, Kind::Pool] {
        // What the handles to them take stays with this process's table.
        exhaust(kind)?;
        let before = snapshot()?;
        let cases: Vec<(u32, Result<(), String>)> = (0..3).map(|n| (n, round(kind))).collect();
        checks.all(format!("{kind:?}: until the pool is empty, and again"), cases);
        checks.equal(format!("{kind:?}: everything came back"), snapshot()?, before);
    }
    table(checks)?;
    nested(checks)?;
    greedy(checks)
}

fn round(kind: Kind) -> Result<(), String> {
    match exhaust(kind) {
        Ok((Error::PoolEmpty | Error::TableFull, made)) if made > 0 => Ok(()),
        Ok((error, made)) => Err(format!("{error} after {made}")),
        Err(error) => Err(format!("{error}")),
    }
}

/// Makes objects in a pool of their own until that is refused, then destroys the pool: the refusal, and how many.
fn exhaust(kind: Kind) -> Result<(Error, usize), Error> {
    let pool = create(POOL, Kind::Pool, PAGES, 1, 0)?;
    let mut made: Vec<OwnedHandle> = Vec::new();
    let pages = u64::from(matches!(kind, Kind::Memory | Kind::Pool));
    let error = loop {
        match create(raw(&pool), kind, pages, 0, 0) {
            Ok(handle) => made.push(handle),
            Err(error) => break error,
        }
        if made.len() == MOST {
            break Error::BadArgument;
        }
    };
    call(number::destroy, &[raw(&pool)])?;
    Ok((error, made.len()))
}

/// Handles in another process's table until its pool is empty.
fn table(checks: &mut Checks) -> Result<(), LibError> {
    let before = snapshot()?;
    let pool = create(POOL, Kind::Pool, PAGES, 1, 0)?;
    let process = create(raw(&pool), Kind::Process, 0, 0, 0)?;
    let notification = create(raw(&pool), Kind::Notification, 0, 0, 0)?;
    let more = || call(number::dup, &[raw(&notification), Rights::all().bits().into(), raw(&process), 0]);
    let refusal = (0..MOST).find_map(|_| more().err());
    checks.holds("a table that is full says so", matches!(refusal, Some(Error::PoolEmpty | Error::TableFull)));
    call(number::destroy, &[raw(&pool)])?;
    checks.refused(
        "what was in the pool is gone",
        dup(raw(&notification), Rights::all()).map(drop),
        &[Error::ServerDied],
    );
    drop((pool, process, notification));
    checks.equal("everything came back", snapshot()?, before);
    Ok(())
}

/// Pools in pools: the outermost one's end ends them all.
fn nested(checks: &mut Checks) -> Result<(), LibError> {
    let before = snapshot()?;
    let mut pools = alloc::vec![create(POOL, Kind::Pool, PAGES, 1, 0)?];
    while let Some(last) = pools.last()
        && let Ok(next) = create(raw(last), Kind::Pool, PAGES - 2 * pools.len() as u64, 1, 0)
    {
        pools.push(next);
    }
    checks.holds("pools nest", pools.len() > 3);
    let last = pools.len() - 1;
    let deep = create(raw(&pools[last]), Kind::Notification, 0, 0, 0);
    call(number::destroy, &[raw(&pools[0])])?;
    let gone = deep.map(|handle| call(number::notify, &[raw(&handle), 1]).map(drop));
    checks.holds("with the outermost all are gone", !matches!(gone, Ok(Ok(()))));
    drop(pools);
    checks.equal("everything came back", snapshot()?, before);
    Ok(())
}

/// More than there is.
fn greedy(checks: &mut Checks) -> Result<(), LibError> {
    let before = snapshot()?;
    for pages in [1 << 20, 1 << 31, 1 << 32, u64::MAX] {
        let errors = [Error::PoolEmpty, Error::BadArgument];
        checks.refused(format!("a pool of {pages} pages"), create(POOL, Kind::Pool, pages, 1, 0).map(drop), &errors);
        checks.refused(
            format!("a memory of {pages} pages"),
            create(POOL, Kind::Memory, pages, 0, 0).map(drop),
            &errors,
        );
    }
    let pool = create(POOL, Kind::Pool, 8, 1, 0)?;
    let into = call(number::pool_move, &[POOL, raw(&pool), u64::MAX]);
    checks.refused("moving more pages than there are", into, &[Error::PoolEmpty, Error::BadArgument]);
    let back = call(number::pool_move, &[raw(&pool), POOL, 9]);
    checks.refused("moving back more than it has", back, &[Error::PoolEmpty, Error::BadArgument]);
    call(number::destroy, &[raw(&pool)])?;
    drop(pool);
    checks.equal("everything came back", snapshot()?, before);
    checks.holds("the pool is not empty", used(POOL)?.0 > 0);
    Ok(())
}
