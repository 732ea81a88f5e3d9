//! What can be wrong with arguments, with AmigaDOS's numbers.

use alloc::string::String;
use core::fmt;

/// The reason's number (contracts, "Errors"). Every one goes with return code 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Code {
    /// The template itself is wrong: a mistake of the program, not of its user.
    BadTemplate = 114,
    /// A value that should be a number is not one, or does not fit.
    BadNumber = 115,
    /// A required argument is missing.
    ArgumentMissing = 116,
    /// A keyword stands without its value.
    KeywordNeedsValue = 117,
    /// An argument fits nowhere: too many, given twice, or an unknown option.
    TooManyArguments = 118,
    /// A quote is not closed.
    UnmatchedQuotes = 119,
    /// The line is longer than the shell's bound.
    LineTooLong = 120,
}

/// Longest text of an error, in characters.
const MAX_TEXT: usize = 400;

/// A refused line: the number for `WHY` and `$RESULT2`, and one line of text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    text: String,
}

impl Error {
    /// An error with its text: what was wrong, and what would be right. It quotes what people typed, so control
    /// characters become `?` (one line stays one line, a terminal is not steered) and it ends after 400 characters.
    pub fn new(code: Code, text: impl AsRef<str>) -> Self {
        let shown = text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c });
        Error { code, text: shown.take(MAX_TEXT).collect() }
    }

    /// Which rule was broken.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The number that stands for the reason in exits and `$RESULT2`.
    pub fn number(&self) -> u16 {
        self.code as u16
    }

    /// The line for people, without the command's name and without a line end.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Error {}
