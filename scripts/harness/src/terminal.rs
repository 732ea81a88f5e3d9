//! The host's terminal: QEMU makes it raw and non-blocking, and we put it back whatever became of QEMU.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::stdin;

/// The terminal's settings, restored when this is dropped.
#[derive(Debug)]
pub struct Saved {
    settings: Option<Termios>,
    /// Flags of the open file, which the shell that started us shares.
    flags: Option<OFlags>,
}

impl Saved {
    /// Remembers the settings; nothing where stdin is no terminal.
    #[must_use]
    pub fn now() -> Self {
        if !isatty(stdin()) {
            return Self { settings: None, flags: None };
        }
        Self { settings: tcgetattr(stdin()).ok(), flags: fcntl_getfl(stdin()).ok() }
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        if let Some(flags) = self.flags {
            let _ = fcntl_setfl(stdin(), flags);
        }
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, settings);
        }
    }
}
