//! What was typed before: kept in order, browsed by prefix, searched, and named by `!!`, `!n`, `!-n`.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};

use core::fmt;

/// Longest line that is kept, in bytes.
const MAX_KEPT: usize = 4_096;

/// Lines typed before, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    lines: VecDeque<String>,
    limit: usize,
}

/// `!n` names a line that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    event: String,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: no such line; HISTORY lists them", self.event)
    }
}

impl core::error::Error for HistoryError {}

impl History {
    /// A history of at most `limit` lines.
    pub fn new(limit: usize) -> History {
        History { lines: VecDeque::new(), limit }
    }

    /// Adds a line, unless it is blank, the same as the last, begins with a blank (which keeps it private), or is very long.
    pub fn add(&mut self, line: &str) {
        if line.len() > MAX_KEPT {
            return;
        }
        let private = line.starts_with([' ', '\t']) || line.trim().is_empty();
        if private || self.limit == 0 || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() >= self.limit {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_string());
    }

    /// The lines, oldest first; numbers in `!n` count from 1.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Adds the lines of a saved text.
    pub fn load(&mut self, text: &str) {
        text.lines().for_each(|line| self.add(line));
    }

    /// All lines as a text to save; a pasted block is saved as its lines.
    pub fn to_text(&self) -> String {
        self.lines().map(|line| format!("{line}\n")).collect()
    }

    /// The line with this index from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.lines.get(index).map(String::as_str)
    }

    /// The nearest line older than `before` that fits and differs from `shown`.
    pub(crate) fn older(&self, before: usize, fits: impl Fn(&str) -> bool) -> Option<usize> {
        (0..before.min(self.lines.len())).rev().find(|&index| self.get(index).is_some_and(&fits))
    }

    /// The nearest line newer than `after` that fits.
    pub(crate) fn newer(&self, after: usize, fits: impl Fn(&str) -> bool) -> Option<usize> {
        (after + 1..self.lines.len()).find(|&index| self.get(index).is_some_and(&fits))
    }

    /// Replaces `!!`, `!n` and `!-n`; `None` if there was nothing to replace. In single quotes and behind a backslash a `!`
    /// is text, and so it is before anything else.
    ///
    /// # Errors
    /// The line named is not there.
    pub fn expand(&self, line: &str) -> Result<Option<String>, HistoryError> {
        let (mut out, mut rest, mut changed) = (String::new(), line, false);
        let (mut quoted, mut escaped) = (false, false);
        while let Some(c) = rest.chars().next() {
            let length = if quoted || escaped { 0 } else { event_length(rest) };
            if length > 0 {
                let event = rest.get(..length).unwrap_or("");
                out.push_str(self.event(event).ok_or_else(|| HistoryError { event: event.to_string() })?);
                rest = rest.get(length..).unwrap_or("");
                changed = true;
                continue;
            }
            quoted ^= c == '\'' && !escaped;
            escaped = c == '\\' && !escaped && !quoted;
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
        Ok(changed.then_some(out))
    }

    fn event(&self, event: &str) -> Option<&str> {
        let name = event.get(1..)?;
        let index = match name.strip_prefix('-') {
            _ if name == "!" => self.lines.len().checked_sub(1)?,
            Some(back) => self.lines.len().checked_sub(back.parse().ok()?)?,
            None => name.parse::<usize>().ok()?.checked_sub(1)?,
        };
        self.get(index)
    }
}

/// The length of a `!!`, `!n` or `!-n` that stands here, or 0.
fn event_length(text: &str) -> usize {
    let Some(name) = text.strip_prefix('!') else { return 0 };
    if name.starts_with('!') {
        return 2;
    }
    let sign = usize::from(name.starts_with('-'));
    let digits = name.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { 1 + sign + digits }
}
