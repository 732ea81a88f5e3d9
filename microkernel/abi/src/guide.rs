//! What the reference page says about each system call beyond [`crate::calls`]: the rights it needs, how much work it
//! is, why each of its errors comes.
//!
//! Rules: an error that follows from the kind of an argument (no such handle, another kind, revoked, gone) is not
//! explained again here; a reason here stands beside those. A test in `docs/pages` holds this to the table.

use crate::Error;

/// How much work a call is, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The same whatever there is.
    Fixed,
    /// It grows with the message: 8 bytes at a time beyond the registers, and up to four handles.
    Message,
    /// As [`Work::Message`]; restarted after each eight waiting callers whose handles can't be taken.
    Receiving,
    /// It grows with something that has a bound: what, and how much of it.
    Bounded(&'static str),
    /// Any amount. An entry does a bounded part, then the call is rewound: interrupts and other cores get in between.
    Parts(&'static str),
}

/// More about a call.
#[derive(Clone, Copy, Debug)]
pub struct Guide {
    /// Its name in the table.
    pub call: &'static str,
    /// Arguments that need a right of their handle, and the right.
    pub rights: &'static [(&'static str, &'static str)],
    /// How much work it is.
    pub work: Work,
    /// Why errors come.
    pub reasons: &'static [(Error, &'static str)],
}

const NO_ROOM: &str = "the caller's handle table can't grow beyond 65,536 slots";
const DYING: &str = "the pool is being destroyed";
const SENT_BAD: &str = "a handle in the message is none, or stands there twice";
const SENT_DENIED: &str = "a handle in the message lacks TRANSFER";
const BAD_MESSAGE: &str =
    "the tag has unknown bits, more than 4,064 bytes or four handles; or more than four are to be taken";
const NO_CALLER: &str = "the caller was answered, was stopped or has ended, or another thread received its call";
const CHANNEL_GONE: &str = "the channel went while the thread waited";
const WAITING_REVOKED: &str = "the Grant was revoked while the thread waited";

