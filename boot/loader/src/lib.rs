//! What the UEFI loader decides, without UEFI: tested on the host.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod hob;
pub mod image;
pub mod tree;
