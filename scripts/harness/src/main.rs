//! Builds, boots and tests the system in QEMU.
#![forbid(unsafe_code)]

fn main() {}
