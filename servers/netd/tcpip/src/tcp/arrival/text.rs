//! Seventh: the text (RFC 9293 §3.10.7.4). Sixth, the urgent pointer, is ignored (RFC 6093 §6).

use super::super::{Connection, Notices, State};
use super::{Flow, Reset};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::Instant;
use crate::wire::tcp::Segment;

/// More duplicate acknowledgments than this are owed to nobody.
const MAX_DUP_ACKS: u8 = 64;

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn process_text(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if segment.payload.is_empty() || !self.state.can_receive() {
            return Flow::Next;
        }
        let cut = self.rcv_nxt.since(segment.seq) as usize;
        let Some(mut text) = segment.payload.get(cut..).filter(|text| !text.is_empty()) else {
            // Only bytes we have: the acknowledgment was lost. Saying it again is not urgent enough to be limited.
            self.owe_duplicate();
            return Flow::Next;
        };
        if self.orphan {
            return self.refuse_text(segment);
        }
        let start = segment.seq.max(self.rcv_nxt);
        if let Some(fin) = self.rcv_fin {
            text = text.get(..fin.since(start) as usize).unwrap_or(text);
        }
        self.rcv_mss = self.rcv_mss.max(segment.payload.len().min(usize::from(self.own_mss())) as u32);
        let offset = start.since(self.rcv_nxt);
        let in_order = offset == 0 && self.ranges.is_empty();
        let stored = self.store(offset, text);
        if stored < text.len() {
            // A probe of our closed window, or more than fits: the peer must learn where we are.
            self.ack_due = true;
        } else if in_order {
            self.owe_acknowledgment(now, text.len() as u32);
        } else {
            // RFC 5681 §4.2: out of order, or filling a gap: at once.
            self.counters.out_of_order += u64::from(offset > 0);
            self.owe_duplicate();
        }
        Flow::Next
    }

    /// The user closed and can't read: the peer must learn that its data is lost (RFC 9293 §3.10.4, RFC 2525 §2.17).
    fn refuse_text(&mut self, segment: &Segment<'_>) -> Flow {
        self.finish(Some(Error::Aborted));
        Flow::Reset(Reset { seq: self.snd_nxt, ack: Some(segment.end()) })
    }

    /// Puts `text` behind a gap of `offset` bytes into the receive buffer, as far as it is inside the announced window,
    /// and moves RCV.NXT over what is complete. Returns the bytes stored.
    fn store(&mut self, offset: u32, text: &[u8]) -> usize {
        let start = self.rcv_nxt + offset;
        let announced = self.rcv_wnd() as usize;
        let Some(receive) = &mut self.receive else { return 0 };
        let room = receive.window().min(announced).saturating_sub(offset as usize);
        let text = text.get(..room).unwrap_or(text);
        if text.is_empty() || (offset > 0 && !self.ranges.has_room(start, start + text.len() as u32)) {
            return 0;
        }
        let stored = receive.write(offset as usize, text).min(text.len());
        let written = stored as u32;
        let reached = if offset == 0 {
            self.ranges.absorb(start + written)
        } else {
            self.ranges.insert(start, start + written);
            return stored;
        };
        let count = reached.since(self.rcv_nxt);
        receive.advance(count as usize);
        self.rcv_nxt = reached;
        if count > 0 {
            self.notices |= Notices::READABLE;
        }
        stored
    }

    /// In order: every second full-sized segment is acknowledged at once, the rest after a while (RFC 9293 §3.8.6.3).
    fn owe_acknowledgment(&mut self, now: Instant, count: u32) {
        self.unacked = self.unacked.saturating_add(count);
        if self.unacked >= 2 * self.rcv_mss || self.state != State::Established {
            self.ack_due = true;
        } else if self.delayed_ack_at.is_none() {
            self.delayed_ack_at = Some(now + self.config.delayed_ack);
        }
    }

    fn owe_duplicate(&mut self) {
        self.dup_acks_owed = self.dup_acks_owed.saturating_add(1).min(MAX_DUP_ACKS);
    }
}
