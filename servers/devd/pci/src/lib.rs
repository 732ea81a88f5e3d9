//! PCI configuration space (PCI Local Bus Specification 3.0, PCI Express Base Specification 5.0), without I/O.
//!
//! * [`Config`] is how configuration space is reached: ECAM or ports, given by the caller; the tests have a model.
//! * [`scan`] finds all functions and numbers the buses behind bridges.
//! * [`bar`] reads base addresses and sizes; [`place`] gives addresses to those that have none, from [`Windows`].
//! * [`capability`], [`msix`], [`virtio`] read what devices tell about themselves.
//!
//! Rules: every word comes from a device and may be a lie: lists that loop, sizes that wrap, tables outside their base
//! address are refused or cut, and nothing panics. Everything has a bound.
//!
//! ```text
//!   scan ──► functions ──► bar::read ──► place (windows) ──► decoding on ──► capability, msix, virtio
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod address;
pub mod bar;
pub mod bridge;
pub mod capability;
pub mod config;
pub mod msix;
pub mod place;
pub mod scan;
#[cfg(test)]
mod tests;
pub mod virtio;
pub mod window;

pub use address::{Address, Pin};
pub use bar::{Bar, BarKind};
pub use capability::capabilities;
pub use config::{Config, Width};
pub use msix::Msix;
pub use place::{Placed, place};
pub use scan::{Function, Kind, scan};
pub use window::{Window, Windows};
