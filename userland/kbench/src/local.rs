//! What one process measures alone: the null call, threads, faults.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::{Access, number};
use libsys::abi::info::{self, Kind};
use libsys::abi::message::{self, FOREVER, Tag};
use libsys::abi::{Rights, user};
use libsys::raw::{Registers, counter};
use libsys::thread::{self, Options};
use libsys::{Error, Notification, Pool, wait_bits};

use crate::kernel::{PROCESS, create, derive, message, raw, short};
use crate::{least, list, tell};

/// Where pages for faults are mapped: between mappings and heap.
const PLACE: u64 = 0x1800_0000_0000;
/// Pages that the pager makes at a time.
const EXTENT: u64 = 16;
/// ns from one tick of the kernel's timers to the next.
const TICK: u64 = 1024;

/// A call that does nothing, without the loop around it.
pub fn null() -> Result<(), Error> {
    let empty = least(1000, || {
        core::hint::black_box(());
        Ok(())
    })?;
    let full = least(1000, || Ok(short(number::null, [0; 6]).map(drop)?))?;
    tell("null-call", full.saturating_sub(empty));
    Ok(())
}

/// This thread's own priority.
fn priority() -> Result<u8, Error> {
    let mut registers = Registers { number: number::info.into(), ..Registers::default() };
    (registers.a0, registers.a1) = (user::MAIN_THREAD.raw().into(), info::THREAD);
    message(&mut registers)?;
    Ok(registers.words[2] as u8)
}

/// A thread on a stack that is there is made, runs, says so, and is deleted.
pub fn thread() -> Result<(), Error> {
    with_stack(|life| {
        tell("thread", least(20, life)?);
        Ok(())
    })
}

/// The same between two stops.
pub fn list_thread() -> Result<(), Error> {
    with_stack(|life| list::between(life))
}

/// Does something with the life of a thread, for which a stack is there.
fn with_stack(work: impl FnOnce(&dyn Fn() -> Result<(), Error>) -> Result<(), Error>) -> Result<(), Error> {
    let own = Notification::own()?;
    let mut stack = alloc::vec![0u128; 256];
    let sp = stack.as_mut_ptr_range().end as u64 - 16 - if cfg!(target_arch = "x86_64") { 8 } else { 0 };
    let priority = priority()?.into();
    let done = work(&|| {
        let thread = create(Kind::Thread, PROCESS, priority, PLACE)?;
        short(
            number::start,
            [raw(&thread), say_so as extern "C" fn(u64) -> ! as usize as u64, sp, own.handle().raw().into(), 0, 0],
        )?;
        wait_bits(SAID, FOREVER);
        short(number::destroy, [raw(&thread), 0, 0, 0, 0, 0])?;
        Ok(())
    });
    drop(stack);
    done
}

/// The bit that `say_so` sets.
const SAID: u64 = 1 << 59;

/// What that thread does: it has no block of its own, so it uses nothing of the runtime.
extern "C" fn say_so(bell: u64) -> ! {
    let _ = short(number::notify, [bell, SAID, 0, 0, 0, 0]);
    loop {
        let _ = message(&mut Registers { number: number::recv.into(), deadline: FOREVER, ..Registers::default() });
    }
}

/// A thread of the runtime's, its stack and what else it needs made with it.
pub fn thread_and_stack() -> Result<(), Error> {
    let (pool, own) = (Pool::own()?, Notification::own()?);
    let priority = priority()?;
    let (bit, gone) = (1 << 60, 1 << 61);
    let cost = least(20, || {
        let (bell, _grant) = own.doorbell(&pool, bit, gone)?;
        let thread = thread::spawn(&pool, Options { done: Some(bell), ..Options::new(priority) }, || {})?;
        let mut thread = Some(thread);
        while let Some(running) = thread.take() {
            wait_bits(bit, FOREVER);
            thread = running.join().err();
        }
        Ok(())
    })?;
    tell("thread-stack", cost);
    Ok(())
}

/// How long after its time a timer's interrupt has its thread run, while another of lower priority computes.
pub fn interrupt() -> Result<(), Error> {
    let mut best = u64::MAX;
    with_spinner(|| {
        for _ in 0..20 {
            best = best.min(interrupted()?);
        }
        Ok(())
    })?;
    tell("interrupt", best);
    Ok(())
}

/// A wait for a timer's interrupt between two stops.
pub fn list_interrupt() -> Result<(), Error> {
    with_spinner(|| list::between(|| interrupted().map(drop)))
}

/// Waits for a moment: how long after it this runs.
fn interrupted() -> Result<u64, Error> {
    // The kernel's timers tick so often.
    let deadline = (libsys::time::now_ns() + 20 * TICK) / TICK * TICK;
    let mut registers = Registers { number: number::recv.into(), deadline, ..Registers::default() };
    let received = message(&mut registers);
    // First of all the counter, as the peer's handler reads its own; what it says in ns comes after.
    let count = counter();
    received?;
    Ok(time_of(count) - deadline)
}

