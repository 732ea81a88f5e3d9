//! VMTEST: memory that a pager brings. What may end a process is done by a child.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use libsys::entry::exit_now;
use libsys::protocol::process::Action;
use libsys::thread::{self, Options};
use libsys::{Access, Error, Mapping, Memory, Pool, Rights, Status, fs, system, time, wait_bits};

use crate::checks::Checks;
use crate::{child, clones};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// How a child ends that found all as it should be.
pub const GOOD: Status = Status { code: 7, reason: 0 };
/// A file of the boot archive that is larger than what a pager brings at once.
const FILE: &str = "SYS:C/vmtest";
/// How often the pager is killed, and on a small machine, whose workers' pools have room for what so many lose.
pub const KILLS: u32 = 12;
const FEW_KILLS: u32 = 2;
/// Processes that work meanwhile.
const WORKERS: usize = 3;

/// What a check's child does.
pub fn perform(deed: &str) -> ! {
    let good = match deed {
        "deep-stack" => deep(64 << 10) == 0,
        "heap-to-limit" => heap_to_limit(),
        "over-commit" => over_commit().is_ok(),
        "fault-together" => fault_together().unwrap_or(false),
        "write-file" => write_file().is_ok(),
        "gone-view" => gone_view().is_ok(),
        "work" => clones::work().is_ok(),
        "leave-clone" => clones::leave().is_ok(),
        _ => false,
    };
    exit_now(if good { GOOD } else { Error::Internal.into() })
}

/// Pages of the own pool that are used.
pub fn used() -> Result<u64, Error> {
    Ok(Pool::own()?.info()?.used)
}

/// Bytes that the heap has not had before, and that nobody touched.
pub fn fresh(bytes: usize) -> Result<Vec<u8>, Error> {
    let mut fresh = Vec::new();
    fresh.try_reserve_exact(bytes).map_err(|_| Error::NoMemory)?;
    Ok(fresh)
}

pub fn first_use(checks: &mut Checks) -> Result<(), Error> {
    let before = used()?;
    let mut bytes = fresh(1 << 20)?;
    checks.holds("reserving a MiB of heap takes no memory", used()? < before + 40);
    bytes.resize(64 << 10, 1);
    let some = used()?;
    checks.holds("touching 64 KiB of it takes about so much", (before + 16..before + 80).contains(&some));
    bytes.resize(1 << 20, 2);
    checks.holds("touching all takes it", used()? >= before + 256);
    let right = bytes.iter().take(64 << 10).all(|b| *b == 1) && bytes.iter().skip(64 << 10).all(|b| *b == 2);
    checks.holds("and every byte is right", right);
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 64)?;
    let (before, view) = (used()?, memory.view_part(0, 64, true)?);
    let there = memory.map_part(0, 64, Access::READ | Access::WRITE)?;
    checks.equal("a view maps nothing before its first use", memory.info()?.mappings, 1);
    (0..64).try_for_each(|page| there.write(page * PAGE, &[page as u8; 8]))?;
    let seen = (0..64).rev().all(|page| {
        let mut back = [0; 8];
        view.read(page * PAGE, &mut back).is_ok() && back == [page as u8; 8]
    });
    checks.holds("and shows every page of its Memory", seen);
    checks.holds("for the price of records and tables", used()? < before + 16);
    let end = child::doing("deep-stack")?;
    checks.equal("a stack grows far beyond its start", (end.code, end.reason), (7, 0));
    Ok(())
}

pub fn limits(checks: &mut Checks) -> Result<(), Error> {
    let end = child::doing("heap-to-limit")?;
    checks.equal("a heap grows until it is refused, and the process goes on", (end.code, end.reason), (7, 0));
    let end = child::doing("over-commit")?;
    let refused = (20, Error::NoMemory.code());
    checks.equal("what was promised and spent otherwise ends the process", (end.code, end.reason), refused);
    let end = child::doing("deep-stack")?;
    checks.equal("nobody else", (end.code, end.reason), (7, 0));
    Ok(())
}

pub fn threads(checks: &mut Checks) -> Result<(), Error> {
    let end = child::doing("fault-together")?;
    checks.equal("four threads on the same pages, each page comes once", (end.code, end.reason), (7, 0));
    Ok(())
}

