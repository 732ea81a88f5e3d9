//! VMTEST: clones. A clone finds what it is to do in a [`Task`], where its parent left it, and tells by its return code.

use core::sync::atomic::{AtomicU32, Ordering};

use alloc::vec::Vec;

use libsys::abi::{Handle, calls::number};
use libsys::protocol::process::Action;
use libsys::{
    Access, Error, Mapping, Memory, OwnedHandle, Pool, Rights, Status, clones, env, random, system, system_figures,
    time, wait_bits,
};

use crate::checks::Checks;
use crate::child;
use crate::kernel::{PROCESS, call};
use crate::paged::{GOOD, PAGE, fresh, view_of_nothing};

/// Pages of the large clone's memory, if there are so many: 32 MiB.
const LARGE: usize = 8192;
/// Pages of a clone's pool.
const POOL: u32 = 400;
/// Pages of the large clone that each side writes: more than an extent may have at hand.
const WRITTEN: usize = 160;
/// Pages that a process loses, for a time, to pagers that are killed: what was left of the last extent of each.
const LOST: u32 = crate::paged::KILLS * 16;
/// Pages of a worker's clone but for those, and of a worker, which pays for it, with them; on a small machine it has to do
/// without.
const CLONE_PAGES: u32 = 100;
/// See [`CLONE_PAGES`].
pub const WORK_PAGES: u32 = 256 + LOST + LOST;
/// Words of a page.
const WORDS: usize = PAGE / 8;

/// What a clone is to do.
struct Task {
    words: Vec<u64>,
    /// What the first word of page n is less n.
    base: u64,
    /// How many pages its parent writes; it writes as many, from the middle of those on.
    written: usize,
    /// A handle of its parent's.
    handle: Handle,
}

/// A number for each page.
fn words(pages: usize, base: u64) -> Result<Vec<u64>, Error> {
    let mut words = Vec::new();
    words.try_reserve_exact(pages * WORDS).map_err(|_| Error::NoMemory)?;
    words.resize(pages * WORDS, 0);
    number(&mut words, base);
    Ok(words)
}

fn number(words: &mut [u64], base: u64) {
    words.iter_mut().step_by(WORDS).zip(base..).for_each(|(word, n)| *word = n);
}

fn numbered(words: &[u64], base: u64) -> bool {
    words.iter().step_by(WORDS).zip(base..).all(|(word, n)| *word == n)
}

/// All that a clone is given to look at.
fn task(argument: u64) -> &'static mut Task {
    // SAFETY: `argument` is the address of a task that the parent keeps until the clone is over; it lies in memory that the
    // clone has a copy of, and the clone's only thread calls this once.
    unsafe { &mut *(argument as *mut Task) }
}

/// The first pages of memory that are free on the whole machine.
fn free_frames() -> Result<u64, Error> {
    Ok(system_figures()?.free_pages)
}

pub fn sharing(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let info = pool.info()?;
    // Half of it where the pool is small: extents may have an eighth more than is used.
    let free = (info.pages - info.used) as usize;
    let pages = LARGE.min(free.saturating_sub(POOL as usize + 200) * 8 / 9);
    drop(fresh(1)?);
    let mut task = Task { words: words(pages, 1000)?, base: 1000, written: WRITTEN, handle: pool.handle() };
    let before = free_frames()?;
    let clone = clones::prepare(&pool, "clone", POOL, changes, &raw mut task as u64)?;
    let shared = before.saturating_sub(free_frames()?);
    checks.holds(alloc::format!("cloning {pages} pages takes {shared} frames"), shared < 80 + pages as u64 / 100);
    let at = (task.words.as_ptr() as u64 + WRITTEN as u64 * PAGE as u64) & !(PAGE as u64 - 1);
    let refused = call(number::protect, &[PROCESS, at, 1, 3]).map(drop);
    checks.refused("a parent can't make writable what its clone sees", refused, &[libsys::abi::Error::Denied]);
    // What the parent writes now, the clone must not see; what the clone writes, the parent.
    let before = free_frames()?;
    let write = |words: &mut [u64]| {
        for page in 0..WRITTEN {
            words[page * WORDS] = 5;
        }
    };
    write(&mut task.words);
    let copied = before.saturating_sub(free_frames()?);
    let some = WRITTEN as u64 - 128..WRITTEN as u64 + 128 + 8;
    checks.holds(alloc::format!("writing {WRITTEN} of them takes {copied}"), some.contains(&copied));
    let child = clone.start()?;
    let end = child.wait()?;
    checks.equal("the clone sees what was, and its own", (end.code, end.reason), (7, 0));
    let own = task.words.iter().step_by(WORDS).take(WRITTEN).all(|word| *word == 5);
    checks
        .holds("its parent sees its own alone", own && numbered(&task.words[WRITTEN * WORDS..], 1000 + WRITTEN as u64));
    let before = free_frames()?;
    number(&mut task.words, 7);
    checks.holds("which then copies nothing more", before.saturating_sub(free_frames()?) < 20);
    checks.holds("and has it all", numbered(&task.words, 7));
    Ok(())
}

