//! The error type of this crate. Names, texts and return codes of the numbers are those of `protocol::Error`.

use alloc::string::String;
use core::fmt;

use protocol::Error;

/// Why something was refused: the number for `WHY` and `$RESULT2`, and one line for people that says what, the name, why
/// and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number, see [`text`].
    pub code: u16,
    /// One line, without the command's name and without a line end.
    pub text: String,
}

impl Fault {
    /// A fault with its line; control characters in it become `?`, so that it stays one line.
    pub fn new(code: u16, text: impl AsRef<str>) -> Fault {
        let shown = text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c });
        Fault { code, text: shown.take(400).collect() }
    }

    /// A fault about a name: `"x": object not found`.
    pub fn about(code: u16, name: &str) -> Fault {
        Fault::new(code, alloc::format!("\"{name}\": {}", text(code).unwrap_or("failed")))
    }

    /// The return code that goes with it: 5, 10 or 20; 10 for an unknown number.
    pub fn return_code(&self) -> u32 {
        Error::from_code(self.code).map_or(10, |error| u32::from(error.return_code()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Fault {}

impl From<readargs::Error> for Fault {
    fn from(error: readargs::Error) -> Fault {
        Fault::new(error.number(), error.text())
    }
}

/// The numbers this crate uses itself.
pub mod code {
    use protocol::Error;

    /// A value that should be a number is none.
    pub const BAD_NUMBER: u16 = Error::BadNumber.code();
    /// Something required is missing.
    pub const ARGUMENT_MISSING: u16 = Error::ArgumentMissing.code();
    /// Too many arguments.
    pub const TOO_MANY_ARGUMENTS: u16 = Error::TooManyArguments.code();
    /// A quote is not closed.
    pub const UNMATCHED_QUOTES: u16 = Error::UnmatchedQuotes.code();
    /// The line is too long.
    pub const LINE_TOO_LONG: u16 = Error::LineTooLong.code();
    /// Not executable: also an unknown command.
    pub const NOT_EXECUTABLE: u16 = Error::NotExecutable.code();
    /// Nothing there.
    pub const NOT_FOUND: u16 = Error::NotFound.code();
    /// A name with wrong characters or length.
    pub const INVALID_NAME: u16 = Error::InvalidName.code();
    /// A file where a directory should be, or the other way round.
    pub const WRONG_TYPE: u16 = Error::WrongType.code();
    /// Stopped by a person.
    pub const BREAK: u16 = Error::Break.code();
    /// Wrong syntax.
    pub const BAD_ARGUMENT: u16 = Error::BadArgument.code();
    /// A bound is reached.
    pub const LIMIT: u16 = Error::Limit.code();
    /// Things that lead to themselves.
    pub const LOOP: u16 = Error::Loop.code();
    /// A keyword stands without its value.
    pub const KEYWORD_NEEDS_VALUE: u16 = Error::KeywordNeedsValue.code();
}

/// The text of an error number, without a line end.
pub fn text(code: u16) -> Option<&'static str> {
    Error::from_code(code).map(Error::text)
}

/// The name of an error number: `NotFound`.
pub fn name(code: u16) -> Option<&'static str> {
    Error::from_code(code).map(Error::name)
}
