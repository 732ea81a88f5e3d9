//! AmigaDOS argument templates.
#![no_std]
#![forbid(unsafe_code)]
