//! The child of a storm: threads that call, and the first one, which answers them and keeps them going.
//!
//! What a thread is about to do stands in [`STORMS`] and not on its stack, which begins anew when it is started again. It uses
//! no memory of the heap: it may be stopped anywhere.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::{CALLS, Call, number};
use libsys::abi::info::{self, Kind, ThreadState};
use libsys::abi::{Rights, user};
use libsys::entry::exit_now;
use libsys::raw::Registers;
use libsys::{Error, OwnedHandle, Pool, Status, env, thread, time};

use super::{CALLS_EACH, DONE, LOOKS, MADE, REFUSED, TALLY, THREADS, choice, page};
use crate::kernel::{self, POOL, PROCESS, Random, call, create, derive, dup, peek, poke, raw};
use crate::sec::handles::Bench;
use crate::threads::options;

/// Calls after which a thread has new objects: closing and destroying leave few.
const ROUND: u64 = 256;
/// Looks in each of which a thread has made no call, and that it is counted as stuck after.
const STUCK: u64 = 10_000;
/// Handles of a stock.
const STOCK: usize = 32;
/// Tokens that a thread remembers.
const TOKENS: usize = 4;

/// A thread's storm.
pub struct Storm {
    random: AtomicU64,
    made: AtomicU64,
    /// The number register of its last call.
    last: AtomicU64,
    /// It is in one of the random calls, not in what it prepares for them.
    inside: AtomicBool,
    /// Where its stack may begin again.
    stack: AtomicU64,
    /// The pool that all its objects are made from.
    pool: AtomicU64,
    /// Handles to make calls with, each with its kind above. Others may use and lose them, too.
    pub stock: [AtomicU64; STOCK],
    /// The last calls that it has to answer.
    pub tokens: [AtomicU64; TOKENS],
}

/// All of them.
pub static STORMS: [Storm; THREADS] = [const {
    Storm {
        random: AtomicU64::new(0),
        made: AtomicU64::new(0),
        last: AtomicU64::new(0),
        inside: AtomicBool::new(false),
        stack: AtomicU64::new(0),
        pool: AtomicU64::new(0),
        stock: [const { AtomicU64::new(0) }; STOCK],
        tokens: [const { AtomicU64::new(0) }; TOKENS],
    }
}; THREADS];
/// What the first thread answers.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// The child. Does not return.
pub fn child(deed: &str) -> ! {
    let seed = deed.rsplit('-').next().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    exit_now(watch(seed).map_or_else(Status::from, |()| Status::OK))
}

/// Starts the threads, and goes on until each has made its calls.
fn watch(seed: u64) -> Result<(), Error> {
    let tally = env::take_handle(TALLY)?;
    call(number::map, &[PROCESS, raw(&tally), page(0), 0, THREADS as u64, 3])?;
    let channel = create(POOL, Kind::Channel, 0, 0, 0)?;
    let (client, _grant) = derive(POOL, raw(&channel), Rights::CALL | Rights::TRANSFER, 7, 0)?;
    SERVED.store(raw(&client), Ordering::Relaxed);
    let mut threads = Vec::new();
    for (n, storm) in STORMS.iter().enumerate() {
        storm.random.store(seed << 8 | n as u64, Ordering::Relaxed);
        let thread = thread::spawn(&Pool::own()?, options()?, move || begin(n))?;
        threads.push((thread.handle()?, 0, 0));
        core::mem::forget(thread);
    }
    while STORMS.iter().any(|storm| storm.made() < CALLS_EACH) {
        answer(&channel);
        poke(page(0) + LOOKS * 8, peek(page(0) + LOOKS * 8) + 1);
        for (n, (thread, made, looks)) in threads.iter_mut().enumerate() {
            let now = STORMS[n].made();
            *looks = if now == *made { *looks + 1 } else { 0_u64 };
            *made = now;
            if *looks > STUCK && now < CALLS_EACH {
                // What it did last, and what it does now.
                let state = call(number::info, &[raw(thread), info::THREAD, 0])?[2] as u32;
                exit_now(Status {
                    code: state << 16 | STORMS[n].last.load(Ordering::Relaxed) as u32 & 0xffff,
                    reason: 0,
                });
            }
            if *looks > 1 && STORMS[n].inside.load(Ordering::Acquire) {
                go_on(n, raw(thread))?;
            }
        }
    }
    // Who was stopped may not have told of its last call.
    (0..THREADS).for_each(|n| poke(page(n) + MADE * 8, STORMS[n].made()));
    Ok(())
}

/// Waits a moment for a call, and answers it.
fn answer(channel: &OwnedHandle) {
    let deadline = time::after(time::MILLISECOND);
    let mut registers = Registers { number: number::recv.into(), a0: raw(channel), deadline, ..Registers::default() };
    if kernel::with(&mut registers).is_ok() && registers.a0 != 0 {
        let _ = call(number::reply, &[registers.a0, 8, registers.words[0]]);
    }
}

