//! The harness behind `scripts/run`, `scripts/test`, `scripts/bench`, `scripts/image` and `scripts/debug`.
//!
//! ```text
//! options --install--> tools --build--> kernel, archive --machine--> QEMU's arguments
//!                                                                       |
//!             exit status <--guest-- records, log, deadline <-----------+
//! ```
//!
//! Rules: what can be decided without the outside is a pure function with tests (options, command lines, records, exit
//! status, the Linux image); processes and files are touched in `install`, `build`, `handover`, `guest`, `terminal` and the
//! commands themselves. No process is left behind, and no temporary file.

#![forbid(unsafe_code)]

pub mod arch;
pub mod build;
pub mod command;
pub mod guest;
pub mod handover;
pub mod image;
pub mod install;
pub mod interrupt;
pub mod machine;
pub mod media;
pub mod models;
pub mod names;
pub mod options;
pub mod port;
pub mod project;
pub mod records;
pub mod relocations;
pub mod room;
pub mod step;
pub mod system;
pub mod terminal;
pub mod vectors;
pub mod with;

use std::fmt;

/// Why a command of the harness ends early: a line for people and an exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What, and what would be right.
    pub message: String,
    /// 1: it could not be done. 2: it was asked for wrongly.
    pub status: u8,
}

impl Failure {
    /// Something could not be done.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    /// It was asked for wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
