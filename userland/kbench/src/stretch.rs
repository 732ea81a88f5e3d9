//! The longest stretches with interrupts off: loads that give the kernel much to do at once, then what a kernel that was built
//! to measure says of each kind of entry (`scripts/bench interrupts`).

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::{CALLS, number};
use libsys::abi::info::{self, Kind, stretch};
use libsys::abi::{Rights, user};
use libsys::raw::Registers;
use libsys::thread::{self, JoinHandle, Options};
use libsys::{Error, OwnedHandle, Pool, eprintln, time, wait_bits};

use crate::kernel::{POOL, PROCESS, message, raw, short};
use crate::tell;

/// Where pages are mapped here: between mappings and heap.
const PLACE: u64 = 0x1800_0000_0000;
/// Where they are mapped elsewhere.
const THERE: u64 = 0x1_0000_0000;
/// 64 MiB.
const LARGE: u64 = 16_384;
/// Bytes that a lowest page table spans.
const SPAN: u64 = 2 << 20;
/// Threads that wait at once.
const WAITERS: u64 = 3_000;
/// Bytes of their stacks.
const STACK: usize = 4096;

type Load = fn() -> Result<(), Error>;

/// The loads, by name.
const LOADS: &[(&str, Load)] = &[
    ("teardown of a pool of 64 MiB, mapped", large),
    ("teardown of many small mappings", small),
    ("teardown of many objects", objects),
    ("teardown of a large table of handles", handles),
    ("teardown of pools in pools", nested),
    ("mapping, protecting, unmapping 32 MiB", ranges),
    ("a page table of pages mapped one by one", singly),
    ("one page mapped many times, evicted", evicted),
    ("a Grant with much below it, revoked", revoked),
    ("callers in a queue, ended and revoked", callers),
    ("callers taken, and answered the last one first", taken),
    ("many deadlines at once", deadlines),
    ("the longest log records", log),
];

/// Runs them and tells what was found.
pub fn measure() -> Result<(), Error> {
    let mut before = stretches()?;
    for (name, load) in LOADS {
        load().inspect_err(|error| eprintln!("kbench: {name}: {error}"))?;
        let now = stretches()?;
        for (kind, (was, is)) in before.iter().zip(&now).enumerate() {
            if is > was && *is > 4000 {
                eprintln!("kbench: after \"{name}\": {is} in {}", title(kind));
            }
        }
        before = now;
    }
    for (kind, ns) in stretches()?.into_iter().enumerate().filter(|(_, ns)| *ns != 0) {
        tell(&format!("off-{}", title(kind)), ns);
    }
    Ok(())
}

fn title(kind: usize) -> &'static str {
    match kind {
        stretch::INTERRUPT => "interrupt",
        stretch::TIMER => "timer",
        stretch::KICK => "other-core",
        stretch::FAULT => "fault",
        _ => CALLS.get(kind).map_or("other", |call| call.name),
    }
}

/// The longest stretch of each kind, in ns: instructions.
fn stretches() -> Result<Vec<u64>, Error> {
    let mut all = Vec::with_capacity(stretch::KINDS);
    for from in (0..stretch::KINDS).step_by(8) {
        let (number, a0) = (number::info.into(), user::LOG.raw().into());
        let mut registers = Registers { number, a0, a1: info::STRETCHES, ..Registers::default() };
        registers.words[0] = from as u64;
        message(&mut registers)?;
        all.extend(registers.words);
    }
    Ok(all)
}

fn make(pool: u64, kind: Kind, x: u64, y: u64) -> Result<OwnedHandle, Error> {
    let handle = short(number::create, [pool, kind as u64, x, y, 0, 0])?;
    libsys::abi::Handle::from_raw(handle as u32).map(OwnedHandle::adopt).ok_or(Error::BadHandle)
}

fn derive(pool: u64, handle: u64, rights: Rights) -> Result<(OwnedHandle, OwnedHandle), Error> {
    let mut registers = Registers { number: number::derive.into(), a0: pool, a1: handle, ..Registers::default() };
    registers.words[0] = rights.bits().into();
    message(&mut registers)?;
    let adopt = |raw: u64| libsys::abi::Handle::from_raw(raw as u32).map(OwnedHandle::adopt).ok_or(Error::BadHandle);
    Ok((adopt(registers.a0)?, adopt(registers.a1)?))
}

