//! The messages of every service.
#![no_std]
#![forbid(unsafe_code)]
