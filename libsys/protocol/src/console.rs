//! `console`: terminals. A session's object 0 is one terminal, chosen by the binding's narrowing (`serial`, `harness`).
//!
//! A cooked terminal edits and echoes a line and answers it whole, with its newline; Ctrl-D at its start is the end. A raw
//! one answers bytes as they come. Ctrl-C on a cooked terminal rings the session owner's doorbell with BREAK C (bit 0)
//! and ends pending reads with [`Error::Break`](crate::Error::Break); raw it is a byte.

use serde::{Deserialize, Serialize};

use crate::{
    Bytes, Id, Idempotent, Protocol,
    flags::flags,
    session::{Attach, Attached, sessions},
};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "console";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}
sessions!(Service, Request, Reply);

/// Bytes of terminal data in a message at most.
pub const PART: usize = 3968;

flags! {
    /// What a shared terminal may be used for.
    pub struct Rights: u8 {
        /// Read.
        const READ = 1;
        /// Write.
        const WRITE = 2;
        /// Change the mode and size, take the foreground.
        const CONTROL = 4;
    }
}

/// How input is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Lines, edited and echoed by the console.
    #[default]
    Cooked,
    /// Lines, not echoed: passwords.
    Silent,
    /// Bytes as they come, not echoed; output is not translated either. A read gives no more than up to Enter or Ctrl-C: what
    /// was typed ahead is there for whoever reads next, in the mode that there is then.
    Raw,
}

/// Which of a harness terminal's two outputs; others have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Standard output.
    #[default]
    Output,
    /// Standard error.
    Error,
}

/// What clients send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The session's shared memory; see [`Attach`]. The doorbell needs bits 0–3 too where BREAK is to come. Not idempotent.
    Attach(Attach),
    /// Closes an object; closing id 0 answers `BadArgument`. Not idempotent.
    Close {
        /// The object.
        id: Id,
    },
    /// A handle to a new session with this terminal as id 0: `Done` with it. Not idempotent.
    Share {
        /// At most the session's own.
        rights: Rights,
        /// Where its writes go.
        side: Side,
    },
    /// Reads a line (or its rest) or bytes: `Bytes`, empty at the end. May wait; `TimedOut` at the deadline, `Break`. Not
    /// idempotent: what was typed is gone.
    Read {
        /// At most so many bytes, ≤ [`PART`].
        length: u16,
        /// ns since boot; `u64::MAX` waits, 0 answers what is there.
        deadline: u64,
    },
    /// Writes: `Done` once it is queued. May wait while the queue is full. Not idempotent.
    Write {
        /// UTF-8, or what the terminal understands.
        bytes: Bytes<PART>,
    },
    /// Sets the mode: `Mode` with the one before. Idempotent.
    Mode {
        /// The new one.
        mode: Mode,
    },
    /// The size: `Size`. Idempotent.
    Size,
    /// Tells the console what the size is, after the client asked the terminal. Idempotent.
    SetSize {
        /// Columns and rows.
        size: Size,
    },
    /// Throws away what was typed and not read. Idempotent.
    Discard,
    /// Makes this session the one that BREAK goes to and that reads. Idempotent.
    Foreground,
    /// On a harness terminal: reports the return code of the script (record 3). Idempotent.
    ReturnCode {
        /// 0–255.
        code: u8,
    },
    /// Waits until everything written has left for the device. Idempotent.
    Drain,
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        matches!(self, Mode { .. } | Size | SetSize { .. } | Discard | Foreground | ReturnCode { .. } | Drain)
    }
}

/// What console answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// See [`Attach`].
    Attached(Attached),
    /// It is done.
    Done,
    /// What was read.
    Bytes(Bytes<PART>),
    /// The mode before.
    Mode(Mode),
    /// The size.
    Size(Size),
}

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// What the terminal can do.
    pub kind: Kind,
}

/// What a terminal can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Nothing but text: no escape sequences.
    #[default]
    Dumb,
    /// ANSI escape sequences.
    Ansi,
}