/// A clone's: all is as its parent had it, then some of it is its own.
fn changes(argument: u64) -> Status {
    let task = task(argument);
    if !numbered(&task.words, task.base) {
        return Status::ERROR;
    }
    let own = task.written / 2..task.written * 3 / 2;
    for page in own.clone() {
        task.words[page * WORDS] = 9;
    }
    let changed = |(n, word): (usize, &u64)| match n {
        n if own.contains(&n) => *word == 9,
        n => *word == task.base + n as u64,
    };
    if task.words.iter().step_by(WORDS).enumerate().all(changed) { GOOD } else { Status::FAIL }
}

pub fn life(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 1)?;
    let handle = memory.into_inner();
    let mut task = Task { words: Vec::new(), base: 0, written: 0, handle: handle.handle() };
    let at = &raw mut task as u64;
    random::next_u64()?;
    let mut ends = Vec::new();
    for _ in 0..2 {
        ends.push(clones::prepare(&pool, "random", POOL, draws, at)?.start()?.wait()?.code);
    }
    let good = ends.iter().all(|code| code & 1 << 16 != 0);
    checks.holds("two clones draw different numbers", good && ends[0] != ends[1]);
    let end = clones::prepare(&pool, "handles", POOL, looks, at)?.start()?.wait()?;
    checks.equal("a clone has none of its parent's handles", (end.code, end.reason), (7, 0));
    let mut clone = clones::prepare(&pool, "given", POOL, finds, at)?;
    clone.give_named("memory", OwnedHandle::dup(&handle, libsys::Rights::all())?)?;
    let end = clone.start()?.wait()?;
    checks.equal("but those that it is given", (end.code, end.reason), (7, 0));
    let end = clones::prepare(&pool, "again", POOL, again, at)?.start()?.wait()?;
    checks.equal("a clone can be cloned", (end.code, end.reason), (7, 0));
    let mut kept = Task { words: words(4, 1)?, base: 0, written: 0, handle: handle.handle() };
    let end = clones::prepare(&pool, "bad", POOL, forces, &raw mut kept as u64)?.start()?.wait()?;
    checks.equal("a clone can't make its parent's pages writable", (end.code, end.reason), (7, 0));
    checks.holds("and has not", numbered(&kept.words, 1));
    let gone = view_of_nothing()?;
    let end = clones::prepare(&pool, "view", POOL, looks, at)?.start()?.wait()?;
    checks.equal("a clone of who has a view of what is gone", (end.code, end.reason), (7, 0));
    drop(gone);
    let small = clones::prepare(&pool, "small", 4, looks, at);
    checks.refused("a clone whose pool is too small", small.map(drop), &[Error::PoolEmpty]);
    drop(clones::prepare(&pool, "dropped", POOL, looks, at)?);
    let rounds: Result<(), Error> =
        (0..20).try_for_each(|_| clones::prepare(&pool, "round", POOL, looks, at)?.start()?.wait().map(drop));
    checks.equal("clones come and go", rounds, Ok(()));
    Ok(())
}

/// A clone's: a random number, as its code.
fn draws(_argument: u64) -> Status {
    match random::next_u64() {
        Ok(number) => Status { code: number as u32 & 0xffff | 1 << 16, reason: 0 },
        Err(error) => error.into(),
    }
}

/// A clone's: its parent's handle names nothing.
fn looks(argument: u64) -> Status {
    match libsys::about(task(argument).handle) {
        Err(Error::BadHandle) => GOOD,
        _ => Status::ERROR,
    }
}

/// A clone's: what it was given, it finds by name, and maps.
fn finds(_argument: u64) -> Status {
    let given = libsys::env::take_handle("memory").map(Memory::from);
    match given.and_then(|memory| memory.map(libsys::Access::READ)) {
        Ok(_) => GOOD,
        Err(error) => error.into(),
    }
}

/// A clone's: makes pages that it shares writable, which is refused.
fn forces(argument: u64) -> Status {
    let task = task(argument);
    // One that has nothing but words of this list: nobody else has written there.
    let page = (task.words.as_ptr() as u64 + 2 * PAGE as u64) & !(PAGE as u64 - 1);
    match call(number::protect, &[PROCESS, page, 1, 3]) {
        Err(libsys::abi::Error::Denied) => GOOD,
        _ => Status::ERROR,
    }
}

