//! What one process leaves behind does not come to another: in registers, in memory; and where things lie is not told.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::Rights;
use libsys::abi::calls::number;
use libsys::io::Read;
use libsys::spawn::{Command, Stdio};
use libsys::{Error, Notification, Pool, Private, Status, env, println, random, thread, time, wait_bits};

use crate::checks::{Checks, many, times};
use crate::child::{Endless, WORD, command, rooms};
use crate::hard::floats;
use crate::kernel::{POOL, call, derive, raw};
use crate::threads::{finish, options};

/// What a child has in all its vector registers and much of its memory.
const SECRET: u64 = 0x5ec2_e75e_c2e7_5ec2;
/// Threads that look into their first registers, and looks into new memory.
const LOOKS: u64 = 40;
/// Pages of a look into memory, and that the child fills.
const PAGES: usize = 96;
/// Pages of a child's pool, and at least; of these it leaves so many for its program.
const CHILD: u32 = 256;
const LEAST: u32 = 96;
const PROGRAM: u64 = 64;
/// Children at most, the handle by which each tells that it has filled everything, and the first one's bit.
const MOST_CHILDREN: u32 = 16;
const BELL: &str = "filled";
const FIRST: u64 = 1 << 40;
/// One that takes longer hangs.
const PATIENCE_NS: u64 = 60 * time::SECOND;
/// Children that say where they lie.
const PLACES: u64 = 24;
/// How many times as many with the long counts: more than a thousand.
const PLACES_LONGER: u64 = 42;
/// Bits of an address, or of how far two are apart, that must vary.
const BITS: u32 = 24;
/// What a child says of itself: addresses, and at last a random number.
const SAID: [&str; 6] = ["a program", "its stack", "its heap", "its start block", "its mappings", "its random numbers"];
/// How many of them lie at random whatever is known of the others. Start blocks lie near stacks.
const APART: usize = 3;

/// Registers and memory.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    // One for each core.
    let cores = crate::smp::cores(1)?.unwrap_or(1).min(MOST_CHILDREN);
    let (count, pages) = rooms(cores, CHILD, LEAST)?;
    if (count, pages) != (cores, CHILD) {
        println!("     little memory: {count} children of {pages} pages, {cores} of {CHILD} are wanted");
    }
    let own = Notification::own()?;
    let (mut children, mut grants): (Vec<Endless>, Vec<_>) = Default::default();
    for n in 0..count {
        let (bell, grant) = derive(POOL, own.handle().raw().into(), Rights::NOTIFY | Rights::TRANSFER, FIRST << n, 0)?;
        children.push(command("secret", pages).handle(BELL, bell).spawn(&pool)?.into());
        grants.push(grant);
    }
    let (all, mut filled, until) = (FIRST * ((1 << count) - 1), 0, time::after(PATIENCE_NS));
    while filled != all && time::now_ns() < until {
        filled |= wait_bits(all & !filled, until);
    }
    checks.equal("each child has its secret everywhere", filled, all);
    let found = Arc::new(AtomicU64::new(0));
    for _ in 0..many(LOOKS) {
        let seen = found.clone();
        finish(thread::spawn(&pool, options()?, move || {
            let hits = floats::found().iter().flatten().filter(|word| **word == SECRET).count();
            seen.fetch_add(hits as u64, Ordering::Relaxed);
        })?);
    }
    checks.equal("a thread's first registers have nothing of another process", found.load(Ordering::Relaxed), 0);
    drop(children);
    let mut dirty = 0;
    for _ in 0..many(LOOKS) {
        let memory = Private::create(&pool, PAGES)?;
        dirty += memory.iter().filter(|byte| **byte != 0).count();
    }
    checks.equal("new memory has nothing of a process that is gone", dirty, 0);
    places(checks)
}

/// The child: has the secret everywhere, and goes on.
pub fn keep_secret() -> Result<(), Error> {
    let pool = Pool::own()?;
    let info = pool.info()?;
    let mut memory = Private::create(&pool, PAGES.min((info.pages - PROGRAM) as usize))?;
    memory.as_chunks_mut().0.iter_mut().for_each(|word| *word = SECRET.to_le_bytes());
    floats::fill(SECRET);
    call(number::notify, &[raw(&env::take_handle(BELL)?), u64::MAX])?;
    loop {
        floats::fill(SECRET);
        libsys::yield_now();
    }
}

/// What a process has to itself lies elsewhere each time, and elsewhere from the others; random numbers are others.
fn places(checks: &mut Checks) -> Result<(), Error> {
    let mut all: [Vec<u64>; SAID.len()] = Default::default();
    let count = times(PLACES, PLACES_LONGER);
    for _ in 0..count {
        let text = said()?;
        for (list, word) in all.iter_mut().zip(text.split_whitespace()) {
            list.push(u64::from_str_radix(word, 16).map_err(|_| Error::BadNumber)?);
        }
    }
    for (name, list) in SAID.into_iter().zip(&all) {
        checks.equal(format!("{name}: said each time"), list.len() as u64, count);
        vary(checks, name, list);
    }
    let pairs = (0..APART).flat_map(|one| (0..one).map(move |other| (one, other)));
    for (one, other) in pairs {
        let apart: Vec<u64> = all[one].iter().zip(&all[other]).map(|(a, b)| a.wrapping_sub(*b)).collect();
        vary(checks, &format!("{} from {}", SAID[one], SAID[other]), &apart);
    }
    Ok(())
}

/// No value comes twice, and many bits vary.
fn vary(checks: &mut Checks, name: &str, list: &[u64]) {
    let distinct = list.iter().collect::<BTreeSet<_>>().len();
    checks.equal(format!("{name}: elsewhere each time"), distinct, list.len());
    let first = list.first().copied().unwrap_or(0);
    let bits = list.iter().fold(0, |bits, value| bits | (value ^ first)).count_ones();
    checks.holds(format!("{name}: {bits} bits vary"), bits >= BITS);
}

fn said() -> Result<String, Error> {
    let pool = Pool::own()?;
    let mut prepared =
        Command::new("C/selftest").arg(WORD).arg("where").pages(256).stdout(Stdio::Piped).prepare(&pool)?;
    let mut output = prepared.pipe_here(1, &pool)?;
    let child = prepared.start()?;
    let mut bytes = Vec::new();
    // It leaves without closing its output.
    let _ = output.read_to_end(&mut bytes, 256);
    child.wait()?;
    Ok(String::from_utf8_lossy(&bytes).to_string())
}

/// The child that says where it lies.
pub fn tell() -> Status {
    let program = tell as fn() -> Status as usize;
    let on_stack = 0_u64;
    let (stack, heap) = (&raw const on_stack as usize, Box::new(on_stack));
    let heap = &raw const *heap as usize;
    let mapping = Pool::own().and_then(|pool| Private::create(&pool, 1)).map_or(0, |page| page.as_ptr() as usize);
    let block = libsys::layout::start_block();
    println!("{program:x} {stack:x} {heap:x} {block:x} {mapping:x} {:x}", random::next_u64().unwrap_or(0));
    let _ = libsys::io::Write::flush(&mut libsys::io::stdout());
    Status::OK
}
