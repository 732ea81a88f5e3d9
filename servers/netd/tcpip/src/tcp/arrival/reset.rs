//! Second and fourth: RST and SYN, against blind attackers (RFC 9293 §3.10.7.4, RFC 5961 §3 and §4).

use super::super::{Connection, State};
use super::Flow;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn check_reset(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if !segment.has(Flags::RST) {
            return Flow::Next;
        }
        // In the window but not at its edge: a real peer will repeat it with the right number when challenged.
        if segment.seq != self.rcv_nxt {
            self.challenge(now);
            return Flow::Done;
        }
        let error = match self.state {
            State::SynReceived if self.passive => None,
            State::SynReceived => Some(Error::Refused),
            State::Closing | State::LastAck | State::TimeWait => None,
            _ => Some(Error::Reset),
        };
        self.finish(error);
        Flow::Done
    }

    pub(super) fn check_syn(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if !segment.has(Flags::SYN) {
            return Flow::Next;
        }
        if self.state == State::SynReceived && self.passive {
            // Back to LISTEN: the half-open connection goes, and the peer's next SYN begins a new one.
            self.finish(None);
        } else {
            self.challenge(now);
        }
        Flow::Done
    }
}
