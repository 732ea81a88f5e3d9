//! `tally`, the example of `docs/src/how/server.md`: a service that counts for its clients.
//!
//! Here are its messages and its logic, without handles and without I/O, so that both run under `cargo test`. The program
//! around them is in `server`, its client in `command`. The comments that begin with ANCHOR mark what the page shows.
#![no_std]
#![forbid(unsafe_code)]

use protocol::{Error, Idempotent, Protocol};
use serde::{Deserialize, Serialize};

// ANCHOR: protocol
/// The service. A session is one counter; nothing here waits.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "tally";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

/// What clients send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Adds: `Count`. `Overflow`. Not idempotent.
    Add(u32),
    /// The count: `Count`. Idempotent.
    Look,
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        matches!(self, Request::Look)
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The count.
    Count(u64),
}
// ANCHOR_END: protocol

// ANCHOR: counter
/// One client's count.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counter(u64);

impl Counter {
    /// Serves a request. An error changes nothing.
    pub fn serve(&mut self, request: &Request) -> Result<Reply, Error> {
        if let Request::Add(more) = *request {
            self.0 = self.0.checked_add(more.into()).ok_or(Error::Overflow)?;
        }
        Ok(Reply::Count(self.0))
    }
}
// ANCHOR_END: counter

// ANCHOR: tests
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts() {
        let mut counter = Counter::default();
        assert_eq!(counter.serve(&Request::Add(3)), Ok(Reply::Count(3)));
        assert_eq!(counter.serve(&Request::Add(4)), Ok(Reply::Count(7)));
        assert_eq!(counter.serve(&Request::Look), Ok(Reply::Count(7)));
    }

    #[test]
    fn an_overflow_changes_nothing() {
        let mut counter = Counter(u64::MAX - 1);
        assert_eq!(counter.serve(&Request::Add(2)), Err(Error::Overflow));
        assert_eq!(counter, Counter(u64::MAX - 1));
    }

    #[test]
    fn the_encoding_stays() {
        let mut buffer = [0; 16];
        let mut encoded = |request: &Request| {
            let length = protocol::encode(request, &mut buffer).unwrap();
            let decoded: Request = protocol::decode(&buffer[..length]).unwrap();
            assert_eq!(decoded, *request);
            (length, buffer[0])
        };
        assert_eq!(encoded(&Request::Add(300)), (3, 0));
        assert_eq!(encoded(&Request::Look), (1, 1));
    }
}
// ANCHOR_END: tests