/// Pages that a call freezes at most.
const FREEZE: u64 = 256;
/// Pages that a call maps or protects at most.
const AT_ONCE: u64 = 128;

fn map(process: u64, memory: &OwnedHandle, at: u64, pages: u64, access: u64) -> Result<(), Error> {
    for from in (0..pages).step_by(AT_ONCE as usize) {
        let some = AT_ONCE.min(pages - from);
        short(number::map, [process, raw(memory), at + from * 4096, from, some, access])?;
    }
    Ok(())
}

fn destroy(pool: &OwnedHandle) -> Result<(), Error> {
    short(number::destroy, [raw(pool), 0, 0, 0, 0, 0])?;
    Ok(())
}

/// Makes things until there is no room, at most so many: how many.
fn until_full(most: u64, mut one: impl FnMut(u64) -> Result<(), Error>) -> Result<u64, Error> {
    for n in 0..most {
        match one(n) {
            Ok(()) => {}
            Err(Error::PoolEmpty | Error::TableFull | Error::NoMemory) => return Ok(n),
            Err(error) => return Err(error),
        }
    }
    Ok(most)
}

fn large() -> Result<(), Error> {
    let pool = make(POOL, Kind::Pool, LARGE + 256, 1)?;
    let process = make(raw(&pool), Kind::Process, 0, 0)?;
    let memory = make(raw(&pool), Kind::Memory, LARGE - 64, 0)?;
    map(raw(&process), &memory, THERE, LARGE - 64, 3)?;
    let mut threads = Vec::new();
    until_full(64, |n| {
        let at = PLACE + n * 8192;
        let thread = short(number::create, [raw(&pool), Kind::Thread as u64, raw(&process), 1, at, 0])?;
        threads.push(thread);
        Ok(())
    })?;
    destroy(&pool)
}

fn small() -> Result<(), Error> {
    let pool = make(POOL, Kind::Pool, LARGE, 1)?;
    let process = make(raw(&pool), Kind::Process, 0, 0)?;
    // Each in a table of its own.
    until_full(4_000, |n| {
        let memory = make(raw(&pool), Kind::Memory, 1, 0)?;
        map(raw(&process), &memory, THERE + n * SPAN, 1, 3)
    })?;
    destroy(&pool)
}

fn objects() -> Result<(), Error> {
    for kind in [Kind::Notification, Kind::Channel, Kind::Process, Kind::Memory] {
        let pool = make(POOL, Kind::Pool, 2048, 1)?;
        let mut all = Vec::new();
        until_full(6_000, |_| {
            all.push(make(raw(&pool), kind, 1, 0)?);
            Ok(())
        })?;
        destroy(&pool)?;
    }
    Ok(())
}

fn handles() -> Result<(), Error> {
    let pool = make(POOL, Kind::Pool, 2048, 1)?;
    let process = make(raw(&pool), Kind::Process, 0, 0)?;
    let channel = make(raw(&pool), Kind::Channel, 0, 0)?;
    let (client, _grant) = derive(raw(&pool), raw(&channel), Rights::all())?;
    until_full(40_000, |_| {
        short(number::dup, [raw(&client), Rights::all().bits().into(), raw(&process), 0, 0, 0])?;
        Ok(())
    })?;
    // The process goes by its last handle, the rest by the pool.
    drop(process);
    destroy(&pool)
}

fn nested() -> Result<(), Error> {
    let pool = make(POOL, Kind::Pool, 2048, 1)?;
    let mut all = Vec::new();
    until_full(400, |_| {
        let outer = make(raw(&pool), Kind::Pool, 4, 1)?;
        all.push(make(raw(&outer), Kind::Pool, 2, 1)?);
        all.push(outer);
        Ok(())
    })?;
    destroy(&pool)
}

