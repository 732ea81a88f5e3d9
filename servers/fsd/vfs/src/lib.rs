//! The file-system logic behind fsd, without input or output: no clock, no handle, no message.
//!
//! ```text
//!  fs requests --fsd's main--> session::Session   objects by id, rights, positions
//!                                   |
//!                              walk::resolve      paths, links, `..`
//!                                   |
//!                              FileSystem         nodes and components
//!                                /     \
//!                            RamFs     ArchiveFs  RAM: and SYS:
//! ```
//!
//! Rules:
//! * A [`Node`] is (inode, generation): one that was freed is [`Error::Stale`], never another file.
//! * An `Err` changes nothing, and no quota.
//! * Names keep their case and compare without it ([`name::fold`]).
//! * Times are arguments, in ns since 1970; 0 is unknown.
//! * `..` never leaves the directory that a session was opened on, wherever directories are moved meanwhile.
//!
//! Neighbours: `protocol::fs` has the messages, whose types are used here; fsd's main owns handles and windows.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod archive_fs;
mod locks;
pub mod name;
pub mod narrow;
mod ram;
pub mod session;
mod system;
pub mod walk;

pub use archive_fs::ArchiveFs;
pub use locks::{Locks, Owner};
pub use protocol::Error;
pub use ram::RamFs;
pub use system::{Change, Extent, FileSystem, New, Node};

/// Bytes of a page, the unit of quotas and of mapping.
pub const PAGE: usize = 4096;
