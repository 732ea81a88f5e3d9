//! Threads of the checks.

use libsys::abi::calls::number;
use libsys::abi::{info, user};
use libsys::thread::{JoinHandle, Options};
use libsys::{Error, time, wait_bits};

use crate::kernel::call;

/// Threads at this process's own priority.
pub fn options() -> Result<Options, Error> {
    let results = call(number::info, &[user::MAIN_THREAD.raw().into(), info::THREAD, 0])?;
    Ok(Options::new(results[4] as u8))
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