pub fn views(checks: &mut Checks) -> Result<(), Error> {
    let mapped = fs::map(FILE)?;
    let before = used()?;
    checks.equal("a file's length", mapped.len() as u64, fs::stat(FILE)?.size);
    let mut file = fs::File::open(FILE)?;
    let (mut at, mut part, mut same) = (0, vec![0; 32 << 10], true);
    while at < mapped.len() {
        let length = libsys::io::Read::read(&mut file, &mut part)?;
        same &= length > 0 && mapped.get(at..at + length) == part.get(..length);
        at += length.max(1);
    }
    checks.holds("and its bytes, page by page", same);
    checks.holds("cost no memory", used()? < before + 24);
    drop(mapped);
    let end = child::doing("write-file")?;
    checks.equal("who writes to a file's pages ends", (end.code, end.reason), (20, Error::Fault.code()));
    let end = child::doing("gone-view")?;
    let ended = (20, Error::Fault.code());
    checks.equal("who looks where a Memory was that is gone ends, too", (end.code, end.reason), ended);
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 4)?;
    let (one, two) = (memory.view_part(1, 2, true)?, memory.view_part(0, 4, false)?);
    one.write(PAGE, b"shared")?;
    let mut back = [0; 6];
    two.read(2 * PAGE, &mut back)?;
    checks.equal("two views of a Memory show the same", &back, b"shared");
    checks.refused("a view beyond its end", memory.view_part(2, 3, true).map(drop), &[Error::BadArgument]);
    checks.refused("a view of nothing", memory.view_part(0, 0, true).map(drop), &[Error::BadArgument]);
    let weak = memory.dup(Rights::READ | Rights::TRANSFER)?;
    checks.refused("a view to write without the right", weak.view_part(0, 1, true).map(drop), &[Error::Denied]);
    let many: Result<Vec<_>, Error> = (0..80).map(|_| memory.view_part(0, 1, false)).collect();
    checks.refused("more views than a process may have", many.map(drop), &[Error::Limit]);
    drop((one, two));
    dropped_before(checks, &pool)?;
    let rounds: Result<(), String> = (0..200_u32).try_for_each(|n| {
        let view = memory.view_part(0, 4, true).map_err(|error| format!("{n}: {error}"))?;
        view.word(4 * (n as usize % 4096)).map_err(|error| format!("{n}: {error}"))?.store(n, Ordering::Relaxed);
        Ok(())
    });
    checks.check("views come and go, 200 times", rounds);
    Ok(())
}

/// Three views, of which the first is dropped once the pager knows them.
fn dropped_before(checks: &mut Checks, pool: &Pool) -> Result<(), Error> {
    let viewed = |byte: u8| {
        let memory = Memory::create(pool, 1)?;
        memory.map(Access::READ | Access::WRITE)?.write(0, &[byte])?;
        memory.view_part(0, 1, false)
    };
    let (first, second, third) = (viewed(1)?, viewed(2)?, viewed(3)?);
    let shown = |view: &Mapping| {
        let mut back = [0];
        view.read(0, &mut back).map(|()| back)
    };
    checks.equal("the first of three views", shown(&first)?, [1]);
    drop(first);
    checks.equal("the others still show their own", (shown(&second)?, shown(&third)?), ([2], [3]));
    Ok(())
}

