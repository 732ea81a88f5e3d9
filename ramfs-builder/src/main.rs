//! Host tool: packs the boot archive.
#![forbid(unsafe_code)]

fn main() {}
