//! What devd reads of the machine it runs on, without I/O: tables in, facts out.
//!
//! * [`tree`]: the device tree (aarch64). [`acpi`]: the one table of ACPI that devd wants (x86_64).
//! * [`fw_cfg`]: QEMU's firmware configuration device: its directory and its DMA commands.
//! * [`clock`]: real-time clocks to UTC.
//! * [`options`]: `key=value` lines.
//! * [`permit`]: what a narrowing of `device` allows.
//! * [`extents`]: a first-fit list of free ranges, for DMA memory.
//!
//! Tables come from firmware and QEMU, narrowings from clients: everything is checked, bounded, and nothing panics.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod acpi;
pub mod clock;
pub mod extents;
pub mod fw_cfg;
pub mod options;
pub mod permit;
pub mod tree;
