//! HTTP/1.1 (RFC 9110, 9112) as state machines: bytes and events in, bytes and events out; no sockets, no clock.
//!
//! **Purpose.** `fetch` asks and `httpd` answers; both do it with what is here.
//!
//! ```text
//! client   Url ─► Request::write ─► network ─► ResponseReader::next ─► Head, Body.., End
//!           ▲                                        │ Location
//!           └────────────── Redirects::follow ◄──────┘
//!
//! server   network ─► Connection::feed ─► next_request ─► your answer ─► respond, write_body ─► take_output ─► network
//! ```
//!
//! **Rules.**
//! * However the network cuts the bytes, the result is the same. Tests try every cut.
//! * A server is strict: what two readers could understand in two ways is refused (request smuggling, RFC 9112 §11.2).
//!   A client is lenient about line ends, because old servers are, and about nothing that decides where a body ends.
//! * Everything has a bound: heads, lines, fields, bodies, redirects.
//! * A path from the network becomes a list of plain names before it reaches a file system ([`server::RequestPath`]).
//!
//! The heads are read by a reader of this crate, not by `httparse`: what is refused (bare CR and LF, folding, spaces before
//! the colon) and at which byte is the point here, and splits must not matter.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod body;
mod date;
mod fields;
mod host;
mod lines;
mod redirect;
mod reference;
mod request;
mod response;
pub mod server;
mod status;
mod url;

pub use body::BodyError;
pub use date::HttpDate;
pub use fields::{FieldError, Fields};
pub use host::Host;
pub use redirect::{Redirect, RedirectError, Redirects};
pub use request::{Method, Request};
pub use response::{Event, ResponseError, ResponseHead, ResponseReader};
pub use status::Status;
pub use url::{Scheme, Url, UrlError};
