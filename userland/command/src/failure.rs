//! How a command ends: a status, or an error with a line of text.

use alloc::string::String;
use core::fmt;

use libsys::{Error, Status};

/// How a command ends.
pub type Outcome = Result<Status, Failure>;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error: return code and reason for WHY.
    pub error: Error,
    /// What people read.
    pub text: String,
}

impl Failure {
    /// A failure with its text.
    pub fn new(error: Error, text: impl Into<String>) -> Failure {
        Failure { error, text: text.into() }
    }

    /// A failure about something.
    pub fn about(name: &str, error: Error) -> Failure {
        Failure { error, text: alloc::format!("{name}: {}", error.text()) }
    }

    /// The return code and reason.
    pub fn status(&self) -> Status {
        Status::from(self.error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, text: error.text().into() }
    }
}

impl From<readargs::Error> for Failure {
    fn from(error: readargs::Error) -> Failure {
        Failure { error: Error::from_code(error.number()).unwrap_or(Error::BadArgument), text: error.text().into() }
    }
}

/// Adds a name to an error.
pub trait About<T> {
    /// The failure about this.
    fn about(self, name: &str) -> Result<T, Failure>;
}

impl<T> About<T> for Result<T, Error> {
    fn about(self, name: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::about(name, error))
    }
}
