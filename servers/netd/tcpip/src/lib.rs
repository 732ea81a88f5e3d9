//! A TCP/IP stack without input, output or clock.
#![no_std]
#![forbid(unsafe_code)]
