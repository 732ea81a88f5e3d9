//! A terminal's line discipline, without input or output: bytes that were typed go in; what clients read, what the screen
//! shows and what breaks jobs come out.
//!
//! A *cooked* terminal collects a line, echoes it, and knows backspace, Ctrl-W, Ctrl-U and Ctrl-R; Enter hands it over with
//! its newline, Ctrl-D at its start is the end of input. A *silent* one does the same without echo. A *raw* one hands bytes
//! over as they come. What was typed ahead waits, unedited and not shown, until somebody reads; whether it is edited or raw
//! says the mode of that time. Only a break is never ahead of its time.
//!
//! Neighbours: `console` feeds it from the serial port; the shell's own line editor works on a raw terminal.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod discipline;
mod output;
mod records;
mod writers;

pub use discipline::{Break, Discipline, MAX_LINE, MAX_QUEUE, Mode};
pub use output::{crlf, printable};
pub use records::{RecordKind, encode_record};
pub use writers::Writers;