/// Every call, by number.
pub const GUIDES: &[Guide] = &[
    Guide { call: "null", rights: &[], work: Work::Fixed, reasons: &[] },
    Guide {
        call: "call",
        rights: &[("channel", "CALL")],
        work: Work::Message,
        reasons: &[
            (Error::BadHandle, SENT_BAD),
            (Error::Denied, SENT_DENIED),
            (Error::Revoked, "the Grant was revoked before anybody received the call"),
            (Error::BadArgument, BAD_MESSAGE),
            (
                Error::ServerDied,
                "nobody can receive from the channel any more, or the thread that had received the call ended",
            ),
            (
                Error::TooManyHandles,
                "the message has more handles than the receiver takes, or the answer than the caller takes",
            ),
            (Error::TableFull, "the handle table of the one who was to get the handles can't grow"),
            (Error::PoolEmpty, "the pool of the one who was to get the handles has no page for its table to grow"),
            (Error::Deadlock, "the caller works for a chain of 16 calls already"),
        ],
    },
    Guide {
        call: "reply_recv",
        rights: &[("tag", "RECV, for the channel in it")],
        work: Work::Receiving,
        reasons: &[
            (Error::BadHandle, "the tag's channel is no handle of the caller's"),
            (Error::BadHandle, SENT_BAD),
            (Error::Denied, SENT_DENIED),
            (Error::Revoked, "the tag's channel was derived through a Grant that is revoked"),
            (Error::Revoked, WAITING_REVOKED),
            (Error::WrongKind, "the tag's channel is no Channel"),
            (Error::BadArgument, BAD_MESSAGE),
            (Error::ServerDied, "the tag's channel is gone"),
            (Error::ServerDied, CHANNEL_GONE),
            (Error::CallerGone, NO_CALLER),
        ],
    },
    Guide {
        call: "recv",
        rights: &[("channel", "RECV")],
        work: Work::Receiving,
        reasons: &[
            (Error::Revoked, WAITING_REVOKED),
            (Error::BadArgument, "more than four handles are to be taken"),
            (Error::ServerDied, CHANNEL_GONE),
        ],
    },
    Guide {
        call: "reply",
        rights: &[],
        work: Work::Message,
        reasons: &[
            (Error::BadHandle, SENT_BAD),
            (Error::Denied, SENT_DENIED),
            (Error::BadArgument, "the tag has unknown bits, more than 4,064 bytes or four handles"),
            (Error::CallerGone, NO_CALLER),
        ],
    },
    Guide { call: "notify", rights: &[("notification", "NOTIFY")], work: Work::Fixed, reasons: &[] },
    Guide {
        call: "close",
        rights: &[],
        work: Work::Parts("what ends with the objects' last handles"),
        reasons: &[(Error::BadHandle, "a handle is named twice")],
    },
    Guide {
        call: "dup",
        rights: &[("process", "ENDOW")],
        work: Work::Bounded("the free slots from 1 to 127, for a given index"),
        reasons: &[
            (Error::Denied, "a process is named and the handle lacks TRANSFER"),
            (Error::BadArgument, "the rights have unknown bits; or the index is no free slot from 1 to 127"),
            (Error::ServerDied, "the process is being ended"),
            (Error::TableFull, "the table can't grow beyond 65,536 slots"),
            (Error::PoolEmpty, "the pool of the process that gets the handle has no page for its table to grow"),
        ],
    },
    Guide {
        call: "derive",
        rights: &[("pool", "MAKE"), ("to", "ENDOW, for the process in it")],
        work: Work::Fixed,
        reasons: &[
            (Error::WrongKind, "the handle is a Grant, from which nothing is derived"),
            (
                Error::BadArgument,
                "the rights or to have unknown bits; the index in it is no free slot from 1 to 127; or the handle is behind four Grants already",
            ),
            (Error::Denied, "a process is named and the handle lacks TRANSFER"),
            (Error::ServerDied, DYING),
            (Error::ServerDied, "the process is being ended"),
            (Error::TableFull, NO_ROOM),
            (Error::PoolEmpty, "the pool has no page for the Grant, or the caller's own none for its handle table"),
        ],
    },
    Guide {
        call: "revoke",
        rights: &[("grant", "REVOKE")],
        work: Work::Parts("mappings, bindings and waiting threads below the Grant"),
        reasons: &[],
    },
    Guide {
        call: "info",
        rights: &[],
        work: Work::Bounded("the first 512 pages of a Memory; 128 pages from an address on"),
        reasons: &[
            (Error::BadAddress, "the address that is asked about is not a page's, or not the user's"),
            (Error::Denied, "the handle lacks the right that the selector names"),
            (Error::WrongKind, "the selector is about another kind of object"),
            (Error::BadArgument, "there is no such selector; or the device address of ordinary memory is asked for"),
        ],
    },
    Guide {
        call: "create",
        rights: &[("pool", "MAKE"), ("x", "ENDOW, for a Thread")],
        work: Work::Parts("zeroing a Memory, 16 pages an entry; other kinds are fixed"),
        reasons: &[
            (Error::WrongKind, "x is no Process, for a Thread"),
            (
                Error::BadArgument,
                "kind is none that is created so; Pool: no pages, a ceiling above the parent's, nested deeper than 16, a bad budget; \
                 Thread: a priority above the ceiling; Memory: no pages, or an unknown type",
            ),
            (Error::BadAddress, "Thread: the IPC buffer's address is not a page's, not the user's, or taken"),
            (Error::ServerDied, "the pool is being destroyed, or for a Thread the process"),
            (Error::TableFull, "the caller's handle table can't grow"),
            (Error::PoolEmpty, "the pool has too few pages, or there are not so many frames in a row for a Memory"),
            (
                Error::OverBudget,
                "Pool: the pools above have too little processor time left, or none; or a real-time ceiling without any",
            ),
        ],
    },
    Guide {
        call: "destroy",
        rights: &[("handle", "DESTROY (Pool), CONTROL (Thread)")],
        work: Work::Parts("all that was made from the pool"),
        reasons: &[(Error::Denied, "it is the root pool"), (Error::WrongKind, "it is neither a Pool nor a Thread")],
    },
    Guide {
        call: "pool_move",
        rights: &[("from", "MAKE; from a sub-pool also DESTROY"), ("to", "MAKE")],
        work: Work::Fixed,
        reasons: &[
            (Error::BadArgument, "neither pool is the other's parent"),
            (Error::PoolEmpty, "so many pages are not free, or one of the pools is being destroyed"),
        ],
    },
    Guide {
        call: "slice",
        rights: &[("pool", "MAKE"), ("object", "USE, if it is interrupt lines")],
        work: Work::Fixed,
        reasons: &[
            (Error::WrongKind, "the object is no Memory, Interrupt or IoPorts"),
            (Error::BadArgument, "the object has no such part; of interrupt lines not one; or unknown flags"),
            (Error::ServerDied, "the pool is being destroyed, or the Memory of which this is a slice is gone"),
            (Error::TableFull, NO_ROOM),
            (Error::PoolEmpty, "the pool has no page for the object, or the caller's own none for its handle table"),
        ],
    },
    Guide {
        call: "map",
        rights: &[("process", "MAP"), ("memory", "READ, WRITE, EXECUTE as the access says")],
        work: Work::Bounded("128 pages"),
        reasons: &[
            (Error::Denied, "writing is asked for and a page is frozen"),
            (
                Error::BadArgument,
                "no pages or more than 128; pages that the Memory has not; unknown access, or none that reads",
            ),
            (Error::BadAddress, "the range is not of pages, not the user's, or something is mapped there"),
            (Error::ServerDied, "the process is being ended, or the Memory of which this is a slice is gone"),
            (Error::TableFull, "a page is mapped writable more than 65,407 times"),
            (Error::PoolEmpty, "the process's pool has too few pages for page tables and records"),
            (Error::NotExecutable, "a page is not sealed, or a device's"),
        ],
    },
    Guide {
        call: "unmap",
        rights: &[("process", "MAP")],
        work: Work::Parts("pages, of 32,768 at most"),
        reasons: &[
            (Error::BadArgument, "no pages, or more than 32,768"),
            (Error::BadAddress, "the range is not of pages, or not the user's"),
        ],
    },
    Guide {
        call: "protect",
        rights: &[("process", "MAP")],
        work: Work::Bounded("128 pages"),
        reasons: &[
            (
                Error::Denied,
                "the handle by which a page was mapped did not allow that; the page is frozen, or was made read-only by `evict`",
            ),
            (Error::BadArgument, "no pages or more than 128; unknown access, or none that reads"),
            (Error::BadAddress, "the range is not of pages, not the user's, or something of it is not mapped"),
            (Error::TableFull, "a page is mapped writable more than 65,407 times"),
            (Error::NotExecutable, "a page is not sealed, or a device's"),
        ],
    },
    Guide {
        call: "evict",
        rights: &[("memory", "OWNER")],
        work: Work::Parts("mappings of the Memory"),
        reasons: &[
            (Error::BadArgument, "the Memory has no such pages; or keep is neither 0 nor 1"),
            (Error::ServerDied, "the Memory of which this is a slice is gone"),
        ],
    },
    Guide {
        call: "freeze",
        rights: &[("memory", "OWNER")],
        work: Work::Bounded("256 pages"),
        reasons: &[
            (Error::BadArgument, "more than 256 pages, pages that the Memory has not, or a device's registers"),
            (Error::ServerDied, "the Memory of which this is a slice is gone"),
        ],
    },
    Guide {
        call: "seal",
        rights: &[("memory", "OWNER"), ("authority", "SEAL")],
        work: Work::Bounded("32 pages"),
        reasons: &[
            (Error::BadArgument, "more than 32 pages, pages that the Memory has not, or a device's registers"),
            (Error::ServerDied, "the Memory of which this is a slice is gone"),
            (Error::NotFrozen, "a page can still be written"),
        ],
    },
    Guide {
        call: "start",
        rights: &[("thread", "CONTROL"), ("fault", "CALL"), ("notification", "OWNER")],
        work: Work::Fixed,
        reasons: &[
            (Error::BadArgument, "the thread is not stopped"),
            (Error::BadAddress, "pc or sp is not the user's"),
        ],
    },
    Guide {
        call: "stop",
        rights: &[("thread", "CONTROL")],
        work: Work::Parts("nothing, until the core on which the thread runs has let go of it"),
        reasons: &[],
    },
    Guide {
        call: "state",
        rights: &[("thread", "INSPECT")],
        work: Work::Fixed,
        reasons: &[(Error::BadArgument, "the thread is running; or there is no register with that index")],
    },
    Guide {
        call: "config",
        rights: &[("thread", "CONTROL"), ("value", "CALL (fault channel), OWNER (notification)")],
        work: Work::Fixed,
        reasons: &[
            (Error::WrongKind, "the value is no Channel or no Notification where it has to be one"),
            (
                Error::BadArgument,
                "nothing that can be set, or a value out of its range, such as a priority above the ceiling",
            ),
        ],
    },
    Guide { call: "yield_now", rights: &[], work: Work::Fixed, reasons: &[] },
    Guide {
        call: "irq_bind",
        rights: &[("interrupt", "USE"), ("notification", "OWNER or NOTIFY")],
        work: Work::Fixed,
        reasons: &[(
            Error::BadArgument,
            "the interrupt is many lines; another slice of the line is bound; or the notification's handle has none of the bits",
        )],
    },
    Guide {
        call: "irq_ack",
        rights: &[("interrupt", "USE")],
        work: Work::Fixed,
        reasons: &[(Error::BadArgument, "it is not bound")],
    },
    Guide {
        call: "ioport",
        rights: &[("ports", "USE")],
        work: Work::Fixed,
        reasons: &[(Error::BadArgument, "no such operation, or a port beyond the range")],
    },
    Guide {
        call: "debug_log",
        rights: &[("authority", "LOG")],
        work: Work::Fixed,
        reasons: &[(Error::BadArgument, "more than 232 bytes, or unknown bits in the tag")],
    },
    Guide {
        call: "system",
        rights: &[("authority", "POWER")],
        work: Work::Fixed,
        reasons: &[(Error::BadArgument, "no such operation")],
    },
    Guide {
        call: "trace",
        rights: &[("process", "INSPECT"), ("ring", "READ and WRITE"), ("authority", "LOG")],
        work: Work::Fixed,
        reasons: &[
            (Error::BadArgument, "the ring is a slice, device memory, or not of 2 to 256 pages"),
            (Error::TableFull, "the process has more than 256 threads"),
        ],
    },
    Guide {
        call: "give",
        rights: &[("process", "ENDOW")],
        work: Work::Bounded("eight handles, and the free slots from 1 to 127"),
        reasons: &[
            (Error::BadHandle, "a gift is no handle of the caller's; or one that is moved is named twice"),
            (Error::Denied, "a gift lacks TRANSFER"),
            (Error::Revoked, "a gift was derived through a Grant that is revoked"),
            (
                Error::BadArgument,
                "the rights have unknown bits; an index is no free slot from 1 to 127, or named twice; or moved has a bit for no gift",
            ),
            (Error::ServerDied, "what a gift names is gone, or the process is being ended"),
        ],
    },
];