/// Has the pager killed while processes clone themselves and write.
pub fn killed(checks: &mut Checks) -> Result<(), Error> {
    let most = clones::WORK_PAGES;
    let (pages, most_kills) = if child::room(most)? < most { (child::PAGES, FEW_KILLS) } else { (most, KILLS) };
    let memory = Memory::create(&Pool::own()?, 1)?;
    let shown = memory.map(Access::READ | Access::WRITE)?;
    let enough = shown.word(0)?;
    let mut workers: Vec<child::Endless> = Vec::new();
    for _ in 0..WORKERS {
        let word = memory.dup(Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
        let worker = child::command("work", pages).handle("word", word);
        match worker.spawn(&Pool::own()?) {
            Ok(worker) => workers.push(worker.into()),
            // A small machine has room for fewer.
            Err(Error::PoolEmpty) if !workers.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let (mut kills, mut may) = (0, true);
    let mut ends = Vec::new();
    while ends.len() < workers.len() {
        for worker in &mut workers {
            ends.extend(worker.try_wait()?);
        }
        let result = if may && kills < most_kills { system::service("pager", Action::Restart) } else { Ok(()) };
        match result {
            _ if !may || kills >= most_kills => {}
            // Only `vmtest` has the right; as a part of `selftest` it looks on.
            Err(Error::Denied) => may = false,
            result => kills += u32::from(result.is_ok()),
        }
        if kills > 1 || !may {
            // However fast they are, they have lived through two.
            enough.store(1, Ordering::Release);
        }
        wait_bits(0, time::now_ns() + 30 * time::MILLISECOND);
    }
    checks.holds(format!("the pager was killed ({kills} times) while they worked"), kills > 1 || !may);
    checks.all(
        "they all go on with the right bytes",
        ends.iter().map(|end| {
            let good = (end.code, end.reason) == (7, 0);
            (end.number, if good { Ok(()) } else { Err(format!("{} ({:?})", end.code, end.error())) })
        }),
    );
    Ok(())
}

/// Uses so much stack.
#[inline(never)]
fn deep(bytes: usize) -> usize {
    let here = black_box([bytes as u8; 512]);
    let below = bytes.saturating_sub(512);
    let wrong = if below == 0 { 0 } else { deep(below) };
    wrong + usize::from(black_box(here).iter().any(|byte| *byte != bytes as u8))
}

/// Takes heap and writes to all of it until there is no more.
fn heap_to_limit() -> bool {
    let mut all: Vec<Vec<u8>> = Vec::with_capacity(64);
    while let Ok(mut part) = fresh(32 << 10) {
        part.resize(32 << 10, all.len() as u8);
        if all.len() == all.capacity() {
            return false;
        }
        all.push(part);
    }
    let right = all.iter().enumerate().all(|(n, part)| part.iter().all(|byte| *byte == n as u8));
    // Two thirds of its pool at least.
    right && all.len() * 8 > 160
}

/// Reserves heap, spends the pool on something else, then writes.
fn over_commit() -> Result<(), Error> {
    let mut bytes = fresh(400 << 10)?;
    let pool = Pool::own()?;
    let mut spent = Vec::with_capacity(64);
    let mut size = 64;
    while size > 0 {
        match Memory::create(&pool, size) {
            Ok(memory) => spent.push(memory),
            Err(_) => size /= 2,
        }
    }
    bytes.resize(400 << 10, 1);
    Ok(())
}

/// Four threads go through the same fresh pages, and count themselves on each.
fn fault_together() -> Result<bool, Error> {
    const PAGES: usize = 100;
    let bytes = Arc::new(fresh(PAGES * PAGE)?);
    let start = bytes.as_ptr() as usize;
    let first = start.next_multiple_of(PAGE);
    let count = move |page: usize| -> &'static AtomicU64 {
        // SAFETY: not strictly sound, as the bytes were never initialised; they are fresh heap, which is zero, aligned and
        // in bounds (one page less is used), live until the process ends, and are only used as atomics here.
        unsafe { AtomicU64::from_ptr((first + page * PAGE) as *mut u64) }
    };
    let pool = Pool::own()?;
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(thread::spawn(&pool, Options { stack: 16 << 10, ..Options::new(20) }, move || {
            (0..PAGES - 1).for_each(|page| {
                count(page).fetch_add(1, Ordering::Relaxed);
            });
        })?);
    }
    while !running.iter().all(thread::JoinHandle::is_over) {
        wait_bits(0, time::now_ns() + time::MILLISECOND);
    }
    core::mem::forget(bytes);
    Ok((0..PAGES - 1).all(|page| count(page).load(Ordering::Relaxed) == 4))
}

/// Writes where a file is shown.
fn write_file() -> Result<(), Error> {
    let mapped = fs::map(FILE)?;
    black_box(mapped.first());
    // SAFETY: not sound, and meant so: it must fault, and ends the process.
    unsafe { (mapped.as_ptr() as *mut u8).write_volatile(1) };
    Ok(())
}

/// Looks at a view of a Memory that has gone meanwhile, with the pool that paid for it.
fn gone_view() -> Result<(), Error> {
    view_of_nothing()?.read(0, &mut [0])
}

/// A view whose Memory is gone.
pub fn view_of_nothing() -> Result<Mapping, Error> {
    let inner = Pool::own()?.create(8, 0)?;
    let view = Memory::create(&inner, 1)?.view_part(0, 1, false)?;
    inner.destroy()?;
    Ok(view)
}
