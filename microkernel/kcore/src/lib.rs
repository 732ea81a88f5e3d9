//! The kernel as a safe, hardware-independent state machine.
#![no_std]
#![forbid(unsafe_code)]

mod context;
pub mod hw;
mod regs;

pub use context::{Context, FPU_BYTES};
pub use hw::Hw;
pub use regs::Regs;
