//! TLS 1.3 as a state machine over rustls and RustCrypto.
#![no_std]
#![forbid(unsafe_code)]
