//! SYN-SENT (RFC 9293 §3.10.7.3).

use super::super::{Connection, State};
use super::{Flow, Reset};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn arrives_in_syn_sent(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        let acks = segment.has(Flags::ACK);
        let acceptable = acks && segment.ack > self.iss && segment.ack <= self.snd_nxt;
        if acks && !acceptable {
            return Reset::answering(segment).map_or(Flow::Done, Flow::Reset);
        }
        if segment.has(Flags::RST) {
            // Without an acceptable ACK anybody could have sent it.
            if acceptable {
                self.finish(Some(Error::Refused));
            }
            return Flow::Done;
        }
        if !segment.has(Flags::SYN) {
            return Flow::Done;
        }
        self.take_syn(now, segment);
        if !acceptable {
            // Both sides opened at once.
            self.state = State::SynReceived;
            self.syn_due = true;
            return Flow::Done;
        }
        self.establish(now, segment);
        self.ack_due = true;
        // Data and FIN may follow in the same segment; its text starts behind the SYN.
        let rest = Segment { seq: segment.seq + 1, flags: segment.flags - Flags::SYN, ..*segment };
        match self.process_text(now, &rest) {
            Flow::Next => self.process_fin(now, &rest),
            end => end,
        }
    }
}
