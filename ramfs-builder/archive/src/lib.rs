//! The boot archive format: reader and writer.
#![no_std]
#![forbid(unsafe_code)]
