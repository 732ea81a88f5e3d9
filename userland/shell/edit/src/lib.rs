//! The line editor, without input or output.
#![no_std]
#![forbid(unsafe_code)]
