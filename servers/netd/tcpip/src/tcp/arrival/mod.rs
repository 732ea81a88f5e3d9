//! SEGMENT ARRIVES (RFC 9293 §3.10.7): one file a step, in the RFC's order.
//!
//! ```text
//! SYN-SENT:  syn_sent
//! the rest:  sequence -> reset -> syn -> ack -> text -> fin
//! ```
//!
//! A step that ends processing returns `Flow::Done`; one that must answer from outside the connection (a reset that
//! belongs to no state) returns the answer in it.

mod ack;
mod fin;
mod handshake;
mod reset;
mod sequence;
mod syn_sent;
mod text;

use super::{Connection, SeqNumber, State};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

/// A reset to be sent, outside any connection's sequence of segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reset {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK, if the reset carries one.
    pub ack: Option<SeqNumber>,
}

impl Reset {
    /// The answer to a segment that no connection wants (§3.10.7.1). `None` if it is a reset itself.
    pub fn answering(segment: &Segment<'_>) -> Option<Reset> {
        if segment.has(Flags::RST) {
            None
        } else if segment.has(Flags::ACK) {
            Some(Reset { seq: segment.ack, ack: None })
        } else {
            Some(Reset { seq: SeqNumber(0), ack: Some(segment.end()) })
        }
    }

    /// The segment.
    pub fn segment(&self, src_port: u16, dst_port: u16) -> Segment<'static> {
        Segment {
            src_port,
            dst_port,
            seq: self.seq,
            ack: self.ack.unwrap_or_default(),
            flags: if self.ack.is_some() { Flags::RST | Flags::ACK } else { Flags::RST },
            window: 0,
            options: Default::default(),
            payload: &[],
        }
    }
}

/// Whether processing goes on with the next step.
enum Flow {
    Next,
    Done,
    Reset(Reset),
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// Takes a segment whose checksum and endpoints were checked. Returns a reset to be sent in answer, if any.
    pub fn segment_arrives(&mut self, now: Instant, segment: &Segment<'_>) -> Option<Reset> {
        self.counters.segments_in += 1;
        let flow = match self.state {
            State::Closed | State::Listen | State::TimeWait => Flow::Done,
            State::SynSent => self.arrives_in_syn_sent(now, segment),
            _ => self.arrives_synchronized(now, segment),
        };
        self.update_rexmt(now);
        match flow {
            Flow::Reset(reset) => Some(reset),
            Flow::Next | Flow::Done => None,
        }
    }

    fn arrives_synchronized(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        let steps = [
            Connection::check_sequence,
            Connection::check_reset,
            Connection::check_syn,
            Connection::check_ack,
            Connection::process_text,
            Connection::process_fin,
        ];
        for step in steps {
            match step(self, now, segment) {
                Flow::Next => {}
                end => return end,
            }
        }
        Flow::Done
    }

    /// Owes the peer an acknowledgment that an attacker could have provoked: limited in rate.
    fn challenge(&mut self, now: Instant) {
        self.counters.refused += 1;
        if self.ack_limiter.allow(now) {
            self.ack_due = true;
        }
    }
}
