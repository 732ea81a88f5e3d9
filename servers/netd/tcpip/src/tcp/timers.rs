//! Timers: retransmission (RFC 6298 §5) and persist share one, the delayed acknowledgment, keep-alive, user time-out
//! and FIN-WAIT-2 have a deadline each.

use super::{Connection, State};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::{Duration, Instant, earliest};

/// What the shared timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RexmtKind {
    /// Something is in flight: repeat it.
    Retransmit,
    /// The window is closed, or too small to be worth a segment: probe it (RFC 9293 §3.8.6.1).
    Persist,
}

/// The shared timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rexmt {
    pub(super) at: Instant,
    pub(super) kind: RexmtKind,
}

/// Challenge acknowledgments, and those for segments outside the window, in one second (RFC 5961 §7). The limit is a
/// connection's own: a shared one can be read from outside by who shares it.
const ACKS_PER_SECOND: u32 = 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct AckLimiter {
    since: Instant,
    count: u32,
}

impl AckLimiter {
    pub(super) fn new(now: Instant) -> AckLimiter {
        AckLimiter { since: now, count: 0 }
    }

    pub(super) fn allow(&mut self, now: Instant) -> bool {
        if now.since(self.since) >= Duration::from_secs(1) {
            *self = AckLimiter::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count <= ACKS_PER_SECOND
    }
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// The earliest time at which [`Connection::on_timer`] has something to do.
    pub fn poll_at(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let rexmt = self.rexmt.map(|timer| timer.at);
        let timers =
            earliest(earliest(rexmt, self.delayed_ack_at), earliest(self.linger_until, self.user_timeout_at()));
        earliest(timers, self.keep_alive_at())
    }

    /// Acts on every deadline that has passed.
    pub fn on_timer(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if self.state == State::Closed {
            return;
        }
        if due(self.linger_until) {
            return self.finish(None);
        }
        if due(self.user_timeout_at()) {
            return self.finish(Some(Error::TimedOut));
        }
        if due(self.delayed_ack_at) {
            self.delayed_ack_at = None;
            self.ack_due = true;
        }
        if let Some(timer) = self.rexmt.filter(|timer| timer.at <= now) {
            self.rexmt = None;
            match timer.kind {
                RexmtKind::Retransmit => self.on_retransmit_timer(now),
                RexmtKind::Persist => self.on_persist_timer(),
            }
        }
        if due(self.keep_alive_at()) {
            self.on_keep_alive_timer(now);
        }
    }

    fn on_retransmit_timer(&mut self, now: Instant) {
        let limit = if !self.state.is_synchronized() { self.config.syn_retries } else { self.data_retries() };
        if self.retries >= limit {
            return self.finish(Some(Error::TimedOut));
        }
        self.retries += 1;
        self.counters.timeouts += 1;
        self.rtt.back_off();
        self.timing = None;
        if self.state.is_synchronized() {
            // RFC 5681 §3.1: the threshold is set once for a segment however often it is lost.
            if self.retries == 1 {
                self.congestion.on_timeout(now, self.snd_nxt.since(self.snd_una));
            }
            self.recovery.go_back(self.snd_una, self.snd_nxt);
        } else {
            self.syn_due = true;
        }
    }

    fn on_persist_timer(&mut self) {
        if self.probes >= self.data_retries() {
            return self.finish(Some(Error::TimedOut));
        }
        self.probes += 1;
        self.rtt.back_off();
        self.probe_due = true;
    }

    fn data_retries(&self) -> u32 {
        if self.orphan { self.config.orphan_retries } else { self.config.data_retries }
    }

    /// Starts, changes or stops the shared timer by what is outstanding now. A running timer of the right kind runs on.
    pub(super) fn update_rexmt(&mut self, now: Instant) {
        let wanted = self.wanted_timer();
        match (wanted, self.rexmt) {
            (None, _) => {
                self.rexmt = None;
                self.stalled_since = None;
            }
            (Some(kind), Some(timer)) if timer.kind == kind => {}
            (Some(kind), _) => {
                self.rexmt = Some(Rexmt { at: now + self.rtt.rto(), kind });
                self.stalled_since = self.stalled_since.or(Some(now));
            }
        }
    }

    fn wanted_timer(&self) -> Option<RexmtKind> {
        match self.state {
            State::Closed | State::Listen | State::TimeWait => None,
            State::SynSent | State::SynReceived => (self.snd_nxt != self.iss).then_some(RexmtKind::Retransmit),
            _ => {
                let in_flight = self.snd_nxt > self.snd_una;
                let unsent = self.send_end() > self.snd_nxt;
                // Only our FIN may be sent into a closed window.
                let only_fin = self.snd_fin.is_some_and(|fin| fin == self.snd_una);
                if in_flight && (self.snd_wnd > 0 || only_fin) {
                    Some(RexmtKind::Retransmit)
                } else {
                    (in_flight || unsent).then_some(RexmtKind::Persist)
                }
            }
        }
    }

    fn user_timeout_at(&self) -> Option<Instant> {
        self.rexmt?;
        Some(self.stalled_since? + self.options.user_timeout?)
    }

    fn keep_alive_at(&self) -> Option<Instant> {
        let idle = self.options.keep_alive?;
        let alive = matches!(self.state, State::Established | State::CloseWait | State::FinWait2);
        if !alive || self.snd_nxt != self.snd_una {
            return None;
        }
        Some(self.last_received + idle + self.config.keep_alive_interval.scaled(u64::from(self.keep_alives_sent), 1))
    }

    fn on_keep_alive_timer(&mut self, _now: Instant) {
        if self.keep_alives_sent >= self.config.keep_alive_probes {
            return self.finish(Some(Error::TimedOut));
        }
        self.keep_alives_sent += 1;
        self.keep_alive_due = true;
    }
}
