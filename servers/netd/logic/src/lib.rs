//! What netd decides without handles, so that it is tested on the host.
//!
//! * [`Permit`]: what a session may do, made from the narrowings of its binding.
//! * [`Local`]: a connection's bytes while there are no shared rings, and for TLS, whose sealed bytes no client sees.
//! * [`words`]: the stack's and TLS' errors and states in the protocol's words.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod local;
mod permit;
pub mod words;

pub use local::Local;
pub use permit::{Action, Permit, Where};
