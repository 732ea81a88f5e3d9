//! System calls at random: each by the table, with arguments that are good, nearly good, or anything.
//!
//! They are made by several threads at once in a child, which has objects of every kind to make them with. Nobody else must
//! notice, and everything it had must come back. A seed says all that is random but the order of the threads.
//!
//! ```text
//!  parent ── starts, waits, counts ──► child's first thread (`threads`): answers calls; who waits for an answer that nobody
//!    ▲                                   │                  gives is stopped, started again, and makes its next call
//!    └── pages of figures ◄── each call ─┴─ the others: random calls (`choice`), now and then with new objects
//! ```
//!
//! A child is over when each of its threads has made its [`CALLS_EACH`] calls, and not before: their count is looked at, and
//! so is that every call was let through and refused.

mod choice;
mod threads;

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::Rights;
use libsys::abi::calls::{CALLS, Call, number};
use libsys::abi::info::Kind;
use libsys::names::NameSpace;
use libsys::protocol::process::Signal;
use libsys::{Error, OwnedHandle, Pool, time, wait_bits};

use crate::checks::{Checks, many};
use crate::child::{command, room, settled};
use crate::kernel::{POOL, PROCESS, call, create, dup, peek, playground, poke, raw};
pub use threads::child;

/// The deed's first word.
pub const DEED: &str = "storm";
/// Children, and calls of each of their threads.
const CHILDREN: u64 = 6;
const CALLS_EACH: u64 = 20_000;
/// Threads of a child beside its first.
const THREADS: usize = 3;
/// Pages of a child's pool.
const PAGES: u32 = 512;
/// A child that takes longer hangs.
const PATIENCE_NS: u64 = 120 * time::SECOND;
/// How long the kernel may take until all that a child had is free.
const SETTLE_NS: u64 = 2 * time::SECOND;
/// The handle of the pages in which a child tells, one for each thread.
const TALLY: &str = "tally";
/// What stands in such a page: calls made; of each call by number, how often it was let through, and refused.
const MADE: u64 = 0;
const DONE: u64 = 1;
const REFUSED: u64 = DONE + CALLS.len() as u64;
/// Behind them on the first page: how often the first thread has looked.
const LOOKS: u64 = FIGURES as u64;
const FIGURES: usize = REFUSED as usize + CALLS.len();
/// What is not let through for who has no interrupt, no port and no authority but that of its log.
const NEVER: [u16; 5] = [number::seal, number::irq_bind, number::irq_ack, number::ioport, number::system];

/// Children one after the other.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let tally = create(POOL, Kind::Memory, THREADS as u64, 0, 0)?;
    call(number::map, &[PROCESS, raw(&tally), page(0), 0, THREADS as u64, 3])?;
    // What the first one makes init keep, it keeps.
    storm(0, &tally)?;
    let before = settled(0, SETTLE_NS)?;
    let (mut figures, mut bad) = ([0; FIGURES], Vec::new());
    let children = many(CHILDREN);
    for seed in 1..=children {
        let end = storm(seed, &tally)?;
        let made = figures[MADE as usize];
        for (word, figure) in (0..).zip(&mut figures) {
            *figure += (0..THREADS).map(|thread| peek(page(thread) + word * 8)).sum::<u64>();
        }
        if end != End::Itself(0, 0) {
            bad.push(format!("seed {seed}: {end:?} after {} calls", figures[MADE as usize] - made));
        }
        if let Err(error) = NameSpace::own().look("SYS") {
            bad.push(format!("seed {seed}: init does not answer: {error}"));
        }
    }
    let made = figures[MADE as usize];
    checks.equal("children that make random system calls end by themselves", bad, Vec::new());
    checks.equal(format!("{made} random system calls"), made, children * THREADS as u64 * CALLS_EACH);
    let none = |from: u64, expected: &dyn Fn(&Call) -> bool| {
        let none = |row: &&Call| expected(row) && figures[(from + u64::from(row.number)) as usize] == 0;
        CALLS.iter().filter(none).map(|row| row.name).collect::<Vec<_>>()
    };
    checks.equal("each call was let through", none(DONE, &|row| !NEVER.contains(&row.number)), Vec::new());
    checks.equal("each call was refused", none(REFUSED, &|row| !row.errors.is_empty()), Vec::new());
    checks.equal("every page of them came back", settled(before, SETTLE_NS)?, before);
    call(number::unmap, &[PROCESS, page(0), THREADS as u64])?;
    Ok(())
}

/// Where a thread's figures lie, in parent and child.
const fn page(thread: usize) -> u64 {
    playground() + (1 << 36) + thread as u64 * 4096
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a code and a reason.
    Itself(u32, u16),
    /// It did not; how often its first thread has looked.
    Hung(u64),
}

fn storm(seed: u64, tally: &OwnedHandle) -> Result<End, Error> {
    (0..THREADS).flat_map(|n| (0..FIGURES as u64).map(move |word| page(n) + word * 8)).for_each(|at| poke(at, 0));
    let child = command(&format!("{DEED}-{seed}"), room(PAGES)?);
    let child = child.handle(TALLY, dup(raw(tally), Rights::all())?).spawn(&Pool::own()?)?;
    let until = time::after(PATIENCE_NS);
    loop {
        if let Some(ended) = child.try_wait()? {
            return Ok(End::Itself(ended.code, ended.reason));
        }
        if time::now_ns() > until {
            // It may end at this moment.
            let _ = child.send(Signal::Force);
            child.wait()?;
            return Ok(End::Hung(peek(page(0) + LOOKS * 8)));
        }
        wait_bits(0, time::after(time::MILLISECOND));
    }
}
