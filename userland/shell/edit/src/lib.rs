//! The line editor as a state machine: bytes in, an event and terminal bytes out. It reads nothing and waits for nothing.
//!
//! ```text
//! bytes ─Decoder─▶ Key ─Editor─▶ Buffer, History, Search ─render─▶ terminal bytes
//!                         └─▶ Event::Line | Cancelled | End
//! ```
//! Rules
//! * A lone ESC is told by the caller, 50 ms after [`Editor::is_waiting`] turned true, with [`Editor::timeout`].
//! * Size: write [`SIZE_QUERY`], feed what comes to a [`SizeProbe`] for 200 ms; without an answer the mode is
//!   [`Mode::Dumb`], in which no ESC is ever written and editing happens at the line's end.
//! * Lines wrap by the editor's own line breaks, never by the terminal's, so wide characters and odd terminals agree.
//! * A paste never runs anything: its line ends stay in the line until Enter.
//!
//! Neighbours: the shell's process (bytes, timers), `shell-lang` (completion and hints behind [`Helper`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod buffer;
mod editor;
mod history;
mod key;
mod recall;
mod render;
mod size;
mod tab;

pub use buffer::MAX_TEXT;
pub use editor::{Editor, Event, Helper, Mode, NoHelp, Suggestions};
pub use history::{History, HistoryError};
pub use key::{Decoder, Key};
pub use size::{SIZE_QUERY, Size, SizeProbe};
