//! What the pager decides, without a handle: all comes in as arguments.
//!
//! * [`fault`]: what a fault message says.
//! * [`table`]: what lies where in a process, and what a fault there means.
//! * [`around`]: how many pages come at once.
//! * [`bag`]: out of which extent.
//!
//! Neighbours: `protocol::pager` says how init tells of regions; the pager joins this to handles.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod around;
pub mod bag;
pub mod fault;
pub mod table;

/// Bytes of a page.
pub const PAGE: u64 = abi::PAGE_SIZE as u64;