/// A clone's: a clone of its own.
fn again(argument: u64) -> Status {
    let run = || clones::prepare(&Pool::own()?, "second", POOL / 2, looks, argument)?.start()?.wait();
    match run() {
        Ok(end) => Status { code: end.code, reason: end.reason },
        Err(error) => error.into(),
    }
}

/// A clone in a pool of its own outlives its parent, and the pager.
pub fn alone(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 1)?;
    let shown = memory.map(Access::READ | Access::WRITE)?;
    let parent = child::command("leave-clone", child::PAGES);
    let word = memory.dup(Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
    let end = parent.handle("pool", pool.lend()?).handle("word", word).spawn(&pool)?.wait()?;
    checks.equal("a parent leaves a clone", (end.code, end.reason), (7, 0));
    let word = shown.word(0)?;
    checks.holds("it goes on, and writes all of some memory", comes_to(word, WRITTEN_ONCE));
    match system::service("pager", Action::Restart) {
        // Only `vmtest` has the right; as a part of `selftest` it looks on.
        Ok(()) | Err(Error::Denied) => {}
        Err(error) => return Err(error),
    }
    word.store(GO_ON, Ordering::Release);
    checks.holds("and the rest, by a pager that never knew its parent", comes_to(word, WRITTEN_ALL));
    Ok(())
}

/// What a clone that is alone and the suite tell each other.
const WRITTEN_ONCE: u32 = 1;
const GO_ON: u32 = 2;
const WRITTEN_ALL: u32 = 3;

/// Waits until a word is at a value: half a minute, for a clone that will never write it.
fn comes_to(word: &AtomicU32, value: u32) -> bool {
    let end = time::after(30 * time::SECOND);
    while word.load(Ordering::Acquire) != value && time::now_ns() < end {
        wait_bits(0, time::after(time::MILLISECOND));
    }
    word.load(Ordering::Acquire) == value
}

/// Leaves a clone in the pool that it was given.
pub fn leave() -> Result<(), Error> {
    const PAGES: usize = 32;
    let (pool, word) = (Pool::adopt(env::take_handle("pool")?), env::take_handle("word")?);
    let mut task = Task { words: words(2 * PAGES, 1)?, base: 1, written: PAGES, handle: pool.handle() };
    let mut clone = clones::prepare(&pool, "alone", POOL / 2, stays, &raw mut task as u64)?;
    clone.give_named("word", word)?;
    clone.start().map(drop)
}

/// A clone's: writes the first half of what it has, so that nobody has a page of what its parent's lay in; when told, the rest.
fn stays(argument: u64) -> Status {
    let task = task(argument);
    let mut run = || {
        let shown: Mapping = Memory::from(env::take_handle("word")?).map(Access::READ | Access::WRITE)?;
        let word = shown.word(0)?;
        let (first, second) = task.words.split_at_mut(task.written * WORDS);
        number(first, 50);
        word.store(WRITTEN_ONCE, Ordering::Release);
        let right = comes_to(word, GO_ON) && numbered(second, task.base + task.written as u64);
        number(second, 70);
        if right && numbered(first, 50) && numbered(second, 70) {
            word.store(WRITTEN_ALL, Ordering::Release);
        }
        Ok(GOOD)
    };
    run().unwrap_or_else(|error: Error| error.into())
}

/// Clones itself and writes, again and again, until it is told that it is enough; each sees its own bytes.
pub fn work() -> Result<(), Error> {
    const PAGES: usize = 24;
    let pool = Pool::own()?;
    let mut task = Task { words: words(PAGES, 0)?, base: 0, written: 8, handle: pool.handle() };
    let pages = if pool.info()?.pages < u64::from(WORK_PAGES) { CLONE_PAGES } else { CLONE_PAGES + LOST };
    let shown = Memory::from(env::take_handle("word")?).map(Access::READ)?;
    let enough = shown.word(0)?;
    for round in (0..).take_while(|round| *round < 20 || enough.load(Ordering::Acquire) == 0) {
        task.base = round * 100;
        number(&mut task.words, task.base);
        let clone = clones::prepare(&pool, "worker", pages, changes, &raw mut task as u64)?;
        number(&mut task.words, task.base + 100);
        let end = clone.start()?.wait()?;
        if (end.code, end.reason) != (7, 0) || !numbered(&task.words, task.base + 100) {
            libsys::log!(Error, "round {round}: clone ended with {} ({:?})", end.code, end.error());
            return Err(Error::Corrupt);
        }
    }
    Ok(())
}
