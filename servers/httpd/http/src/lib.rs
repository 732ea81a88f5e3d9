//! HTTP/1.1 messages, parsed and written without input or output.
#![no_std]
#![forbid(unsafe_code)]
