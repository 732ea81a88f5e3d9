//! The host's terminal: QEMU makes it raw, and we put it back whatever became of QEMU.

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::stdin;

/// The terminal's settings, restored when this is dropped.
#[derive(Debug)]
pub struct Saved(Option<Termios>);

impl Saved {
    /// Remembers the settings; nothing where stdin is no terminal.
    #[must_use]
    pub fn now() -> Self {
        Self(if isatty(stdin()) { tcgetattr(stdin()).ok() } else { None })
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, settings);
        }
    }
}
