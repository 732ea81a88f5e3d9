//! Threads of the checks.

use libsys::abi::calls::{CONFIG_CORE, CONFIG_FAULT, number};
use libsys::abi::info::{self, Kind};
use libsys::abi::user;
use libsys::raw::Registers;
use libsys::thread::{JoinHandle, Options};
use libsys::{Error, Event, Incoming, OwnedHandle, Receiver, time, wait_bits};

use crate::deeds::Touch;
use crate::kernel::{self, POOL, PROCESS, call, create, playground, raw};

/// A fault that has not come by then doesn't come.
const PATIENCE: u64 = 10 * time::SECOND;

/// Threads at this process's own priority.
pub fn options() -> Result<Options, Error> {
    let results = call(number::info, &[user::MAIN_THREAD.raw().into(), info::THREAD, 0])?;
    Ok(Options::new(results[4] as u8))
}

/// Has the main thread, which runs the checks, stay on a core; `ANY_CORE` lets it go.
pub fn pin(core: u64) -> Result<(), libsys::abi::Error> {
    call(number::config, &[user::MAIN_THREAD.raw().into(), CONFIG_CORE, core]).map(drop)
}

/// The next call that comes.
pub fn next_call(receiver: &Receiver) -> Result<Incoming, Error> {
    let until = time::after(PATIENCE);
    loop {
        match receiver.recv(until)? {
            Event::Call(call) => return Ok(call),
            Event::Deadline => return Err(Error::TimedOut),
            // Bits of what was done before, say, and clients that are through.
            _ => {}
        }
    }
}

/// Waits for a thread's end and frees what it used.
pub fn finish(thread: JoinHandle) {
    let mut thread = Some(thread);
    while let Some(running) = thread.take() {
        thread = running.join().err();
        if thread.is_some() {
            wait_bits(0, time::now_ns() + time::MILLISECOND);
        }
    }
}

/// A thread without anything of this library's: a function and its argument, on a stack that ends there, with a channel for its
/// fault. Whoever has it destroys it.
pub fn bare(
    touch: Touch,
    argument: u64,
    stack: u64,
    faults: Option<&OwnedHandle>,
) -> Result<OwnedHandle, libsys::abi::Error> {
    let priority = call(number::info, &[user::MAIN_THREAD.raw().into(), info::THREAD, 0])?[4];
    let thread = create(POOL, Kind::Thread, PROCESS, priority, playground())?;
    if let Some(channel) = faults {
        call(number::config, &[raw(&thread), CONFIG_FAULT, raw(channel)])?;
    }
    // As after a call on x86_64; aarch64 wants a multiple of 16.
    let stack = if cfg!(target_arch = "x86_64") { stack - 8 } else { stack };
    call(number::start, &[raw(&thread), touch as usize as u64, stack, argument])?;
    Ok(thread)
}

/// The message of the fault that such a thread ends with. Not in the main thread, which gets signals, too.
pub fn faulted(touch: Touch, argument: u64, stack: u64) -> Result<Registers, libsys::abi::Error> {
    let channel = create(POOL, Kind::Channel, 0, 0, 0)?;
    let thread = bare(touch, argument, stack, Some(&channel))?;
    let mut registers = Registers { number: number::recv.into(), a0: raw(&channel), ..Registers::default() };
    registers.deadline = time::after(PATIENCE);
    let received = kernel::with(&mut registers);
    call(number::destroy, &[raw(&thread)])?;
    received.map(|()| registers)
}
