//! HARDTEST: what the kernel promises programs, exercised with threads, time and long messages.

/// An instruction for each of the 16 vector registers, in which `\n` is its number.
#[cfg(target_arch = "x86_64")]
macro_rules! each_register {
    ($line:literal) => {
        concat!(".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n", $line, "\n.endr")
    };
}

mod answers;
mod borrowed;
mod copies;
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
    Group { name: "memory copied and filled", run: copies::run },
    Group { name: "deadlines", run: timers::run },
    Group { name: "notifications", run: notifications::run },
    Group { name: "messages of every length", run: messages::lengths },
    Group { name: "handles in messages", run: messages::handles },
    Group { name: "deferred replies", run: messages::deferred },
    Group { name: "answers of a server's loop", run: answers::run },
    Group { name: "the kernel's counters", run: counters::run },
    // The last: it has children, of whose ends a bit may still come, and deadlines and notifications want none.
    Group { name: "flags, control words and pointers of threads", run: state::run },
];
