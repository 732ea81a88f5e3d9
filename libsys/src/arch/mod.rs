//! What differs between processors: the system call instruction, the thread pointer, the counter, the entry.
//!
//! Each module has the same functions: `simple` and `full` system calls, `block` (the thread pointer), `counter`, `pause`,
//! `frame` (the frame pointer), `barrier`, `relax`. On the host every system call answers `ServerDied`, so that what needs a kernel
//! fails and the rest can be tested.

#[cfg(all(target_os = "viaether", target_arch = "aarch64"))]
mod aarch64;
#[cfg(all(target_os = "viaether", target_arch = "aarch64"))]
pub(crate) use aarch64::*;

#[cfg(all(target_os = "viaether", target_arch = "x86_64"))]
mod x86_64;
#[cfg(all(target_os = "viaether", target_arch = "x86_64"))]
pub(crate) use x86_64::*;

#[cfg(not(target_os = "viaether"))]
mod host;
#[cfg(not(target_os = "viaether"))]
pub(crate) use host::*;

/// The registers that a message uses, before and after.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frame {
    /// Number with handles taken from bit 16; then the status.
    pub number: u64,
    /// First argument and result.
    pub a0: u64,
    /// Second argument and result.
    pub a1: u64,
    /// Deadline; then the badge.
    pub deadline: u64,
    /// The words.
    pub words: [u64; 8],
}
