//! The kernel as a safe, hardware-independent state machine.
#![no_std]
#![forbid(unsafe_code)]
