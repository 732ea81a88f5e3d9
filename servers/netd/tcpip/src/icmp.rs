//! ICMP beside the wire format: the limit of our errors' rate, and sockets that ping.

use crate::error::Error;
use crate::time::{Duration, Instant};
use crate::wire::ipv4::DEFAULT_TTL;
use alloc::collections::VecDeque;
use core::net::Ipv4Addr;

/// Errors sent in a burst, and in a second (RFC 1812 §4.3.2.8).
const ERRORS_PER_SECOND: u64 = 50;
/// Requests and replies queued in a socket.
pub const MAX_QUEUED: usize = 16;
/// Largest payload of an echo request.
pub const MAX_PAYLOAD: usize = 65_535 - 20 - 8;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    tokens: u64,
    refilled: Instant,
}

impl RateLimit {
    /// A full bucket.
    pub fn new() -> RateLimit {
        RateLimit { tokens: ERRORS_PER_SECOND, refilled: Instant::ZERO }
    }

    /// Takes a token, if there is one.
    pub fn allow(&mut self, now: Instant) -> bool {
        let step = Duration::from_secs(1).scaled(1, ERRORS_PER_SECOND);
        let earned = now.since(self.refilled).micros() / step.micros();
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(ERRORS_PER_SECOND);
            self.refilled = self.refilled + step.scaled(earned, 1);
        }
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

impl Default for RateLimit {
    fn default() -> RateLimit {
        RateLimit::new()
    }
}

/// An answer to a ping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PingReply {
    /// Number of the request.
    pub sequence: u16,
    /// Who answered.
    pub from: Ipv4Addr,
    /// Payload bytes, if it was an echo reply, or why there is none.
    pub result: Result<usize, Error>,
    /// When it came.
    pub at: Instant,
    /// Time to live that was left to the answer; 0 if none came.
    pub ttl: u8,
}

/// A request to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PingRequest {
    /// Its number.
    pub sequence: u16,
    /// Payload bytes.
    pub len: usize,
    /// Its time to live: how many routers it may pass, less one.
    pub ttl: u8,
}

impl PingRequest {
    /// A request with the usual time to live.
    pub fn new(sequence: u16, len: usize) -> PingRequest {
        PingRequest { sequence, len, ttl: DEFAULT_TTL }
    }
}

/// A socket that pings one host.
#[derive(Debug)]
pub struct PingSocket {
    /// The host.
    pub remote: Ipv4Addr,
    /// Names our requests.
    pub ident: u16,
    requests: VecDeque<PingRequest>,
    replies: VecDeque<PingReply>,
}

impl PingSocket {
    /// A socket for `remote`.
    pub fn new(remote: Ipv4Addr, ident: u16) -> PingSocket {
        PingSocket { remote, ident, requests: VecDeque::new(), replies: VecDeque::new() }
    }

    /// Queues a request.
    pub fn send(&mut self, request: PingRequest) -> Result<(), Error> {
        if request.len > MAX_PAYLOAD {
            return Err(Error::TooLong);
        }
        if self.requests.len() >= MAX_QUEUED {
            return Err(Error::Limit);
        }
        self.requests.push_back(request);
        Ok(())
    }

    /// The next request to send.
    pub fn next_to_send(&mut self) -> Option<PingRequest> {
        self.requests.pop_front()
    }

    /// Queues an answer; the oldest goes if nobody reads them.
    pub fn deliver(&mut self, reply: PingReply) {
        if self.replies.len() >= MAX_QUEUED {
            self.replies.pop_front();
        }
        self.replies.push_back(reply);
    }

    /// The next answer.
    pub fn receive(&mut self) -> Option<PingReply> {
        self.replies.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_in_a_burst_and_then_at_their_rate() {
        let mut limit = RateLimit::new();
        let start = Instant::from_millis(10_000);
        assert_eq!((0..200).filter(|_| limit.allow(start)).count(), 50);
        assert!(!limit.allow(start + Duration::from_millis(19)));
        assert!(limit.allow(start + Duration::from_millis(20)));
        assert!(!limit.allow(start + Duration::from_millis(20)));
    }
}
