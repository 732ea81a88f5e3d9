//! Fifth: the acknowledgment (RFC 9293 §3.10.7.4), with RFC 5961 §5, RFC 5681, RFC 6582 and RFC 6298.

use super::super::recovery::{Advance, Duplicate};
use super::super::{Connection, Notices, Phase, SeqNumber, State};
use super::{Flow, Reset};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Segment};

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    pub(super) fn check_ack(&mut self, now: Instant, segment: &Segment<'_>) -> Flow {
        if !segment.has(Flags::ACK) {
            return Flow::Done;
        }
        if self.state == State::SynReceived {
            if segment.ack <= self.snd_una || segment.ack > self.snd_nxt {
                return Flow::Reset(Reset { seq: segment.ack, ack: None });
            }
            self.establish(now, segment);
            self.take_window(segment);
        }
        let too_old = segment.ack < self.snd_una - self.snd_wnd_max;
        if segment.ack > self.snd_nxt || too_old {
            self.challenge(now);
            return Flow::Done;
        }
        // Any acknowledgment shows that the peer lives: only silence ends a connection with a closed window.
        self.probes = 0;
        if segment.ack > self.snd_una {
            self.advance(now, segment);
        } else if segment.ack == self.snd_una && self.is_duplicate(segment) {
            self.duplicate(now);
        }
        self.update_window(segment);
        self.after_our_fin(now)
    }

    /// New data, and perhaps our FIN, is acknowledged.
    fn advance(&mut self, now: Instant, segment: &Segment<'_>) {
        let flight = self.snd_nxt.since(self.snd_una);
        let acked = segment.ack.since(self.snd_una);
        let fin_acked = self.snd_fin.is_some_and(|fin| segment.ack > fin);
        let data = acked - u32::from(fin_acked);
        if let Some(send) = self.send.as_mut().filter(|_| data > 0) {
            send.acknowledge(data as usize);
            self.notices |= Notices::WRITABLE;
        }
        self.snd_una = segment.ack;
        self.retries = 0;
        self.sample_rtt(now, segment);
        self.rtt.reset_backoff();
        let mss = self.mss();
        match self.recovery.on_advance(segment.ack, acked, mss) {
            Advance::Open => self.congestion.on_ack(now, acked, flight, self.rtt.srtt()),
            Advance::Partial => {}
            Advance::Recovered => self.congestion.on_recovered(now, self.snd_nxt.since(self.snd_una)),
        }
        // RFC 6298 §5.3: the timer starts again for what is still in flight.
        self.rexmt = None;
        self.stalled_since = None;
    }

    /// RFC 5681 §2: same number, same window, nothing in it, and something outstanding. What a closed window's probes
    /// bring back is none.
    fn is_duplicate(&self, segment: &Segment<'_>) -> bool {
        segment.is_empty() && self.snd_nxt > self.snd_una && self.snd_wnd > 0 && self.window_of(segment) == self.snd_wnd
    }

    fn duplicate(&mut self, now: Instant) {
        let mss = self.mss();
        match self.recovery.on_duplicate(self.snd_una, self.snd_nxt, mss) {
            Duplicate::Wait => {}
            Duplicate::Lost => {
                self.counters.fast_retransmits += 1;
                self.timing = None;
                self.congestion.on_loss(now, self.snd_nxt.since(self.snd_una));
            }
        }
    }

    fn window_of(&self, segment: &Segment<'_>) -> u32 {
        u32::from(segment.window) << self.snd_wnd_shift
    }

    /// An older segment must not change the window: SND.WL1 and SND.WL2 tell.
    fn update_window(&mut self, segment: &Segment<'_>) {
        let newer = self.snd_wl1 < segment.seq || (self.snd_wl1 == segment.seq && self.snd_wl2 <= segment.ack);
        if segment.ack < self.snd_una || !newer {
            return;
        }
        let was_closed = self.snd_wnd == 0;
        self.take_window(segment);
        if was_closed && self.snd_wnd > 0 {
            self.probe_due = false;
            self.rtt.reset_backoff();
            self.rexmt = None;
            // The probe's byte was dropped, as probes are: it and what follows it go again, without a loss inferred.
            if self.snd_nxt > self.snd_una && self.recovery.phase() == Phase::Open {
                self.recovery.go_back(self.snd_una, self.snd_nxt);
            }
        }
    }

    fn take_window(&mut self, segment: &Segment<'_>) {
        self.snd_wnd = self.window_of(segment);
        self.snd_wnd_max = self.snd_wnd_max.max(self.snd_wnd);
        self.snd_wl1 = segment.seq;
        self.snd_wl2 = segment.ack;
    }

    /// What an acknowledged FIN changes.
    fn after_our_fin(&mut self, now: Instant) -> Flow {
        if self.snd_fin.is_none_or(|fin| self.snd_una <= fin) {
            return Flow::Next;
        }
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if self.orphan {
                    self.linger_until = Some(now + self.config.fin_wait_2);
                }
            }
            State::Closing => self.enter_time_wait(),
            State::LastAck => {
                self.finish(None);
                return Flow::Done;
            }
            _ => {}
        }
        Flow::Next
    }

    /// RTTM with timestamps (RFC 7323 §4), one timed segment without (Karn's algorithm).
    pub(super) fn sample_rtt(&mut self, now: Instant, segment: &Segment<'_>) {
        let timed = self.timing.filter(|(end, _)| segment.ack >= *end);
        if timed.is_some() {
            self.timing = None;
        }
        if let Some((_, sent)) = timed {
            self.rtt.sample(now.since(sent));
        } else if let Some(stamps) = segment.options.timestamps.filter(|_| self.use_timestamps) {
            let age = SeqNumber(self.clock(now)).since(SeqNumber(stamps.echo));
            // A peer that echoes nonsense must not make the time-out absurd.
            if stamps.echo != 0 && u64::from(age) <= self.config.rto_max.millis() {
                self.rtt.sample(Duration::from_millis(u64::from(age)));
            }
        }
    }
}
