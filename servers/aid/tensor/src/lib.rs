//! Runs checked models: operators, their kernels, and a Context that needs no allocation while it runs.
//!
//! Every number is defined to the bit. A sum of products starts at +0, goes through k ascending in one accumulator, by
//! fused multiply-add (or, for ops marked SEPARATE, with the product rounded first), then comes the bias, then the
//! activation. So all variants of a kernel give the same bits: the plain reference, AVX2 and NEON; tests compare them.
//!
//! ```text
//! Model (waymodel) --new--> Context: arena | scratch
//!                             run: inputs copied in -> op by op (ops/) -> kernels (kernel/) -> outputs checked, copied out
//! ```
//!
//! `unsafe` stands in `kernel/` alone, for vector intrinsics.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

#[cfg(target_endian = "big")]
compile_error!("model files and messages are little-endian and are used in place");

mod context;
mod error;
mod judge;
pub mod kernel;
mod math;
mod memory;
mod ops;
mod variant;

pub use context::{Context, Needs};
pub use error::RunError;
pub use judge::{Failure, Verdict, verify};
pub use variant::Variant;
