//! The system call table, handle values, rights and errors: the one source of the kernel interface.
#![no_std]
#![forbid(unsafe_code)]
