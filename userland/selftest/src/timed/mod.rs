//! TIMETEST: what time tells, and how late an answer comes. For a machine whose clock counts instructions (`--icount`) and that has
//! one core: a nanosecond is an instruction there, and every run is like the last. Elsewhere its figures mean nothing.

mod answers;
mod refusals;

use crate::checks::Group;

/// The groups.
pub const GROUPS: &[Group] = &[
    Group { name: "what the time of a refusal tells", run: refusals::run },
    Group { name: "answers beside floods", run: answers::floods },
    Group { name: "answers beside who never reads", run: answers::deaf },
];