fn ranges() -> Result<(), Error> {
    let pages = LARGE / 2;
    let memory = make(POOL, Kind::Memory, pages, 0)?;
    let protect = |access: u64| {
        (0..pages).step_by(AT_ONCE as usize).try_for_each(|from| {
            short(number::protect, [PROCESS, PLACE + from * 4096, AT_ONCE, access, 0, 0]).map(drop)
        })
    };
    map(PROCESS, &memory, PLACE, pages, 3)?;
    protect(1)?;
    protect(3)?;
    short(number::evict, [raw(&memory), 0, pages, 1, 0, 0])?;
    short(number::evict, [raw(&memory), 0, pages, 1, 0, 0])?;
    short(number::unmap, [PROCESS, PLACE, pages, 0, 0, 0])?;
    // Where nothing is.
    short(number::unmap, [PROCESS, PLACE, 1 << 15, 0, 0, 0])?;
    map(PROCESS, &memory, PLACE, pages, 1)?;
    for from in (0..pages).step_by(FREEZE as usize) {
        short(number::freeze, [raw(&memory), from, FREEZE, 0, 0, 0])?;
    }
    short(number::info, [raw(&memory), info::MEMORY, 0, 0, 0, 0])?;
    short(number::evict, [raw(&memory), 0, pages, 0, 0, 0])?;
    drop(memory);
    Ok(())
}

/// Each page of a table has a mapping of its own, made in either order; they are taken away in all ways there are.
fn singly() -> Result<(), Error> {
    let pages = SPAN / 4096;
    let up: Vec<u64> = (0..pages).collect();
    let down: Vec<u64> = up.iter().rev().copied().collect();
    for order in [up, down] {
        let pool = make(POOL, Kind::Pool, 2048, 1)?;
        let process = make(raw(&pool), Kind::Process, 0, 0)?;
        let memory = make(raw(&pool), Kind::Memory, pages, 0)?;
        let one = |page| short(number::map, [raw(&process), raw(&memory), THERE + page * 4096, page, 1, 3]);
        let all = || order.iter().try_for_each(|page| one(*page).map(drop));
        all()?;
        for from in (0..pages).step_by(AT_ONCE as usize) {
            short(number::protect, [raw(&process), THERE + from * 4096, AT_ONCE, 1, 0, 0])?;
        }
        short(number::unmap, [raw(&process), THERE, pages, 0, 0, 0])?;
        all()?;
        short(number::evict, [raw(&memory), 0, pages, 1, 0, 0])?;
        short(number::evict, [raw(&memory), 0, pages, 0, 0, 0])?;
        // Two at once, so that the table has records with holes; then pages far from them.
        short(number::map, [raw(&process), raw(&memory), THERE, 0, 2, 3])?;
        short(number::unmap, [raw(&process), THERE, 1, 0, 0, 0])?;
        (2..pages - AT_ONCE).try_for_each(|page| one(page).map(drop))?;
        let at = THERE + (pages - AT_ONCE) * 4096;
        short(number::map, [raw(&process), raw(&memory), at, pages - AT_ONCE, AT_ONCE, 3])?;
        (0..AT_ONCE)
            .try_for_each(|page| short(number::unmap, [raw(&process), at + page * 4096, 1, 0, 0, 0]).map(drop))?;
        destroy(&pool)?;
    }
    Ok(())
}

fn evicted() -> Result<(), Error> {
    let memory = make(POOL, Kind::Memory, 2, 0)?;
    let pool = make(POOL, Kind::Pool, 4096, 1)?;
    let process = make(raw(&pool), Kind::Process, 0, 0)?;
    until_full(3_000, |n| map(raw(&process), &memory, THERE + n * 16384, 2, 3))?;
    for keep in [1, 1, 0] {
        short(number::evict, [raw(&memory), 0, 2, keep, 0, 0])?;
    }
    until_full(3_000, |n| map(raw(&process), &memory, THERE + n * 16384, 2, 1))?;
    destroy(&pool)
}

