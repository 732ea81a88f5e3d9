//! Eighth: FIN (RFC 9293 §3.10.7.4).

use super::super::{Connection, Notices, SeqNumber, State};
use super::Flow;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn process_fin(&mut self, _now: Instant, segment: &Segment<'_>) -> Flow {
        if segment.has(Flags::FIN) && self.state.can_receive() {
            let fin = segment.end() - 1;
            // It may come before the bytes in front of it; the first one heard counts.
            if self.rcv_fin.is_none() && fin >= self.rcv_nxt && !self.has_text_behind(fin) {
                self.rcv_fin = Some(fin);
            }
        }
        if self.rcv_fin != Some(self.rcv_nxt) || !self.state.can_receive() {
            return Flow::Done;
        }
        self.rcv_nxt += 1;
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt);
        self.ack_due = true;
        self.notices |= Notices::ENDED | Notices::READABLE;
        if let Some(receive) = &mut self.receive {
            receive.finish();
        }
        match self.state {
            State::Established => self.state = State::CloseWait,
            // Our FIN isn't acknowledged, or the acknowledgment step had left this state.
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(),
            _ => {}
        }
        Flow::Done
    }

    fn has_text_behind(&self, fin: SeqNumber) -> bool {
        self.ranges.iter().any(|(_, end)| end > fin)
    }

    /// Both directions are closed: a record of the connection takes over from here.
    pub(in crate::tcp) fn enter_time_wait(&mut self) {
        self.state = State::TimeWait;
        self.rexmt = None;
        self.delayed_ack_at = None;
        self.linger_until = None;
    }
}
