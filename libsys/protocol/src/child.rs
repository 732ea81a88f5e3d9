//! `child`: a process that is not started yet, spoken on the channel that `process.create` returns.
//!
//! Closing the channel before `Start` ends the child. After `Start` every request answers `InUse`. Nothing here waits.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Idempotent, Protocol};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "child";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

/// Bytes of body in a message at most.
pub const BODY_PART: usize = 4000;

/// What the spawner sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Puts handles at ascending indices: 5 (a names channel), 10–15 (streams), from 16 (named). Handles: one to four. `Exists`
    /// where one stands already. Not idempotent.
    Give {
        /// The first handle's index.
        index: u16,
    },
    /// Appends to the start block's body; init checks the lengths. Not idempotent.
    Body {
        /// Of an encoded [`crate::StartBody`].
        bytes: Bytes<BODY_PART>,
    },
    /// Starts it; `Malformed` if the body does not decode. Not idempotent.
    Start,
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        false
    }
}

/// What init answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
}
