//! SECTEST: what a process without rights tries, and must not get.

mod badges;
pub mod bombs;
mod code;
pub mod deaf;
pub mod floods;
mod golden;
pub mod handles;
mod hidden;
pub mod leaks;
mod memory;
mod messages;
mod pools;
mod priorities;
pub mod revoke;
mod rights;
mod scribble;
#[cfg(target_arch = "x86_64")]
mod segments;
pub mod services;
pub mod storm;

use crate::checks::Group;

/// The groups, from single handles to whole services.
pub const GROUPS: &[Group] = &[
    Group { name: "forged handles", run: handles::forged },
    Group { name: "forged handles in every system call", run: handles::in_every_call },
    Group { name: "stale and foreign handles", run: handles::stale_and_foreign },
    Group { name: "forged reply tokens", run: handles::tokens },
    Group { name: "forged badges", run: badges::run },
    Group { name: "rights escalation: dup and derive", run: rights::only_shrink },
    Group { name: "rights escalation: each call without its right", run: rights::matrix },
    Group { name: "rights escalation: every call with every right", run: rights::cells },
    Group { name: "use after revoke", run: revoke::run },
    Group { name: "priorities above the ceiling", run: priorities::run },
    Group { name: "bad addresses in system calls", run: memory::addresses },
    Group { name: "bad pages, kinds and numbers in system calls", run: memory::numbers },
    Group { name: "writable and executable, unsealed code", run: code::mappings },
    Group { name: "bad loads, stores and jumps end the process alone", run: code::faults },
    #[cfg(target_arch = "x86_64")]
    Group { name: "segment registers", run: segments::run },
    Group { name: "what processes leave behind, and where they lie", run: leaks::run },
    Group { name: "where the kernel is", run: hidden::run },
    Group { name: "floods of calls and notifications", run: floods::run },
    Group { name: "pool and table exhaustion", run: pools::run },
    Group { name: "processes without end", run: bombs::run },
    Group { name: "everything that services give to one", run: services::run },
    Group { name: "connections that nobody reads", run: deaf::run },
    Group { name: "nonsense in the rings of a connection", run: scribble::run },
    Group { name: "random system calls", run: storm::run },
    Group { name: "malformed messages to services", run: messages::run },
    Group { name: "every request made wrong in every way", run: golden::run },
];
