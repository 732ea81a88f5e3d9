//! System calls as they are: any number, any registers. For self-tests and benchmarks, which must be able to ask for what
//! the typed handles would never ask for.
//!
//! Only with the feature `raw`. What a process may do does not depend on it: the kernel checks, not this library.

use crate::arch::{self, Frame};
use crate::thread_block::Buffer;

/// The registers of a system call, before and after; see `abi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Number, for messages with the handles taken from bit 16; then the status.
    pub number: u64,
    /// First argument and result.
    pub a0: u64,
    /// Second argument and result.
    pub a1: u64,
    /// Deadline; then the badge.
    pub deadline: u64,
    /// Further arguments and results.
    pub words: [u64; 8],
}

/// Makes a system call.
///
/// # Safety
/// The call must not take away, replace or write memory that Rust code of this process relies on: `unmap`, `protect`, `evict`,
/// `revoke` and `destroy` of what is mapped and used here, starting threads, closing handles that somebody owns. Calls
/// that the kernel refuses are always fine.
#[inline(always)]
pub unsafe fn system_call(registers: &mut Registers) {
    let Registers { number, a0, a1, deadline, words } = *registers;
    let mut frame = Frame { number, a0, a1, deadline, words };
    arch::full(&mut frame);
    let Frame { number, a0, a1, deadline, words } = frame;
    *registers = Registers { number, a0, a1, deadline, words };
}

/// A call with at most six arguments: status and two results, without the cost of all message registers.
///
/// # Safety
/// As [`system_call`].
#[inline(always)]
pub unsafe fn short_call(number: u64, arguments: [u64; 6]) -> (u64, u64, u64) {
    arch::simple(number, arguments)
}

/// The processor's counter: TSC, or CNTVCT_EL0.
#[inline(always)]
pub fn counter() -> u64 {
    arch::counter()
}

/// An instruction that changes nothing and that no compiler writes: where an emulator's plugin, if one counts, is to
/// begin anew.
#[inline(always)]
pub fn mark() {
    arch::mark();
}

/// Bytes of this thread's IPC buffer that carry a message's payload: at most `bytes.len()` of them are written.
pub fn write_payload(bytes: &[u8]) {
    if let Some(mut buffer) = Buffer::own() {
        buffer.payload().iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }
}

/// What lies there now.
pub fn read_payload(bytes: &mut [u8]) {
    if let Some(mut buffer) = Buffer::own() {
        bytes.iter_mut().zip(buffer.payload().iter()).for_each(|(place, byte)| *place = *byte);
    }
}

/// The handles of this thread's IPC buffer: sent, then received.
pub fn write_handles(handles: [u32; 4]) {
    if let Some(mut buffer) = Buffer::own() {
        *buffer.handles() = handles;
    }
}

/// What stands there now.
pub fn read_handles() -> [u32; 4] {
    Buffer::own().map_or([0; 4], |mut buffer| *buffer.handles())
}