/// A thread that waits for an answer has waited enough: it goes on with its next call.
fn go_on(n: usize, thread: u64) -> Result<(), Error> {
    const WAITING: [u64; 2] = [ThreadState::Calling as u64, ThreadState::AwaitingReply as u64];
    if WAITING.contains(&call(number::info, &[thread, info::THREAD, 0])?[2]) {
        call(number::stop, &[thread])?;
        STORMS[n].inside.store(false, Ordering::Release);
        let again = again as extern "C" fn(usize) -> ! as usize as u64;
        call(number::start, &[thread, again, STORMS[n].stack.load(Ordering::Relaxed), n as u64])?;
    }
    Ok(())
}

fn begin(n: usize) {
    let here = 0_u64;
    // Below all that this frame has; as after a call on x86_64, 8 below a multiple of 16.
    let below = (&raw const here as u64 & !0xf) - 512;
    STORMS[n].stack.store(if cfg!(target_arch = "x86_64") { below - 8 } else { below }, Ordering::Relaxed);
    again(n)
}

/// A thread's calls, from the next one on. It never ends: others end with the process.
extern "C" fn again(n: usize) -> ! {
    let storm = &STORMS[n];
    while storm.made() < CALLS_EACH {
        storm.one(n);
    }
    loop {
        libsys::wait_bits(0, u64::MAX);
    }
}

impl Storm {
    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The next call.
    fn one(&self, n: usize) {
        if self.made().is_multiple_of(ROUND) {
            self.renew();
        }
        let mut random = Random(self.random.load(Ordering::Relaxed));
        let row = &CALLS[random.next() as usize % CALLS.len()];
        let mut registers = choice::registers(&mut random, n, row);
        let known = registers.number as u16 == row.number;
        // What a handle is called in another table is something else in this one.
        let elsewhere = row.number == number::dup && registers.words[0] != 0;
        let slot = random.next() as usize % STOCK;
        self.random.store(random.0, Ordering::Relaxed);
        self.last.store(registers.number, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        let count = |word: u64| poke(page(n) + word * 8, peek(page(n) + word * 8) + 1);
        poke(page(n) + MADE * 8, self.made());
        self.inside.store(true, Ordering::Release);
        let result = kernel::with(&mut registers);
        self.inside.store(false, Ordering::Release);
        if known {
            count(if result.is_ok() { DONE } else { REFUSED } + u64::from(row.number));
        }
        if known && result.is_ok() && !elsewhere {
            self.keep(slot, row, &registers);
        }
    }

    /// New objects of every kind; the old ones end with their pool.
    fn renew(&self) {
        let _ = call(number::destroy, &[self.pool.load(Ordering::Relaxed)]);
        let _ = call(number::close, &[self.pool.load(Ordering::Relaxed)]);
        self.stock.iter().for_each(|slot| put(slot, 0));
        let Ok(bench) = Bench::new() else { return };
        let large = create(raw(&bench.pool), Kind::Memory, 8, 0, 0);
        let mut slots = self.stock.iter();
        for (at, handle) in bench.into_raw().into_iter().enumerate() {
            if at == 0 {
                self.pool.store(handle, Ordering::Relaxed);
            } else if let Some(slot) = slots.next() {
                put(slot, handle);
            }
        }
        let others = [self.pool.load(Ordering::Relaxed), SERVED.load(Ordering::Relaxed)];
        let others = others.into_iter().chain([user::NAMES_CHANNEL, user::LOG].map(|handle| handle.raw().into()));
        for handle in core::iter::once(large).chain(others.map(|handle| dup(handle, Rights::all()))) {
            if let (Some(slot), Ok(handle)) = (slots.next(), handle) {
                put(slot, raw(&handle));
                core::mem::forget(handle);
            }
        }
    }

    /// Keeps what a call gave, and loses something else for it.
    fn keep(&self, slot: usize, row: &Call, registers: &Registers) {
        use libsys::abi::calls::Kind::{Handle, Token};
        if row.results.first().is_some_and(|(_, kind)| *kind == Token) && registers.a0 != 0 {
            self.tokens[slot % TOKENS].store(registers.a0, Ordering::Relaxed);
        }
        let given = row.results.iter().zip([registers.a0, registers.a1]).filter(|((_, kind), _)| *kind == Handle);
        for (n, (_, value)) in given.enumerate() {
            put(&self.stock[(slot + n) % STOCK], value);
        }
    }
}

/// Puts a handle into a slot, with its kind, and closes what was there.
fn put(slot: &AtomicU64, handle: u64) {
    let kind = call(number::info, &[handle, info::BASIC, 0]).map(|about| about[2]);
    let old = slot.swap(kind.map_or(0, |kind| kind << 32 | handle), Ordering::Relaxed);
    if old != 0 {
        let _ = call(number::close, &[old & 0xffff_ffff]);
    }
}
