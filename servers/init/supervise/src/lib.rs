//! What init decides, without a handle, a clock or a random number of its own: all come in as arguments.
//!
//! * [`restart`]: when a service that ended starts again, and when it is left alone.
//! * [`opens`]: who waits for which service, and what a service is to answer next.
//! * [`lent`]: the sessions of a process that can be taken back.
//! * [`table`]: which processes there are, whose children they are, who may do what to whom.
//! * [`budget`]: how the machine's memory is shared out to the services' pools.
//! * [`entropy`]: mixing and deriving seeds.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod budget;
pub mod entropy;
pub mod lent;
pub mod opens;
pub mod restart;
pub mod table;

/// Nanoseconds since boot.
pub type Time = u64;
/// Nanoseconds of a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;