fn revoked() -> Result<(), Error> {
    for undo in [number::revoke, number::close] {
        let pool = make(POOL, Kind::Pool, 4096, 1)?;
        let process = make(raw(&pool), Kind::Process, 0, 0)?;
        let memory = make(POOL, Kind::Memory, 1, 0)?;
        let (lent, grant) = derive(POOL, raw(&memory), Rights::all())?;
        let mut all = Vec::new();
        until_full(1_000, |n| {
            let (below, cell) = derive(raw(&pool), raw(&lent), Rights::all())?;
            map(raw(&process), &below, THERE + n * 8192, 1, 1)?;
            all.push((below, cell));
            Ok(())
        })?;
        until_full(1_000, |n| map(raw(&process), &lent, PLACE + n * 8192, 1, 1))?;
        match undo {
            number::revoke => {
                short(number::revoke, [raw(&grant), 0, 0, 0, 0, 0])?;
            }
            _ => drop((lent, grant)),
        }
        drop(all);
        destroy(&pool)?;
    }
    Ok(())
}

/// Threads that do something once each, and say when they begin.
fn many(body: impl Fn(u64) + Send + Sync + 'static, ceiling: u8) -> Result<Vec<JoinHandle>, Error> {
    let (pool, body) = (Pool::own()?, Arc::new(body));
    let begun = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    for n in 0..WAITERS {
        let (body, begun) = (body.clone(), begun.clone());
        // From the least urgent on, so that each has all others before or behind it.
        let options = Options { stack: 4 * STACK, ..Options::new(1 + (n % u64::from(ceiling)) as u8) };
        threads.push(thread::spawn(&pool, options, move || {
            begun.fetch_add(1, Ordering::Release);
            body(n);
        })?);
    }
    while begun.load(Ordering::Acquire) < WAITERS {
        wait_bits(0, time::now_ns() + time::MILLISECOND);
    }
    wait_bits(0, time::now_ns() + 5 * time::MILLISECOND);
    Ok(threads)
}

fn finish(threads: Vec<JoinHandle>) {
    for thread in threads {
        let mut thread = Some(thread);
        while let Some(running) = thread.take() {
            thread = running.join().err();
            if thread.is_some() {
                wait_bits(0, time::now_ns() + time::MILLISECOND);
            }
        }
    }
}

/// A thread's call of a word.
fn call(channel: &OwnedHandle) -> impl Fn(u64) + Send + Sync + use<> {
    let channel = raw(channel);
    move |_| {
        let mut registers = Registers { number: number::call.into(), a0: channel, a1: 8, ..Registers::default() };
        let _ = message(&mut registers);
    }
}

fn callers() -> Result<(), Error> {
    for undo in [number::revoke, number::close] {
        let channel = make(POOL, Kind::Channel, 0, 0)?;
        let (client, grant) = derive(POOL, raw(&channel), Rights::CALL)?;
        let threads = many(call(&client), 30)?;
        match undo {
            number::revoke => {
                short(number::revoke, [raw(&grant), 0, 0, 0, 0, 0])?;
            }
            _ => drop(channel),
        }
        finish(threads);
        drop((client, grant));
    }
    Ok(())
}

fn taken() -> Result<(), Error> {
    let channel = make(POOL, Kind::Channel, 0, 0)?;
    let threads = many(call(&channel), 30)?;
    let mut tokens = Vec::new();
    for _ in &threads {
        let number = number::recv.into();
        let mut registers = Registers { number, a0: raw(&channel), deadline: u64::MAX, ..Registers::default() };
        message(&mut registers)?;
        tokens.push(registers.a0);
    }
    for token in tokens.into_iter().rev() {
        short(number::reply, [token, 8, 0, 0, 0, 0])?;
    }
    finish(threads);
    Ok(())
}

fn deadlines() -> Result<(), Error> {
    // Far enough that they lie in a slot of a higher level together, until then.
    let until = (time::now_ns() + 2 * time::SECOND) & !((1 << 28) - 1);
    let threads = many(
        move |_| {
            let number = number::recv.into();
            let _ = message(&mut Registers { number, deadline: until, ..Registers::default() });
        },
        30,
    )?;
    wait_bits(0, until + 10 * time::MILLISECOND);
    finish(threads);
    Ok(())
}

fn log() -> Result<(), Error> {
    for _ in 0..20 {
        libsys::log!(Notice, "{:0>230}", 1);
    }
    Ok(())
}
