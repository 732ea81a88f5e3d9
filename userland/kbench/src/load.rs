//! A fixed load on all cores: as many threads as cores, none pinned, do an equal part of it each. How much each core did of it is
//! told, and what all instructions together came to (`scripts/bench cores`).
//!
//! Under `-icount` the clock counts the instructions of all cores, whichever executes them: so the time that the load takes is the
//! load, and what several cores cost above one.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::{info, user};
use libsys::raw::Registers;
use libsys::thread::{self, JoinHandle, Options};
use libsys::{Error, Pool, system, time, wait_bits};

use crate::kernel::message;
use crate::{least, tell};

/// Units of the load: a multiple of the numbers of cores that are tried.
const UNITS: u64 = 240;
/// Steps of a unit, of some three instructions each.
const STEPS: u64 = 100_000;
/// Most cores that the kernel runs.
const CORES: usize = 8;
/// Words of `info` about a thread: its own priority, and its core.
const BASE_PRIORITY: usize = 2;
const CORE: usize = 4;

/// What the threads share.
struct Load {
    /// Each thread's handle, once it is there.
    handles: [AtomicU64; CORES],
    /// Threads that run, and when the last of them did: all of them at once, as QEMU runs a core for long before the next.
    running: AtomicU64,
    began: AtomicU64,
    /// Units that each core did.
    done: [AtomicU64; CORES],
}

/// Runs the load and tells what was found.
pub fn measure() -> Result<(), Error> {
    let threads = (system::info()?.running as usize).min(CORES);
    let cost = least(1, || {
        unit();
        Ok(())
    })?;
    let zeros = || [const { AtomicU64::new(0) }; CORES];
    let none = || AtomicU64::new(0);
    let load = Arc::new(Load { handles: zeros(), running: none(), began: none(), done: zeros() });
    let workers = (0..threads).map(|n| start(&load, n, threads as u64)).collect::<Result<Vec<_>, _>>()?;
    workers.into_iter().for_each(finish);
    let all = time::now_ns() - load.began.load(Ordering::Acquire);
    for (core, done) in load.done.iter().enumerate().take(threads) {
        tell(&format!("core-{core}"), done.load(Ordering::Acquire) * cost);
    }
    tell("load", UNITS / threads as u64 * threads as u64 * cost);
    tell("all", all);
    Ok(())
}

#[inline(never)]
fn unit() {
    let mut x = 1u64;
    for _ in 0..STEPS {
        x = black_box(x) * 3;
    }
}

fn start(load: &Arc<Load>, n: usize, threads: u64) -> Result<JoinHandle, Error> {
    let options = Options::new(about(user::MAIN_THREAD.raw().into())?[BASE_PRIORITY] as u8);
    let shared = load.clone();
    let worker = thread::spawn(&Pool::own()?, options, move || work(&shared, n, threads))?;
    load.handles[n].store(worker.thread().handle().raw().into(), Ordering::Release);
    Ok(worker)
}

fn work(load: &Load, n: usize, threads: u64) {
    if load.running.fetch_add(1, Ordering::AcqRel) + 1 == threads {
        load.began.store(time::now_ns(), Ordering::Release);
    }
    while load.handles[n].load(Ordering::Acquire) == 0 || load.began.load(Ordering::Acquire) == 0 {
        libsys::relax();
    }
    let own = load.handles[n].load(Ordering::Acquire);
    for _ in 0..UNITS / threads {
        unit();
        if let Some(done) = about(own).ok().and_then(|words| load.done.get(words[CORE] as usize)) {
            done.fetch_add(1, Ordering::Release);
        }
    }
}

/// What `info` says of a thread.
fn about(thread: u64) -> Result<[u64; 8], Error> {
    let mut registers = Registers { number: number::info.into(), ..Registers::default() };
    (registers.a0, registers.a1) = (thread, info::THREAD);
    message(&mut registers)?;
    Ok(registers.words)
}

fn finish(worker: JoinHandle) {
    let mut worker = Some(worker);
    while let Some(running) = worker.take() {
        worker = running.join().err();
        if worker.is_some() {
            wait_bits(0, time::now_ns() + time::MILLISECOND);
        }
    }
}
