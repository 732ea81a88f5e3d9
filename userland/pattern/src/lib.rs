//! AmigaDOS and glob patterns.
#![no_std]
#![forbid(unsafe_code)]
