//! HARDTEST: what the kernel promises programs, exercised with threads, time and long messages.

mod borrowed;
mod counters;
pub mod floats;
pub mod messages;
mod notifications;
mod state;
mod timers;

use crate::checks::Group;

/// The groups.
pub const GROUPS: &[Group] = &[
    Group { name: "vector registers across preemption", run: floats::run },
    Group { name: "deadlines", run: timers::run },
    Group { name: "notifications", run: notifications::run },
    Group { name: "messages of every length", run: messages::lengths },
    Group { name: "handles in messages", run: messages::handles },
    Group { name: "deferred replies", run: messages::deferred },
    Group { name: "the kernel's counters", run: counters::run },
    // The last: it has children, of whose ends a bit may still come, and deadlines and notifications want none.
    Group { name: "flags, control words and pointers of threads", run: state::run },
];
