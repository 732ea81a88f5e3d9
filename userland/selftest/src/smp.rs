//! SMPTEST: threads on several cores. What needs more cores than run is left out with a word.

mod memory;
mod moving;
mod running;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::thread::{self, JoinHandle, Options};
use libsys::{Error, Pool, println, system, time, wait_bits};

use crate::checks::{Checks, Group};
use crate::threads::{finish, options};

/// The groups.
pub const GROUPS: &[Group] = &[
    Group { name: "counting together", run: running::counting },
    Group { name: "callers of one server", run: running::callers },
    Group { name: "N threads do the work of N cores", run: running::load },
    Group { name: "calls, bits and deadlines across cores", run: running::across },
    Group { name: "going from core to core", run: moving::pinned },
    Group { name: "stopping and destroying who runs elsewhere", run: moving::stopping },
    Group { name: "pools destroyed while their threads run", run: moving::pools },
    Group { name: "unmapped, protected, revoked: seen at once", run: memory::changes },
];

/// How long anything here may take that happens at once, but for a host that is busy with something else.
const PATIENCE: u64 = 20_000 * time::MILLISECOND;

/// How far the least urgent counts on a core where nobody else does.
const WITNESSED: u64 = 10_000;

/// The cores that run; of those beyond `least` nothing can be said where there are fewer.
pub fn cores(least: u32) -> Result<Option<u32>, Error> {
    let running = system::info()?.running;
    if running < least {
        println!("     left out: it needs {least} cores, and {running} run");
        return Ok(None);
    }
    Ok(Some(running))
}

/// A thread that counts as fast as it can, on one core or any.
struct Spinner {
    count: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: JoinHandle,
}

impl Spinner {
    fn start(pool: &Pool, core: Option<u32>) -> Result<Spinner, Error> {
        Spinner::start_with(pool, core, options()?)
    }

    fn start_with(pool: &Pool, core: Option<u32>, options: Options) -> Result<Spinner, Error> {
        let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, ends) = (count.clone(), over.clone());
        let thread = thread::spawn(pool, options, move || {
            while !ends.load(Ordering::Relaxed) {
                counts.fetch_add(1, Ordering::Relaxed);
                libsys::relax();
            }
        })?;
        thread.thread().set_core(core)?;
        Ok(Spinner { count, over, thread })
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until it goes on counting.
    fn counts(&self) -> bool {
        let before = self.count();
        becomes(|| self.count() != before)
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        finish(self.thread);
    }
}

/// Whether none of these counts any more, while each core finds the time for what is less urgent than they.
fn stand(spinners: &[Spinner], cores: u32) -> Result<bool, Error> {
    let counts = || spinners.iter().map(Spinner::count).collect::<Vec<u64>>();
    let before = counts();
    for core in 0..cores {
        let witness = Spinner::start_with(&Pool::own()?, Some(core), Options::new(1))?;
        let idle = becomes(|| witness.count() > WITNESSED);
        witness.end();
        if !idle {
            return Ok(false);
        }
    }
    Ok(counts() == before)
}

/// Waits for something that another thread does; false if it never does.
fn becomes(mut done: impl FnMut() -> bool) -> bool {
    let end = time::now_ns() + PATIENCE;
    while !done() {
        if time::now_ns() > end {
            return false;
        }
        wait_bits(0, time::now_ns() + time::MILLISECOND / 10);
    }
    true
}

/// Long enough for another core to do something that it should not.
fn pause() {
    wait_bits(0, time::now_ns() + 3 * time::MILLISECOND);
}

fn group_needs(checks: &mut Checks, least: u32) -> Result<Option<u32>, Error> {
    let found = cores(least)?;
    if found.is_none() {
        checks.holds("with one core there is nothing to see", true);
    }
    Ok(found)
}
