//! The processor's state that user code may set belongs to its thread: flags, control words, on aarch64 the thread pointer. They
//! survive what else the thread does in the kernel and whoever runs meanwhile, do the kernel no harm, and nobody else gets them.
//!
//! Four threads on one core each have flags of their own, different ones each time: with x86_64's direction, alignment check and
//! nested task among them, which are the kernel's, too, while it does not put them aside.

#![allow(clippy::bad_bit_mask)] // aarch64 has no flags that stay, nor forbidden ones: their masks are empty

#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
mod processor;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::{ANY_CORE, number};
use libsys::abi::message::MAX_BYTES;
use libsys::abi::{info, user};
use libsys::thread::{self, JoinHandle};
use libsys::{Error, OwnedHandle, Pool, time};

use crate::checks::Checks;
use crate::hard::messages::Echo;
use crate::kernel::{Random, raw};
use crate::paged::{PAGE, fresh};
use crate::threads::{finish, options, pin};
use processor::Control;

/// Threads beside this one.
const THREADS: u64 = 3;
/// How long they go on.
const RUN_NS: u64 = 600 * time::MILLISECOND;
/// Turns of a loop in which a thread keeps its flags: it lasts longer than a time slice, so that an interrupt gives others theirs.
const TURNS: u64 = 8_000_000;
/// Rounds from one such loop to the next.
const PAUSE: u64 = 24;
/// New pages that are touched with flags set.
const PAGES: usize = 48;
/// Threads whose first state is looked at.
const LOOKS: u64 = 8;

/// A system call with flags and a thread pointer; afterwards its status, and what these are then.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Asked {
    number: u64,
    a0: u64,
    a1: u64,
    deadline: u64,
    words: [u64; 8],
    flags: u64,
    pointer: u64,
    /// Bits of the flags that this processor has, where not all have the same: aarch64.rs fills it in.
    known: u64,
}

/// What happened to a thread's state, counted.
#[derive(Default)]
struct Seen {
    rounds: AtomicU64,
    /// Flags after a system call, after a loop, and what a program may not have.
    called: AtomicU64,
    spun: AtomicU64,
    /// Loops in which others went on.
    interrupted: AtomicU64,
    forbidden: AtomicU64,
    control: AtomicU64,
    pointer: AtomicU64,
    stop: AtomicBool,
}

/// Flags, control words and pointers of threads that take turns; faults with flags set; what a new thread begins with.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let settable = processor::settable()?;
    let echo = Echo::start()?;
    echo.thread().set_core(Some(0))?;
    pin(0)?;
    let seen = Arc::new(Seen::default());
    let threads: Result<Vec<JoinHandle>, Error> = (1..=THREADS)
        .map(|seed| {
            let (seen, client) = (seen.clone(), echo.client()?);
            let thread = thread::spawn(&Pool::own()?, options()?, move || {
                while !seen.stop.load(Ordering::Acquire) {
                    round(&client, settable, &mut Random(seed << 32 | count(&seen.rounds)), &seen);
                }
            })?;
            thread.thread().set_core(Some(0))?;
            Ok(thread)
        })
        .collect();
    let threads = threads?;
    let (client, until) = (echo.client()?, time::after(RUN_NS));
    while time::now_ns() < until {
        round(&client, settable, &mut Random(count(&seen.rounds)), &seen);
    }
    let (touched, first) = (touch(settable)?, first(&seen)?);
    seen.stop.store(true, Ordering::Release);
    threads.into_iter().for_each(finish);
    echo.stop();
    pin(ANY_CORE)?;
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    checks.holds(
        format!("threads with flags {settable:#x} set at random, {} rounds", of(&seen.rounds)),
        of(&seen.rounds) > 64,
    );
    checks.equal("flags that a system call changed", of(&seen.called), 0);
    checks.equal("flags that changed while others ran", of(&seen.spun), 0);
    let interrupted = of(&seen.interrupted);
    checks.holds(format!("{interrupted} times others ran between two instructions"), interrupted > 0);
    checks.equal("interrupts off, or ports open", of(&seen.forbidden), 0);
    checks.equal("control words that changed", of(&seen.control), 0);
    checks.equal("thread pointers that changed", of(&seen.pointer), 0);
    checks.equal("flags that a page fault changed", touched, 0);
    checks.equal("new threads that did not begin with the plain flags and control words", first, 0);
    Ok(())
}

fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed)
}

/// Each way into the kernel with flags of its own; control words stay over all of them.
fn round(client: &OwnedHandle, settable: u64, random: &mut Random, seen: &Seen) {
    let control = Control::random(random);
    control.set();
    let main = u64::from(user::MAIN_THREAD.raw());
    let calls = [
        Asked::default(),
        Asked { number: number::yield_now.into(), ..Asked::default() },
        Asked { number: number::info.into(), a0: main, a1: info::THREAD, ..Asked::default() },
        Asked { number: number::call.into(), a0: raw(client), a1: 8, words: [random.next(); 8], ..Asked::default() },
        Asked { number: number::call.into(), a0: raw(client), a1: MAX_BYTES as u64, ..Asked::default() },
        Asked { number: number::notify.into(), a0: user::OWN_NOTIFICATION.raw().into(), ..Asked::default() },
        Asked { number: number::close.into(), a0: u64::MAX, ..Asked::default() },
        Asked { number: 0xffff, ..Asked::default() },
    ];
    for mut asked in calls {
        asked.flags = random.next() & settable;
        asked.pointer = random.next() & (user::USER_END - 1);
        let (flags, pointer) = (asked.flags, asked.pointer);
        processor::call(&mut asked);
        seen.called.fetch_add(u64::from(asked.flags & settable != flags), Ordering::Relaxed);
        seen.forbidden.fetch_add(u64::from(asked.flags & processor::FORBIDDEN != processor::PLAIN), Ordering::Relaxed);
        seen.pointer.fetch_add(u64::from(asked.pointer != pointer), Ordering::Relaxed);
    }
    if random.next().is_multiple_of(PAUSE) {
        let flags = random.next() & settable;
        let rounds = seen.rounds.load(Ordering::Relaxed);
        let after = processor::spin(flags, TURNS);
        seen.interrupted.fetch_add(u64::from(seen.rounds.load(Ordering::Relaxed) != rounds), Ordering::Relaxed);
        seen.spun.fetch_add(u64::from(after & settable != flags), Ordering::Relaxed);
    }
    seen.control.fetch_add(u64::from(Control::get() != control), Ordering::Relaxed);
    Control::PLAIN.set();
}

/// Writes to pages that come only then; how often flags were others afterwards.
fn touch(settable: u64) -> Result<u64, Error> {
    let mut memory = fresh((PAGES + 1) * PAGE)?;
    let start = (memory.as_mut_ptr() as u64).next_multiple_of(PAGE as u64);
    let mut random = Random(77);
    let changed = (0..PAGES as u64).filter(|page| {
        let flags = random.next() & settable;
        processor::touch(flags, start + page * PAGE as u64) & settable != flags
    });
    Ok(changed.count() as u64)
}

/// New threads while others have all sorts of flags: how many begin with other than the plain state.
fn first(seen: &Arc<Seen>) -> Result<u64, Error> {
    let other = Arc::new(AtomicU64::new(0));
    for _ in 0..LOOKS {
        let (others, stop) = (other.clone(), seen.clone());
        let thread = thread::spawn(&Pool::own()?, options()?, move || {
            let plain = processor::flags() & processor::STICKY == 0 && Control::get() == Control::PLAIN;
            others.fetch_add(u64::from(!plain), Ordering::Relaxed);
            drop(stop);
        })?;
        thread.thread().set_core(Some(0))?;
        finish(thread);
    }
    Ok(other.load(Ordering::Relaxed))
}
