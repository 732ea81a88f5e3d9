//! `names`: a process's name space, a table in init: name → bindings.
//!
//! A binding is a service and up to four narrowings, texts that only the service reads. Services (`net`) and assigns
//! (`SYS:`, here without the colon) are the same thing. Names compare without regard to ASCII case.
//!
//! ```text
//!  client: Open ───────────────┐ waits                 ┌──► reply to the client, with the handle
//!  init:   WORK (bit 6) ─► server: Next ─► Work ─► Give┘      (Refuse: with the error)
//! ```

use serde::{Deserialize, Serialize};

use crate::{Error, Idempotent, List, Protocol, Text};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "names";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

/// A name, without a colon.
pub type Name = Text<32>;
/// A narrowing.
pub type Narrowing = Text<128>;

/// What clients and servers send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Opens a name: `Opened` with the handle of a session. Waits for the server up to 5 s (`Unavailable`), and for its restart.
    /// `NotFound`, `Version`, `WrongType` for another protocol. Idempotent.
    Open {
        /// The name.
        name: Name,
        /// [`Protocol::NAME`].
        protocol: Text<16>,
        /// [`Protocol::MAJOR`].
        major: u16,
        /// Which binding of a multi-assign, from 0.
        binding: u8,
    },
    /// For servers: the next open request for them: `Work`, or `NoMoreEntries`. The first tells that the server is ready. Not
    /// idempotent.
    Next,
    /// For servers: answers an open request. Handle: the session. `NotFound` if the client is gone. Not idempotent.
    Give {
        /// From `Work`.
        request: u32,
    },
    /// For servers: refuses an open request. Not idempotent.
    Refuse {
        /// From `Work`.
        request: u32,
        /// What the client gets.
        error: Error,
    },
    /// Binds a name to what another name's binding is, narrowed further. `Limit`, `NotFound`. Not idempotent.
    Bind {
        /// The name to bind.
        name: Name,
        /// What it is made from.
        from: Source,
        /// Where it stands among the name's bindings.
        place: Place,
    },
    /// Removes a name, or one of its bindings. `NotFound`. Not idempotent.
    Unbind {
        /// The name.
        name: Name,
        /// Which binding, or all.
        binding: Option<u8>,
    },
    /// Lists names in alphabetical order: `Names`. Idempotent.
    List {
        /// Names to skip.
        skip: u16,
    },
    /// One name: `Names` with one entry, or `NotFound`. Idempotent.
    Look {
        /// The name.
        name: Name,
    },
    /// Copies the name space: `Done` with the copy's channel (to narrow, and to give to a child at index 5). Not idempotent.
    Copy,
    /// Adds a narrowing to every binding of a name. Not idempotent.
    Narrow {
        /// The name.
        name: Name,
        /// What the service is to apply after the others.
        narrowing: Narrowing,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        matches!(self, Request::Open { .. } | Request::List { .. } | Request::Look { .. })
    }
}

/// What a new binding is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A name's binding, with a further narrowing if it is not empty.
    Name {
        /// The name.
        name: Name,
        /// Which of its bindings.
        binding: u8,
        /// What is added.
        narrowing: Narrowing,
    },
    /// A text that the shell resolves at the first use.
    Defer(Text<255>),
    /// A text that the shell resolves at every use.
    Path(Text<255>),
}

/// Where a new binding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Instead of all others.
    Replace,
    /// Before them.
    First,
    /// After them.
    Last,
}

/// What init answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// The session's handle comes with it.
    Opened {
        /// How many bindings the name has: more than 1 for a multi-assign.
        bindings: u8,
    },
    /// An open request for the server.
    Work {
        /// To answer it by.
        request: u32,
        /// What to apply, in order; each can only shrink.
        narrowings: List<Narrowing, 4>,
        /// The client's process number, for counters and the log.
        label: u64,
        /// The client's job, which bounds what it may have together: all that descends from one child of a service; a service's
        /// own number.
        job: u64,
        /// Which of the server's protocols the client wants: [`Protocol::NAME`].
        protocol: Text<16>,
    },
    /// Names; fewer than 4 is the end of `List`.
    Names(List<Entry, 4>),
}

/// A name in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// Its bindings, in the order they are tried. Narrowings beyond what a message holds are cut.
    pub bindings: List<Binding, 8>,
}

/// A binding in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// A service.
    Service {
        /// Who provides it.
        service: Name,
        /// Its narrowings, joined by ` / `, shortened for people.
        narrowings: Text<80>,
    },
    /// See [`Source::Defer`].
    Defer(Text<96>),
    /// See [`Source::Path`].
    Path(Text<96>),
}
