//! The messages of every service, shared by its clients and its server.
//!
//! A service is a [`Protocol`]: a name, a major version, an enum of requests and one of replies, in postcard. A reply
//! travels as `Result<Reply, Error>`, see [`Answer`]. Rules that hold for all of them:
//!
//! * Variants and fields are appended, never moved or reused; the golden tests hold the encoding still.
//! * Every field has a bound ([`Text`], [`Bytes`], [`List`], integers), so that what is decoded is small.
//! * Trailing bytes, unknown variants and flags, bad UTF-8 and wrong numbers of handles are [`Error::Malformed`].
//! * Each request says in its documentation which handles go with it, what answers, whether it may wait, and whether it
//!   is idempotent: then libsys may repeat it after the server died. `Request::idempotent` says the same in code.
//! * Handles travel beside the bytes, at most four, and only with a `call`.
//!
//! Neighbours: `abi` has the kernel's part of a message, `libsys` sends and receives.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ai;
mod bounded;
pub mod child;
mod codec;
pub mod console;
pub mod device;
mod error;
mod flags;
pub mod fs;
pub mod names;
pub mod net;
pub mod pager;
pub mod process;
pub mod session;
pub mod start;

pub use bounded::{Bytes, List, Text};
pub use codec::{decode, encode, encode_vec};
pub use error::Error;
pub use session::Id;
pub use start::{StartBody, Stream};

use serde::{Serialize, de::DeserializeOwned};

/// A service's messages.
pub trait Protocol: 'static {
    /// The name under which `names.open` checks it.
    const NAME: &'static str;
    /// The version; another one answers [`Error::Version`] at open.
    const MAJOR: u16;
    /// What clients send.
    type Request: Serialize + DeserializeOwned + Idempotent;
    /// What the server answers, if it does not fail.
    type Reply: Serialize + DeserializeOwned;
}

/// Whether a request may be repeated after the server died, without its effect happening twice.
pub trait Idempotent {
    /// True where a repetition does no harm.
    fn idempotent(&self) -> bool;
}

/// What is sent back: a reply or an error.
pub type Answer<P> = Result<<P as Protocol>::Reply, Error>;

/// The longest encoded message, as the kernel carries it.
pub const MAX_MESSAGE: usize = abi::message::MAX_BYTES;
