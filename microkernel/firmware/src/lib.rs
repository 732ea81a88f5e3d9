//! What firmware and boot loaders tell the kernel: memory, processors, interrupt controllers, the boot archive.
//!
//! ```text
//! aarch64  device tree ──dtb──► Platform
//! x86_64   PVH start_info ──pvh──┐
//!          Multiboot2 tags ──multiboot──┴─► Handover;   ACPI ──acpi──► Tables
//! ```
//!
//! Everything here comes from outside and may be nonsense. So each reader is a pure function over bytes: it has no I/O
//! and no `unsafe`, believes no length and no address it has not checked, and either returns something that fits
//! together or says what is wrong, with the name of the table. The tests hand it thousands of damaged tables.

#![no_std]
#![forbid(unsafe_code)]

pub mod acpi;
pub mod dtb;
pub mod handover;
pub mod multiboot;
pub mod place;
pub mod pvh;
pub mod region;

#[cfg(test)]
extern crate std;

/// Reads physical memory: bytes from an address on, or `None` where there is none.
pub type Memory<'m> = &'m dyn Fn(u64, usize) -> Option<&'m [u8]>;

fn double(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
