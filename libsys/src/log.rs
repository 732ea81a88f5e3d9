//! The kernel's log: `log!(Notice, "…")`.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicU32, Ordering},
};

use abi::{
    Handle,
    boot::{LOG_TEXT, log_level},
    message::REGISTER_BYTES,
    user,
};

use crate::{message, sys, thread_block::Buffer};

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error = 0,
    /// Something is odd.
    Warning = 1,
    /// What an owner wants to know.
    Notice = 2,
    /// What helps to find errors.
    Detail = 3,
}

impl Level {
    /// The level of this name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Level> {
        let all = [Level::Error, Level::Warning, Level::Notice, Level::Detail];
        log_level(name).and_then(|level| all.get(usize::from(level)).copied())
    }
}

/// The LOG handle where it is not the usual one: init's.
pub(crate) static LOG: AtomicU32 = AtomicU32::new(0);

/// The handle that allows writing to the log.
pub(crate) fn handle() -> Handle {
    Handle::from_raw(LOG.load(Ordering::Relaxed)).unwrap_or(user::LOG)
}

/// Writes a record. Text beyond 232 bytes is cut. The kernel drops more than 200 a second.
pub fn write(level: Level, arguments: fmt::Arguments<'_>) {
    let mut line = Line { text: [0; LOG_TEXT], length: 0 };
    // `Line` never fails: it cuts.
    let _ = line.write_fmt(arguments);
    line.send(level);
}

/// A record's text on the way: no heap, so that it works when that is what broke.
struct Line {
    text: [u8; LOG_TEXT],
    length: usize,
}

impl Line {
    fn send(&self, level: Level) {
        let mut short = [0; REGISTER_BYTES];
        if self.length <= REGISTER_BYTES {
            short.copy_from_slice(&self.text[..REGISTER_BYTES]);
        } else {
            let Some(mut buffer) = Buffer::own() else { return };
            buffer.payload()[..self.length].copy_from_slice(&self.text[..self.length]);
        }
        let tag = self.length as u64 | (level as u64) << 16;
        let _ = sys::debug_log(handle(), tag, message::to_words(&short));
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = (LOG_TEXT - self.length).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.text[self.length..self.length + room].copy_from_slice(&text.as_bytes()[..room]);
        self.length += room;
        Ok(())
    }
}

/// Writes a record to the kernel's log: `log!(Warning, "no link on {name}")`.
#[macro_export]
macro_rules! log {
    ($level:ident, $($arguments:tt)+) => {
        $crate::log::write($crate::log::Level::$level, format_args!($($arguments)+))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        let mut line = Line { text: [0; LOG_TEXT], length: 0 };
        for _ in 0..100 {
            line.write_str("äöü").unwrap();
        }
        assert_eq!(line.length, LOG_TEXT);
        assert!(core::str::from_utf8(&line.text[..line.length]).is_ok());
    }
}
