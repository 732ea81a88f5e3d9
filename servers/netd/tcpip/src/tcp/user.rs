//! The user's calls (RFC 9293 §3.10.1 to §3.10.6) and the stack's side of a connection's life.

use super::{Connection, Notices, Reset, SocketOptions, State, TcpCounters, TimeWait};
use crate::addr::FourTuple;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::Instant;

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// Both ends.
    pub fn tuple(&self) -> FourTuple {
        self.tuple
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the connection ended, if it ended badly.
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    /// Whether the user gave up the id.
    pub fn is_orphan(&self) -> bool {
        self.orphan
    }

    /// Counters.
    pub fn counters(&self) -> TcpCounters {
        self.counters
    }

    /// What the user should hear about since the last call.
    pub fn take_notices(&mut self) -> Notices {
        core::mem::take(&mut self.notices)
    }

    /// The user's options.
    pub fn options(&self) -> SocketOptions {
        self.options
    }

    /// Changes the user's options.
    pub fn set_options(&mut self, options: SocketOptions) {
        self.options = options;
    }

    /// Whether there are buffers.
    pub fn has_buffers(&self) -> bool {
        self.receive.is_some()
    }

    /// Gives the connection its buffers. Nothing happens if it has some.
    pub fn attach(&mut self, send: S, receive: R) {
        if self.receive.is_none() {
            self.receive_capacity = receive.capacity();
            self.send = Some(send);
            self.receive = Some(receive);
        }
    }

    /// Takes the buffers back, if both are empty and nothing is out of order. The window stays what was announced.
    pub fn detach(&mut self) -> Option<(S, R)> {
        let send_empty = self.send.as_ref().is_some_and(|send| send.is_empty());
        let receive_empty = self.receive.as_ref().is_some_and(|receive| receive.unread() == 0);
        if !send_empty || !receive_empty || !self.ranges.is_empty() {
            return None;
        }
        self.send.take().zip(self.receive.take())
    }

    /// The buffers, for the user's side of owned ones.
    pub fn buffers_mut(&mut self) -> Option<(&mut S, &mut R)> {
        self.send.as_mut().zip(self.receive.as_mut())
    }

    /// CLOSE in one direction: FIN follows the last byte. Nothing is lost.
    pub fn shutdown(&mut self) {
        if self.fin_queued {
            return;
        }
        match self.state {
            State::SynSent => return self.finish(None),
            State::SynReceived => {}
            State::Established => self.state = State::FinWait1,
            State::CloseWait => self.state = State::LastAck,
            _ => return,
        }
        self.fin_queued = true;
    }

    /// The user closes and gives up the id. Returns a reset to be sent if unread data is lost by that.
    pub fn close(&mut self, now: Instant) -> Option<Reset> {
        let unread = self.receive.as_ref().is_some_and(|receive| receive.unread() > 0) || !self.ranges.is_empty();
        if unread && self.state != State::TimeWait {
            let reset = self.abort();
            self.orphan = true;
            return reset;
        }
        self.shutdown();
        self.orphan = true;
        if self.state == State::FinWait2 {
            self.linger_until = Some(now + self.config.fin_wait_2);
        }
        None
    }

    /// ABORT: the connection is over, and the peer is told by the reset returned.
    pub fn abort(&mut self) -> Option<Reset> {
        let tell = match self.state {
            State::Closed | State::Listen | State::SynSent | State::TimeWait => false,
            State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 => true,
            State::CloseWait | State::Closing | State::LastAck => true,
        };
        self.finish(Some(Error::Aborted));
        tell.then_some(Reset { seq: self.snd_nxt, ack: Some(self.rcv_nxt) })
    }

    /// A hard ICMP error, or the neighbour's silence: it ends an attempt to connect, and nothing else (RFC 5461).
    pub fn unreachable(&mut self, error: Error) {
        if self.state == State::SynSent {
            self.finish(Some(error));
        }
    }

    /// Whether `seq`, quoted by an ICMP error, is of something in flight (RFC 5927 §4.1).
    pub fn is_in_flight(&self, seq: super::SeqNumber) -> bool {
        seq >= self.snd_una && seq < self.snd_nxt
    }

    /// The path takes packets of `mtu` bytes at most (RFC 1191). Segments become smaller, never larger, and what is in
    /// flight goes again.
    pub fn on_path_mtu(&mut self, mtu: u16) {
        let mss = mtu.saturating_sub(super::HEADERS).max(super::DEFAULT_MSS);
        if mss < self.snd_mss {
            self.snd_mss = mss;
            self.congestion.set_mss(self.mss());
            if self.snd_nxt > self.snd_una && self.state.is_synchronized() {
                self.recovery.go_back(self.snd_una, self.snd_nxt);
            }
        }
    }

    /// Whether the peer is still to hear of something that arrived.
    pub fn owes_acknowledgment(&self) -> bool {
        self.ack_due || self.dup_acks_owed > 0
    }

    /// What TIME-WAIT keeps.
    pub fn time_wait(&self, now: Instant) -> TimeWait {
        TimeWait {
            snd_nxt: self.snd_nxt,
            rcv_nxt: self.rcv_nxt,
            ts_recent: self.use_timestamps.then_some(self.ts_recent),
            expires: now + self.config.time_wait,
        }
    }
}
