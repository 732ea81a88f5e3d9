//! What to send next (RFC 9293 §3.8.6.2.1, §3.7.4, RFC 5681).
//!
//! In this order: SYN, repetitions, a probe of a closed window, new data, FIN, a keep-alive probe, an acknowledgment.
//! Every segment carries the current acknowledgment and window, so whatever goes out settles what was owed.

use super::{Connection, SeqNumber, State};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::Instant;
use crate::wire::tcp::{Flags, Options, Segment, Timestamps};

/// A segment to send: its header, and where its payload is in the send buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The header; its payload is empty.
    pub header: Segment<'static>,
    /// Offset in the send buffer.
    pub offset: usize,
    /// Bytes of payload.
    pub len: usize,
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// The next segment, or `None` if nothing is to be said now.
    pub fn next_segment(&mut self, now: Instant) -> Option<Outgoing> {
        let segment = match self.state {
            State::Closed | State::Listen | State::TimeWait => return None,
            State::SynSent | State::SynReceived => self.syn(now).or_else(|| self.acknowledgment(now)),
            _ => self
                .repetition(now)
                .or_else(|| self.probe(now))
                .or_else(|| self.new_data(now))
                .or_else(|| self.keep_alive(now))
                .or_else(|| self.acknowledgment(now)),
        };
        self.update_rexmt(now);
        self.counters.segments_out += u64::from(segment.is_some());
        segment
    }

    /// The send buffer, to copy a segment's payload from.
    pub fn send_buffer(&self) -> Option<&S> {
        self.send.as_ref()
    }

    fn syn(&mut self, now: Instant) -> Option<Outgoing> {
        if !self.syn_due {
            return None;
        }
        let flags = if self.state == State::SynSent { Flags::SYN } else { Flags::SYN | Flags::ACK };
        let mut segment = self.segment(now, self.iss, flags, 0);
        segment.header.options.mss = Some(self.own_mss());
        segment.header.options.window_scale = (self.config.window_scaling
            && (self.state == State::SynSent || self.use_scaling))
            .then_some(self.rcv_wnd_shift);
        self.syn_due = false;
        if self.snd_nxt == self.iss {
            self.snd_nxt = self.iss + 1;
            self.timing = Some((self.snd_nxt, now));
        } else {
            self.counters.retransmits += 1;
            self.timing = None;
        }
        Some(segment)
    }

    fn repetition(&mut self, now: Instant) -> Option<Outgoing> {
        let seq = self.recovery.retransmit_at()?.max(self.snd_una);
        if seq >= self.snd_nxt {
            self.recovery.on_retransmitted(self.snd_nxt, self.snd_nxt);
            return None;
        }
        let ahead = seq.since(self.snd_una);
        if ahead > 0 && ahead + self.mss() > self.congestion.cwnd().max(self.mss()) {
            return None;
        }
        let data_end = self.snd_fin.unwrap_or(self.snd_nxt).min(self.snd_nxt);
        let data = data_end.since(seq);
        let len = data.min(self.mss()).min(self.snd_wnd.saturating_sub(ahead));
        let fin = self.snd_fin.is_some_and(|fin| fin < self.snd_nxt) && len == data;
        // Into a closed window only FIN may go; for data the persist timer runs.
        if len == 0 && !fin {
            return None;
        }
        let next = seq + len + u32::from(fin);
        self.recovery.on_retransmitted(next, self.snd_nxt);
        Some(self.repeat(now, seq, len, fin))
    }

    fn repeat(&mut self, now: Instant, seq: SeqNumber, len: u32, fin: bool) -> Outgoing {
        self.counters.retransmits += 1;
        self.timing = None;
        let flags = Flags::ACK | if fin { Flags::FIN } else { Flags::PSH };
        self.segment(now, seq, flags, len)
    }

    /// The persist timer fired: one byte beyond a closed window, or what fits into a small one.
    fn probe(&mut self, now: Instant) -> Option<Outgoing> {
        if !core::mem::take(&mut self.probe_due) {
            return None;
        }
        if self.snd_nxt > self.snd_una {
            let data = self.snd_fin.unwrap_or(self.snd_nxt).min(self.snd_nxt).since(self.snd_una);
            return Some(self.repeat(now, self.snd_una, data.min(1), data == 0));
        }
        let unsent = self.send_end().since(self.snd_nxt);
        let len = unsent.min(self.snd_wnd.max(1)).min(self.mss());
        (len > 0).then(|| self.fresh(now, len, unsent))
    }

    fn new_data(&mut self, now: Instant) -> Option<Outgoing> {
        if self.snd_fin.is_some() || self.recovery.retransmit_at().is_some_and(|at| at < self.snd_nxt) {
            return None;
        }
        let unsent = self.send_end().since(self.snd_nxt);
        let len = self.sendable(now, unsent);
        let fin_alone = self.fin_queued && unsent == 0;
        if len == 0 && !fin_alone {
            return None;
        }
        Some(self.fresh(now, len, unsent))
    }

    /// Bytes of new data that may go now: by both windows, by Nagle and against silly windows.
    fn sendable(&mut self, now: Instant, unsent: u32) -> u32 {
        if unsent == 0 {
            return 0;
        }
        let in_flight = self.snd_nxt.since(self.snd_una);
        if in_flight == 0 && now.since(self.last_sent) > self.rtt.rto() {
            self.congestion.on_idle(now);
        }
        let mss = self.mss();
        let window = (self.snd_una + self.snd_wnd).since(self.snd_nxt);
        let flight = self.recovery.flight(self.snd_una, self.snd_nxt);
        let congestion = self.congestion.cwnd().saturating_add(self.recovery.allowance(mss)).saturating_sub(flight);
        let len = unsent.min(mss).min(window).min(congestion);
        let all = len == unsent && (self.options.nodelay || in_flight == 0 || self.fin_queued);
        let worth_it = len == mss || all || (self.snd_wnd_max > 1 && len >= self.snd_wnd_max / 2);
        if worth_it { len } else { 0 }
    }

    /// A segment of new data, with our FIN if it is the last.
    fn fresh(&mut self, now: Instant, len: u32, unsent: u32) -> Outgoing {
        let seq = self.snd_nxt;
        let last = len == unsent;
        let mut flags = Flags::ACK;
        if last && len > 0 {
            flags |= Flags::PSH;
        }
        let fin = last && self.fin_queued;
        if fin {
            flags |= Flags::FIN;
            self.snd_fin = Some(seq + len);
        }
        self.snd_nxt = seq + len + u32::from(fin);
        if self.timing.is_none() {
            self.timing = Some((self.snd_nxt, now));
        }
        self.segment(now, seq, flags, len)
    }

    /// An old sequence number makes the peer answer (RFC 9293 §3.8.4).
    fn keep_alive(&mut self, now: Instant) -> Option<Outgoing> {
        core::mem::take(&mut self.keep_alive_due).then(|| self.segment(now, self.snd_nxt - 1, Flags::ACK, 0))
    }

    fn acknowledgment(&mut self, now: Instant) -> Option<Outgoing> {
        if self.state == State::SynSent {
            return None;
        }
        let owed = self.dup_acks_owed;
        if !self.ack_due && owed == 0 && !self.window_update_due() {
            return None;
        }
        let segment = self.segment(now, self.snd_nxt, Flags::ACK, 0);
        // The sender counts duplicates, so each segment out of order gets its own.
        self.dup_acks_owed = owed.saturating_sub(1);
        Some(segment)
    }

    /// Builds a segment and settles what every segment settles.
    fn segment(&mut self, now: Instant, seq: SeqNumber, flags: Flags, len: u32) -> Outgoing {
        let window = self.select_window();
        let acks = flags.contains(Flags::ACK);
        let options = Options {
            timestamps: self
                .use_timestamps
                .then(|| Timestamps { value: self.clock(now), echo: if acks { self.ts_recent } else { 0 } }),
            ..Options::default()
        };
        if acks {
            self.ack_due = false;
            self.dup_acks_owed = 0;
            self.unacked = 0;
            self.delayed_ack_at = None;
            self.last_ack_sent = self.rcv_nxt;
        }
        self.last_sent = now;
        Outgoing {
            header: Segment {
                src_port: self.tuple.local.port,
                dst_port: self.tuple.remote.port,
                seq,
                ack: if acks { self.rcv_nxt } else { SeqNumber(0) },
                flags,
                window,
                options,
                payload: &[],
            },
            offset: seq.since(self.send_base()) as usize,
            len: len as usize,
        }
    }
}
