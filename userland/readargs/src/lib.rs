//! ReadArgs: argument templates in the AmigaDOS manner.
//!
//! A command has **one** constant, its template (`FROM/A/M,TO/A,R=ALL/S`). Parsing, `CMD ?`, `--help`, the manual page,
//! keyword completion and tests all come from it, so they cannot disagree.
//!
//! ```text
//! text ──split──▶ Line (words + raw text) ──Template::parse──▶ Parsed::Args | Template | Help
//!                                                    └──▶ Error { code 114..=120, one line of text }
//! ```
//!
//! Rules
//! * A keyword or option counts only where it was not quoted: `delete "all"` deletes a file named `all`.
//! * `NAME value`, `NAME=value`, `--name value`, `--name=value` mean the same; a one-letter alias also answers to `-x`,
//!   and letters may be bundled (`-la`, `-n5`).
//! * An error leaves nothing half done: it names what was wrong and what would be right, in one line.
//!
//! Neighbours: `shell-lang` makes the [`Line`] of a command, the command's process parses it. No I/O happens here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod args;
mod complete;
mod error;
mod line;
mod manual;
mod number;
mod parse;
mod template;

pub use args::Args;
pub use complete::{Completion, Expect};
pub use error::{Code, Error};
pub use line::{Line, Quoting, RAW_VARIABLE, Word, escape, quote, quote_tail};
pub use manual::Manual;
pub use number::parse_number;
pub use parse::Parsed;
pub use template::{Item, Kind, Template};

/// Parses `line` (the words after the command's name) by `template`; the usual way in.
///
/// # Errors
/// `BadTemplate` if the template itself is wrong, else what [`Template::parse`] reports.
pub fn read<'t>(template: &'t str, line: &Line) -> Result<Parsed<'t>, Error> {
    Template::new(template)?.parse(line)
}
