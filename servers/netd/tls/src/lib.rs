//! TLS 1.3 as a state machine, over rustls and RustCrypto.
//!
//! **Purpose.** netd opens verified connections for `fetch` and accepts them for `httpd`. This crate turns bytes from the
//! network into plain text and back. It does no input or output, holds no clock and makes no randomness: both come from
//! the caller through [`Entropy`] and [`Clock`], and both may fail. Without randomness or time there is no connection.
//!
//! ```text
//!              network                                       application
//!   feed(bytes) ───────►┌────────────────────────────────┐──► read(buffer)
//!                       │ Connection         process()   │
//!   take_output(buf) ◄──└────────────────────────────────┘◄── write(plain), close_notify()
//!
//!   Handshaking ──► Open ──► PeerClosed ──► Closed
//!        └────────────┴──────────┴──► Failed(why)
//! ```
//!
//! **Rules.**
//! * TLS 1.3 only (RFC 8446); suites AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305; groups X25519, P-256, P-384.
//! * Only [`Connection::process`] does work that costs; it takes one record at a time. While
//!   [`Connection::needs_handshake_work`] says so, netd calls it on its lower thread, so that a handshake (up to a few
//!   milliseconds of arithmetic) delays no other connection's packets.
//! * Every buffer has a bound; a full one means that `feed` or `write` takes less, never that memory grows.
//! * An error is final, names its cause in one line ([`Error`]) and has a code of the system's table ([`Error::code`]).
//! * A peer that ends without `close_notify` is told apart from one that closed ([`Connection::peer_ended`]).
//! * rustls does not appear in the public interface, so that it can be exchanged.
//!
//! **Neighbours.** `tcpip` brings the bytes; `http` speaks above it. Roots come from `SYS:certs` (see [`Roots`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod certificate;
mod client;
mod connection;
mod crypto;
mod date;
mod der;
mod engine;
mod error;
mod identity;
mod pem;
mod queue;
mod roots;
mod server;
mod sessions;
mod source;
mod summary;
mod translate;
mod verifier;

pub use certificate::{Certificate, SubjectName};
pub use client::{ClientConfig, ClientOptions, ServerName, Trust};
pub use connection::{Connection, Progress, State};
pub use crypto::{Aes, Crypto};
pub use date::UnixTime;
pub use error::{CertificateProblem, Error, Reason};
pub use identity::{Identity, IdentityError};
pub use pem::{PemBlock, PemError, parse_pem};
pub use roots::{Roots, RootsError};
pub use server::{ServerConfig, ServerOptions};
pub use source::{Clock, Entropy, NoEntropy};
pub use summary::Summary;
