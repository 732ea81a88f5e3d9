//! `EFI/BOOT/BOOTAA64.EFI`: the way from UEFI to the kernel on aarch64.
//!
//! ```text
//! UEFI ─► read VIAETHER/{KERNEL,ARCHIVE.IMG,CMDLINE.TXT} ─► find the device tree, complete it
//!      ─► leave boot services ─► caches cleaned, MMU off ─► kernel, x0 = tree
//! ```
//!
//! The kernel then finds what any boot loader leaves by the Linux boot protocol, at the exception level firmware ran
//! at. Files are read from the volume that the loader came from. The device tree comes from UEFI's configuration
//! tables, or from EDK II's hand-off blocks ([`loader::hob`]); a machine that has ACPI alone is not booted.

#![cfg_attr(target_os = "uefi", no_main, no_std)]

#[cfg(target_os = "uefi")]
mod uefi_main;

/// On a host there is nothing to boot; the logic is tested there.
#[cfg(not(target_os = "uefi"))]
fn main() {}
