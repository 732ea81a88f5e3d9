//! TIME-WAIT (RFC 9293 §3.6.1): a small record without buffers, so that closed connections cost nothing that matters.
//!
//! All records live equally long, so the queue of their ends is in order. A record that is renewed is queued again and
//! its old entry ignored when it comes up.

use super::{SeqNumber, isn::IsnGenerator};
use crate::addr::FourTuple;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Options, Segment, Timestamps};
use alloc::collections::VecDeque;

/// What is left of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWait {
    /// Next number we would send: everything is acknowledged.
    pub snd_nxt: SeqNumber,
    /// Next number expected: everything has come.
    pub rcv_nxt: SeqNumber,
    /// The peer's last timestamp, if the connection used them.
    pub ts_recent: Option<u32>,
    /// End of the record.
    pub expires: Instant,
}

/// What a segment to a record in TIME-WAIT leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Ignore,
    /// The acknowledgment is repeated; the peer's FIN also renews the record.
    Acknowledge {
        /// Whether the period starts again.
        renew: bool,
    },
    /// A new connection begins: the SYN's numbers are beyond the old one's (RFC 9293 §3.10.7.4, RFC 6191).
    Reopen,
}

impl TimeWait {
    /// Judges a segment.
    pub fn segment_arrives(&self, segment: &Segment<'_>) -> Verdict {
        // RFC 1337: a reset must not end TIME-WAIT early.
        if segment.has(Flags::RST) {
            return Verdict::Ignore;
        }
        if segment.has(Flags::SYN) && !segment.has(Flags::ACK) {
            let newer_clock = match (self.ts_recent, segment.options.timestamps) {
                (Some(recent), Some(stamps)) => SeqNumber(stamps.value) > SeqNumber(recent),
                _ => false,
            };
            let reopens = segment.seq > self.rcv_nxt || newer_clock;
            return if reopens { Verdict::Reopen } else { Verdict::Acknowledge { renew: false } };
        }
        // The peer's own acknowledgment: two records must not answer each other for ever.
        if segment.is_empty() && segment.seq == self.rcv_nxt {
            return Verdict::Ignore;
        }
        let repeated_fin = segment.has(Flags::FIN) && segment.end() == self.rcv_nxt;
        Verdict::Acknowledge { renew: repeated_fin }
    }

    /// The acknowledgment that the record repeats.
    pub fn acknowledgment(&self, now: Instant, tuple: &FourTuple, isn: &IsnGenerator) -> Segment<'static> {
        let clock = (now.millis() as u32).wrapping_add(isn.timestamp_offset(tuple));
        Segment {
            src_port: tuple.local.port,
            dst_port: tuple.remote.port,
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: u16::MAX,
            options: Options {
                timestamps: self.ts_recent.map(|echo| Timestamps { value: clock, echo }),
                ..Options::default()
            },
            payload: &[],
        }
    }
}

/// When records end, in order.
#[derive(Debug, Default)]
pub struct Expiry {
    queue: VecDeque<(Instant, FourTuple)>,
}

impl Expiry {
    /// Queues a record's end.
    pub fn push(&mut self, expires: Instant, tuple: FourTuple) {
        self.queue.push_back((expires, tuple));
    }

    /// Entries, renewed ones counted twice.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next end.
    pub fn next(&self) -> Option<Instant> {
        self.queue.front().map(|(expires, _)| *expires)
    }

    /// Takes the first entry, if it is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, FourTuple)> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop_front()
    }

    /// Takes the first entry, due or not: the table is full.
    pub fn pop_oldest(&mut self) -> Option<(Instant, FourTuple)> {
        self.queue.pop_front()
    }
}

/// How long a record lives: twice the maximum segment lifetime.
pub const DEFAULT_PERIOD: Duration = Duration::from_secs(60);