/// The time in ns at which the counter stood there.
fn time_of(count: u64) -> u64 {
    let place = libsys::layout::time_page() as *const user::TimePage;
    // SAFETY: the page is mapped there for the process's whole life; and these fields never change.
    let [base, multiplier, shift] = unsafe {
        [(&raw const (*place).base), (&raw const (*place).multiplier), (&raw const (*place).shift)].map(|at| at.read())
    };
    ((u128::from(count - base) * u128::from(multiplier)) >> shift) as u64
}

/// Does something while a thread of lower priority computes.
fn with_spinner(work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let pool = Pool::own()?;
    let over = Arc::new(AtomicBool::new(false));
    let (seen, priority) = (over.clone(), priority()?);
    let spinner = thread::spawn(&pool, Options::new(priority - 1), move || {
        while !seen.load(Ordering::Relaxed) {
            libsys::relax();
        }
    })?;
    let done = work();
    over.store(true, Ordering::Relaxed);
    let mut spinner = Some(spinner);
    while let Some(running) = spinner.take() {
        wait_bits(0, libsys::time::now_ns() + libsys::time::MILLISECOND);
        spinner = running.join().err();
    }
    done
}

/// A page that is not there is touched; a handler thread maps a fresh one and answers.
pub fn fault() -> Result<(), Error> {
    let cost = Arc::new(AtomicU64::new(0));
    let result = cost.clone();
    with_pager(move || {
        result.store(with_pages(|touch| least(4 * EXTENT, touch))?, Ordering::Release);
        Ok(())
    })?;
    tell("fault", cost.load(Ordering::Acquire));
    Ok(())
}

/// The same between two stops.
pub fn list_fault() -> Result<(), Error> {
    with_pager(|| with_pages(|touch| list::between(touch)))
}

/// Does something in a thread whose faults another thread serves.
fn with_pager(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    let pool = Pool::own()?;
    let channel = Arc::new(create(Kind::Channel, 0, 0, 0)?);
    let faults = derive(&channel, Rights::CALL, 7)?;
    let handler = channel.clone();
    let pager = thread::spawn(&pool, Options::new(priority()?), move || {
        let _ = serve(raw(&handler));
    })?;
    // A thread of its own: where the main thread's faults go, no process can say a second time.
    let go = Arc::new(AtomicBool::new(false));
    let start = go.clone();
    let victim = thread::spawn(&pool, Options::new(priority()?), move || {
        while !start.load(Ordering::Acquire) {
            wait_bits(0, libsys::time::now_ns() + libsys::time::MILLISECOND);
        }
        let _ = work();
    })?;
    victim.thread().set_fault_channel(Some(&faults))?;
    go.store(true, Ordering::Release);
    join(victim);
    drop(faults);
    join(pager);
    Ok(())
}

/// Does something with pages that are not there, one after the other.
fn with_pages<T>(work: impl FnOnce(&mut dyn FnMut() -> Result<(), Error>) -> Result<T, Error>) -> Result<T, Error> {
    let mut page = PLACE;
    // The first one brings the page tables.
    touch(page);
    let done = work(&mut || {
        page += 4096;
        touch(page);
        Ok(())
    });
    short(number::unmap, [PROCESS, PLACE, (page - PLACE) / 4096 + 1, 0, 0, 0])?;
    done
}

/// Waits for a thread's end.
fn join(thread: thread::JoinHandle) {
    let mut thread = Some(thread);
    while let Some(running) = thread.take() {
        wait_bits(0, libsys::time::now_ns() + libsys::time::MILLISECOND);
        thread = running.join().err();
    }
}

/// The pager: maps a fresh page where one is missing. It makes them some at a time, as pagers do.
fn serve(channel: u64) -> Result<(), Error> {
    let access = u64::from((Access::READ | Access::WRITE).bits());
    let receive = Registers { number: number::recv.into(), a0: channel, deadline: FOREVER, ..Registers::default() };
    let mut registers = receive;
    let mut extent = create(Kind::Memory, EXTENT, 0, 0)?;
    let mut used = 0;
    loop {
        message(&mut registers)?;
        match Tag(registers.a1).kind() {
            message::Kind::Fault => {
                if used == EXTENT {
                    (extent, used) = (create(Kind::Memory, EXTENT, 0, 0)?, 0);
                }
                short(number::map, [PROCESS, raw(&extent), registers.words[1] & !4095, used, 1, access])?;
                used += 1;
                registers.number = number::reply_recv.into();
                registers.a1 = channel << message::CHANNEL_SHIFT;
                registers.deadline = FOREVER;
            }
            message::Kind::Closed => return Ok(()),
            _ => registers = receive,
        }
    }
}

fn touch(at: u64) {
    // SAFETY: the page is there or the pager maps it; nothing else lies at this address.
    unsafe { (at as *mut u64).write_volatile(1) };
}
