//! File-system logic without input or output: RAM: and the boot archive.
#![no_std]
#![forbid(unsafe_code)]
