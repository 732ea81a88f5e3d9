//! Using up everything: it is refused, told, and comes back whole.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::{Error, Rights};
use libsys::{Error as LibError, OwnedHandle};

use crate::checks::{Checks, many};
use crate::kernel::{POOL, call, create, derive, dup, raw, snapshot, used};

/// Pages of the pools that are used up.
const PAGES: u64 = 48;
/// Objects of one kind at most that a check makes: more would not fit the pool.
const MOST: u64 = 20_000;

/// Rounds of each pool, without the first.
const ROUNDS: u64 = 4;

/// Where everything is made until it is refused: a pool, with a process that never runs and a Memory to map and derive from.
struct Ground {
    pool: OwnedHandle,
    process: OwnedHandle,
    memory: OwnedHandle,
    /// What was made is closed when its pool is gone.
    made: Vec<OwnedHandle>,
}

/// Something that takes pages: makes the n-th.
type Make = fn(&mut Ground, u64) -> Result<(), Error>;

/// Everything that a pool pays for.
const POOLS: &[(&str, Make)] = &[
    ("Memory", |g, _| g.create(Kind::Memory, [1, 0, 0])),
    ("Channel", |g, _| g.create(Kind::Channel, [0; 3])),
    ("Notification", |g, _| g.create(Kind::Notification, [0; 3])),
    ("Process", |g, _| g.create(Kind::Process, [0; 3])),
    ("Pool", |g, _| g.create(Kind::Pool, [1, 0, 0])),
    ("Thread", |g, n| g.create(Kind::Thread, [raw(&g.process), 1, FROM + n * 4096])),
    ("Grant", |g, _| {
        let (handle, grant) = derive(raw(&g.pool), raw(&g.memory), Rights::all(), 0, 0)?;
        g.made.extend([handle, grant]);
        Ok(())
    }),
    ("slice", |g, _| {
        let slice = call(number::slice, &[raw(&g.pool), raw(&g.memory), 0, 1, 0])?;
        g.made.push(crate::kernel::adopt(slice[0])?);
        Ok(())
    }),
    ("mapping", |g, n| call(number::map, &[raw(&g.process), raw(&g.memory), FROM + n * 4096, 0, 1, 1]).map(drop)),
    ("page table", |g, n| call(number::map, &[raw(&g.process), raw(&g.memory), FROM + (n << 30), 0, 1, 1]).map(drop)),
    ("handle of another", |g, _| {
        call(number::dup, &[raw(&g.memory), Rights::all().bits().into(), raw(&g.process), 0]).map(drop)
    }),
];

/// Where in the process.
const FROM: u64 = 0x40_0000_0000;

impl Ground {
    fn create(&mut self, kind: Kind, [x, y, z]: [u64; 3]) -> Result<(), Error> {
        self.made.push(create(raw(&self.pool), kind, x, y, z)?);
        Ok(())
    }
}

/// Each of them until the pool is empty, over and over; tables; nested pools.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    for (name, make) in POOLS {
        let mut cases: Vec<(u64, Result<(), String>)> = (0..many(ROUNDS)).map(|n| (n, Ok(()))).collect();
        // What the handles to them take stays with this process's table, and so do pages of its heap.
        exhaust(*make)?;
        let before = snapshot()?;
        cases.iter_mut().for_each(|(_, case)| *case = round(*make));
        checks.all(format!("{name}: until the pool is empty, and again"), cases);
        checks.equal(format!("{name}: everything came back"), snapshot()?, before);
    }
    table(checks)?;
    nested(checks)?;
    greedy(checks)
}

fn round(make: Make) -> Result<(), String> {
    match exhaust(make) {
        Ok((Error::PoolEmpty | Error::TableFull, made)) if made > 0 => Ok(()),
        Ok((error, made)) => Err(format!("{error} after {made}")),
        Err(error) => Err(format!("{error}")),
    }
}

/// Makes something in a pool of its own until that is refused, then destroys the pool: the refusal, and how many.
fn exhaust(make: Make) -> Result<(Error, u64), Error> {
    let pool = create(POOL, Kind::Pool, PAGES, 1, 0)?;
    let process = create(raw(&pool), Kind::Process, 0, 0, 0)?;
    let memory = create(raw(&pool), Kind::Memory, 1, 0, 0)?;
    let mut ground = Ground { pool, process, memory, made: Vec::new() };
    let refused = (0..MOST).find_map(|n| make(&mut ground, n).err().map(|error| (error, n)));
    call(number::destroy, &[raw(&ground.pool)])?;
    Ok(refused.unwrap_or((Error::BadArgument, MOST)))
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
