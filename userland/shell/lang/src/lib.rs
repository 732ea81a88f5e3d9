//! The shell language: lexer, parser, interpreter, built-ins, completion. No I/O: the world is the trait [`Host`].
//!
//! An AmigaDOS shell that a Unix user can type at. Where the two collide, one rule was taken (quoting: [`lex`]; paths:
//! [`path`]; scripts: [`script`]; codes and FAILAT: `interp`).
//!
//! ```text
//! text ─lines─▶ logical lines ─lex─▶ tokens ─parse─▶ statements ─interp─▶ built-ins, jobs ──▶ Host
//!                                                       ▲ alias             ▲ expand, glob
//! ```
//! Bounds: line 4,096 bytes, 16 stages, 32 jobs, arguments 24 KiB, nesting 10, script 256 KiB.
//!
//! Neighbours: `protocol` (the table of errors), `readargs` (arguments), `pattern` (wildcards), `lineedit` (typing), the shell's process (implements
//! [`Host`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod alias;
pub mod ast;
mod builtin;
pub mod complete;
mod expand;
pub mod fault;
mod flow;
mod glob;
pub mod host;
mod interp;
pub mod lex;
pub mod lines;
pub mod names;
pub mod parse;
pub mod path;
pub mod place;
mod prompt;
mod report;
pub mod script;
mod shell;
pub mod suggest;

pub use builtin::manuals;
pub use fault::Fault;
pub use host::{Host, Outcome};
pub use interp::MAX_JOBS;
pub use prompt::Around;
pub use shell::{After, FAIL_AT, Shell, Why};
