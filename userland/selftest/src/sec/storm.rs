//! System calls at random: each by the table, with arguments that are good, nearly good, or anything.
//!
//! They are made by several threads at once in a child, which has objects of every kind to make them with. What becomes of the
//! child is its own affair: it may end, fault, or hang until it is ended. Nobody else must notice, and everything it had must
//! come back. A seed says all that is random but the order of the threads.

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::calls::{CALLS, Kind as Argument};
use libsys::abi::info::Kind;
use libsys::abi::{Rights, user};
use libsys::entry::exit_now;
use libsys::names::NameSpace;
use libsys::protocol::process::Signal;
use libsys::raw::Registers;
use libsys::spawn::Command;
use libsys::{Error, Pool, Status, system_figures, thread, time, wait_bits};

use super::handles::Bench;
use crate::checks::{Checks, many};
use crate::child::{WORD, room};
use crate::kernel::{self, POOL, PROCESS, Random, create, derive, playground, raw};
use crate::threads::options;

/// The deed's first word.
pub const DEED: &str = "storm";
/// Children, and calls of each of their threads.
const CHILDREN: u64 = 6;
const CALLS_EACH: u64 = 6_000;
/// Threads of a child beside its first.
const THREADS: u64 = 3;
/// Pages of a child's pool.
const PAGES: u32 = 512;
/// How long a child may go on.
const PATIENCE_NS: u64 = 5 * time::SECOND;
/// How long the kernel may take until all that a child had is free.
const SETTLE_NS: u64 = 2 * time::SECOND;

/// Children one after the other.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    // What the first one makes init keep, it keeps.
    storm(0)?;
    let before = settled(0)?;
    let mut ends = Vec::new();
    for seed in 1..=many(CHILDREN) {
        let end = storm(seed)?;
        ends.push(end);
        let names = NameSpace::own().look("SYS").map(drop).map_err(|error| format!("seed {seed}: {error}"));
        if names.is_err() {
            checks.check("init answers", names);
        }
    }
    let calls = ends.len() as u64 * CALLS_EACH * THREADS;
    let forced = ends.iter().filter(|end| **end == End::Forced).count();
    checks.holds(format!("some {calls} random system calls; {forced} children had to be ended"), !ends.is_empty());
    checks.equal("every page of them came back", settled(before)?, before);
    Ok(())
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Itself,
    Forced,
}

fn storm(seed: u64) -> Result<End, Error> {
    let command = Command::new("C/selftest").arg(WORD).arg(&format!("{DEED}-{seed}")).pages(room(PAGES)?);
    let child = command.spawn(&Pool::own()?)?;
    let until = time::after(PATIENCE_NS);
    while child.try_wait()?.is_none() {
        if time::now_ns() > until {
            // It may end at this moment.
            let _ = child.send(Signal::Force);
            child.wait()?;
            return Ok(End::Forced);
        }
        wait_bits(0, time::after(time::MILLISECOND));
    }
    Ok(End::Itself)
}

/// Free frames of the machine, once they are as many as wanted, or do not become more.
fn settled(wanted: u64) -> Result<u64, Error> {
    let until = time::after(SETTLE_NS);
    loop {
        let free = system_figures()?.free_pages;
        if free == wanted || time::now_ns() > until {
            return Ok(free);
        }
        wait_bits(0, time::after(10 * time::MILLISECOND));
    }
}

/// The child: threads that call at random. Does not return.
pub fn child(deed: &str) -> ! {
    let seed = deed.rsplit('-').next().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let begun = begin(seed);
    // They may stop this thread, too; then the parent ends all.
    wait_bits(0, time::after(PATIENCE_NS / 2));
    exit_now(begun.map_or_else(Status::from, |()| Status::OK))
}

fn begin(seed: u64) -> Result<(), Error> {
    let bench = Bench::new()?;
    let channel = create(POOL, Kind::Channel, 0, 0, 0)?;
    let (client, grant) = derive(POOL, raw(&channel), Rights::all(), 7, 0)?;
    let (below, cell) = derive(raw(&bench.pool), raw(&client), Rights::all(), 8, 0)?;
    let memory = create(POOL, Kind::Memory, 8, 0, 0)?;
    let mut handles: Vec<u64> = bench.each().iter().map(|(_, handle)| raw(handle)).collect();
    handles.extend([&channel, &client, &grant, &below, &cell, &memory].map(raw));
    handles.extend((1..=16).map(|index| 1 << 16 | index));
    for handle in [channel, client, grant, below, cell, memory] {
        core::mem::forget(handle);
    }
    core::mem::forget(bench);
    for n in 0..THREADS {
        let handles = handles.clone();
        let random = Random(seed << 8 | n);
        core::mem::forget(thread::spawn(&Pool::own()?, options()?, move || calls(random, &handles))?);
    }
    Ok(())
}

fn calls(mut random: Random, handles: &[u64]) {
    for _ in 0..CALLS_EACH {
        let row = &CALLS[random.next() as usize % CALLS.len()];
        let mut arguments = [0; 10];
        for (place, (_, kind)) in arguments.iter_mut().zip(row.arguments) {
            *place = argument(&mut random, handles, *kind);
        }
        let [a0, a1, words @ ..] = arguments;
        let takes = random.next() % 6;
        let number = if random.next().is_multiple_of(64) { random.next() } else { u64::from(row.number) | takes << 16 };
        // Some wait a little, most not at all.
        let deadline = if random.next().is_multiple_of(8) { time::after(random.next() % 100_000) } else { 0 };
        let mut registers = Registers { number, a0, a1, deadline, words };
        let _ = kernel::with(&mut registers);
    }
}

/// An argument of this kind: three out of four are likely to be good.
fn argument(random: &mut Random, handles: &[u64], kind: Argument) -> u64 {
    let choice = random.next();
    if choice.is_multiple_of(4) {
        return edge(random);
    }
    let small = random.next();
    match kind {
        Argument::Number => small % 12,
        Argument::Pages => small % 9,
        Argument::Bits => 1 << (small % 64),
        Argument::Access => small % 8,
        Argument::Rights => small & u64::from(Rights::all().bits()),
        Argument::Address => playground() + (small % 4096) * 4096,
        Argument::Tag => small % 80 | (small >> 32 & 1) << 13,
        Argument::Token => small & 0xffff_ffff,
        Argument::Process if small.is_multiple_of(2) => PROCESS,
        Argument::Authority => user::LOG.raw().into(),
        _ => handles[small as usize % handles.len()],
    }
}

fn edge(random: &mut Random) -> u64 {
    const EDGES: [u64; 12] = [
        0,
        1,
        0xfff,
        0x1000,
        0xffff,
        1 << 32,
        1 << 47,
        0xffff_8000_0000_0000,
        u64::MAX,
        u64::MAX - 4095,
        1 << 63,
        i64::MAX as u64,
    ];
    match random.next() % 3 {
        0 => random.next(),
        1 => random.next() & 0xffff,
        _ => EDGES[random.next() as usize % EDGES.len()],
    }
}
