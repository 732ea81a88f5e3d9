//! Why the command fails: an error for the return code, and a line for people.

use alloc::format;
use alloc::string::String;

use libsys::ai;
use libsys::{Error, Status};

/// How an action ends.
pub type Outcome = Result<Status, Failure>;

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub error: Error,
    pub text: String,
}

impl Failure {
    /// A failure with its text.
    pub fn new(error: Error, text: impl Into<String>) -> Failure {
        Failure { error, text: text.into() }
    }

    /// A failure about something.
    pub fn about(name: &str, error: Error) -> Failure {
        Failure { error, text: format!("{name}: {}", error.text()) }
    }

    /// What aid said about something.
    pub fn refused(name: &str, failure: ai::Failure) -> Failure {
        let text = match failure {
            ai::Failure::Error(error) => format!("{name}: {}", error.text()),
            ai::Failure::Refused(r) if r.error == Error::Shape => {
                format!("{name}: {} values, the model takes {}", r.have, r.limit)
            }
            ai::Failure::Refused(r) => format!("{name}: {} ({}, at most {})", r.error.text(), r.have, r.limit),
        };
        Failure { error: failure.error(), text }
    }
}

impl From<readargs::Error> for Failure {
    fn from(error: readargs::Error) -> Failure {
        Failure { error: Error::from_code(error.number()).unwrap_or(Error::BadArgument), text: error.text().into() }
    }
}
