//! The .waymodel format: reader, checker and writer.
#![no_std]
#![forbid(unsafe_code)]
