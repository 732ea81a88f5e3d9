//! First: the sequence number (RFC 9293 §3.10.7.4), with PAWS before it (RFC 7323 §5).

use super::super::{Connection, SeqNumber, State};
use super::Flow;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Segment};

/// A timestamp this old says nothing: the peer's clock may have wrapped (RFC 7323 §5.5).
const TS_RECENT_LIFETIME: Duration = Duration::from_secs(24 * 24 * 3600);

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn check_sequence(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if self.is_repeated_syn(segment) {
            return self.answer_repeated_syn(now, segment);
        }
        let reset = segment.has(Flags::RST);
        if self.use_timestamps && !reset {
            match segment.options.timestamps {
                // RFC 7323 §3.2: once agreed on, a segment without it isn't the peer's.
                None => {
                    self.counters.refused += 1;
                    return Flow::Done;
                }
                Some(stamps) if self.is_from_the_past(now, stamps.value) => {
                    self.challenge(now);
                    return Flow::Done;
                }
                Some(_) => {}
            }
        }
        if !self.is_acceptable(segment) {
            if !reset {
                self.challenge(now);
            }
            return Flow::Done;
        }
        if let Some(stamps) = segment.options.timestamps.filter(|_| self.use_timestamps)
            && segment.seq <= self.last_ack_sent
            && !reset
        {
            self.ts_recent = stamps.value;
            self.ts_recent_at = now;
        }
        self.last_received = now;
        self.keep_alives_sent = 0;
        Flow::Next
    }

    /// The four cases of the acceptability test.
    fn is_acceptable(&self, segment: &Segment<'_>) -> bool {
        let window = self.rcv_wnd();
        // Into a closed window only what starts at its edge comes in, for its ACK; its text is cut off later.
        if segment.seq == self.rcv_nxt {
            return true;
        }
        let inside = |seq: SeqNumber| seq >= self.rcv_nxt && seq < self.rcv_nxt + window;
        if segment.is_empty() {
            inside(segment.seq)
        } else {
            inside(segment.seq) || inside(segment.end() - 1) || self.covers(segment)
        }
    }

    /// A repeated segment that begins before RCV.NXT and, larger than before, ends behind the window.
    fn covers(&self, segment: &Segment<'_>) -> bool {
        segment.seq < self.rcv_nxt && segment.end() > self.rcv_nxt
    }

    fn is_from_the_past(&self, now: Instant, value: u32) -> bool {
        SeqNumber(value) < SeqNumber(self.ts_recent) && now.since(self.ts_recent_at) < TS_RECENT_LIFETIME
    }

    /// The SYN that brought us to SYN-RECEIVED, once more, perhaps now with an ACK (simultaneous open).
    fn is_repeated_syn(&self, segment: &Segment<'_>) -> bool {
        self.state == State::SynReceived
            && segment.has(Flags::SYN)
            && !segment.has(Flags::RST)
            && segment.seq == self.irs
    }

    fn answer_repeated_syn(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if segment.has(Flags::ACK) {
            // Figure 7 of the RFC: the other side's SYN-ACK completes a simultaneous open.
            let rest = Segment { seq: segment.seq + 1, flags: segment.flags - Flags::SYN, ..*segment };
            self.ack_due = true;
            return self.check_ack(now, &rest);
        }
        // The peer is in SYN-SENT and understands nothing but our SYN-ACK, which it missed.
        if self.ack_limiter.allow(now) {
            self.syn_due = true;
        }
        Flow::Done
    }
}
