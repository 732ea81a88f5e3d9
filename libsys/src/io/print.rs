//! `print!`, `println!`, `eprint!`, `eprintln!`.
//!
//! Where the text can't be written the process ends with the reason: quietly, because a reader that went away (`… | HEAD`) is
//! nothing to complain about.

use core::fmt::Arguments;

use super::{Write, stderr, stdout};

/// Writes to stdout, or ends the process.
pub fn print(arguments: Arguments<'_>) {
    if let Err(error) = stdout().write_fmt(arguments) {
        crate::exit(error.into());
    }
}

/// Writes to stderr in one piece; what can't be written there has nowhere else to go.
pub fn eprint(arguments: Arguments<'_>) {
    let text = alloc::fmt::format(arguments);
    let _ = stderr().write_all(text.as_bytes());
}

/// Writes to stdout.
#[macro_export]
macro_rules! print {
    ($($arguments:tt)*) => { $crate::io::print(format_args!($($arguments)*)) };
}

/// Writes a line to stdout.
#[macro_export]
macro_rules! println {
    () => { $crate::io::print(format_args!("\n")) };
    ($($arguments:tt)*) => { $crate::io::print(format_args!("{}\n", format_args!($($arguments)*))) };
}

/// Writes to stderr.
#[macro_export]
macro_rules! eprint {
    ($($arguments:tt)*) => { $crate::io::eprint(format_args!($($arguments)*)) };
}

/// Writes a line to stderr.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::io::eprint(format_args!("\n")) };
    ($($arguments:tt)*) => { $crate::io::eprint(format_args!("{}\n", format_args!($($arguments)*))) };
}
