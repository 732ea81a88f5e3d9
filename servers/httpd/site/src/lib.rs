//! What httpd does that needs no handles: a connection from its first byte to its last, files and the status page.
//!
//! ```text
//!  Stream (bytes, deadlines) ◄──► converse ──► Site ──► Backend (files, figures, clock)
//!                                    │           └── status::html, status::json
//!                                 http::server::Connection
//! ```
//!
//! **Rules.**
//! * Streams, files, figures and time come in by traits, so that the host's tests talk to the code that runs.
//! * Every wait has a deadline ([`Times`]), so no client holds a connection for longer than it makes progress.
//! * A connection ends with FIN and is then read until the peer's: bytes that are left unread would make it a reset, which
//!   can overtake the answer.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answer;
mod backend;
mod conversation;
pub mod status;
mod traffic;

pub use answer::Site;
pub use backend::{Backend, Opened, Version};
pub use conversation::{Stream, Times, converse};
pub use traffic::{Traffic, TrafficFigures};
