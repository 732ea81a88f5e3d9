//! AmigaDOS patterns merged with glob's `*`, matched without regard to case.
//!
//! | text | matches | | text | matches |
//! |---|---|---|---|---|
//! | `?` | one character | | `[a-z]` `[~a-z]` | one of these, one not of these (`!` and `^` as `~`) |
//! | `#x` | any number of x | | `(a\|b)` | either; `\|` works outside brackets too |
//! | `#?` or `*` | anything | | `~x` | anything that x does not match |
//! | `%` | nothing | | `'c` | c itself |
//!
//! x is one item: a character, `?`, a class, a bracket, or an item with `#` or `~` before it.
//!
//! Rule: time is bounded. A pattern becomes small programs that are run over the text with all threads in step (no
//! backtracking): `length of pattern * length of text`, times the length of the text once more where `~` occurs.
//!
//! Neighbours: the shell expands words with it, commands match names (`LIST P=`, `FIND NAME`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod compile;
mod parse;
mod run;

use alloc::string::String;
use core::fmt;

use compile::Program;

/// Longest pattern, in characters.
pub const MAX_PATTERN: usize = 255;
/// Longest text that matches a pattern with `~`, in characters; longer texts match none. Without `~`: 65,536.
pub const MAX_TEXT_WITH_NOT: usize = 1_024;
const MAX_TEXT: usize = 65_536;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    programs: alloc::vec::Vec<Program>,
    literal: Option<String>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and where. A caller may take such text as a plain name.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        let node = parse::parse(text)?;
        let literal = node.literal();
        Ok(Pattern { programs: compile::compile(&node), literal })
    }

    /// Whether the whole of `text` matches, in whatever case.
    pub fn matches(&self, text: &str) -> bool {
        let limit = if self.programs.len() > 1 { MAX_TEXT_WITH_NOT } else { MAX_TEXT };
        if text.chars().take(limit + 1).count() > limit {
            return false;
        }
        run::matches(&self.programs, text)
    }

    /// The one text that it matches, if nothing in it is a wildcard (`'*x` is the literal `*x`).
    pub fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }
}

/// Why text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Which character is wrong, counted from 0.
    pub at: usize,
    /// What is wrong.
    pub what: Wrong,
}

/// What can be wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `#`, `~` or `'` without what it applies to.
    NothingAfter,
    /// `(` or `[` without its end.
    NotClosed,
    /// `)` without `(`.
    NotOpened,
    /// More than 255 characters.
    TooLong,
    /// Brackets nested more than 32 deep.
    TooDeep,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Wrong::NothingAfter => "nothing follows here",
            Wrong::NotClosed => "this bracket is not closed",
            Wrong::NotOpened => "this bracket was not opened",
            Wrong::TooLong => "a pattern has at most 255 characters",
            Wrong::TooDeep => "brackets are nested more than 32 deep",
        };
        write!(f, "bad pattern at character {}: {what}", self.at + 1)
    }
}

impl core::error::Error for PatternError {}

/// Whether text has a wildcard, so that it is a pattern and no plain name. `'*` is none.
pub fn is_pattern(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let wild = !escaped && is_wild(c);
        escaped = !escaped && c == '\'';
        wild
    })
}

/// Spells text as a pattern that matches just it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_wild(c) || c == '\'' {
            out.push('\'');
        }
        out.push(c);
    }
    out
}

fn is_wild(c: char) -> bool {
    matches!(c, '?' | '#' | '*' | '(' | ')' | '|' | '~' | '%' | '[' | ']')
}

/// One character without its case; the same for both sides of a comparison.
fn fold(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}
