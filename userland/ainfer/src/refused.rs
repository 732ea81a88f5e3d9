//! What aid said, for people.

use alloc::format;

use command::Failure;
use libsys::Error;
use libsys::ai;

/// The failure of what aid refused to do with something.
pub fn refused(name: &str, failure: ai::Failure) -> Failure {
    match failure {
        ai::Failure::Error(error) => Failure::about(name, error),
        ai::Failure::Refused(r) if r.error == Error::Shape => {
            Failure::new(r.error, format!("{name}: {} values, the model takes {}", r.have, r.limit))
        }
        ai::Failure::Refused(r) => {
            Failure::new(r.error, format!("{name}: {} ({}, at most {})", r.error.text(), r.have, r.limit))
        }
    }
}
