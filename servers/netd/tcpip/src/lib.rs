//! A TCP/IP stack without input, output or clock.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod addr;
pub mod buffer;
pub mod device;
pub mod error;
pub mod rng;
pub mod slab;
pub mod tcp;
pub mod time;
pub mod wire;
