//! TCP segments in: to a connection, a record of TIME-WAIT, a listener, or nobody; and what follows from a
//! connection's new state.

use super::receive::Context;
use super::socket::{Kind, Stage, TcpSocket};
use super::{Stack, Target};
use crate::addr::{Endpoint, FourTuple};
use crate::buffer::Buffers;
use crate::error::Error;
use crate::slab::SocketId;
use crate::tcp::time_wait::Verdict;
use crate::tcp::{Connection, Notices, Reset, SeqNumber, Setup, SocketOptions, State, TimeWait};
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Segment};
use alloc::boxed::Box;

/// Slots of the socket table that half-open connections leave free for the user.
pub const RESERVED_SOCKETS: usize = 16;
/// How far a reopened connection's numbers are beyond the old one's (RFC 9293 §3.6.1).
const REOPEN_GAP: u32 = 1 << 17;
/// A record of TIME-WAIT is renewed no more often than this.
const MIN_RENEWAL: Duration = Duration::from_secs(1);

impl<B: Buffers> Stack<B> {
    pub(super) fn receive_tcp(&mut self, now: Instant, context: Context, payload: &[u8]) {
        let segment = Segment::parse(payload, context.verify());
        // Addresses of many are refused for TCP (RFC 9293 §3.9.2.3), and so is port 0.
        let Some(segment) = segment.filter(|s| context.to_us && s.src_port != 0 && s.dst_port != 0) else {
            self.counters.tcp_malformed += 1;
            return;
        };
        self.counters.tcp_in += 1;
        let tuple = FourTuple {
            local: Endpoint::new(context.dst(), segment.dst_port),
            remote: Endpoint::new(context.src(), segment.src_port),
        };
        match self.connections.get(&tuple).copied() {
            Some(Target::Connection(id)) => self.deliver_to_connection(now, id, &segment),
            Some(Target::TimeWait(record)) => self.deliver_to_time_wait(now, tuple, record, &segment),
            None => self.deliver_to_listener(now, tuple, &segment, None),
        }
    }

    fn deliver_to_connection(&mut self, now: Instant, id: SocketId, segment: &Segment<'_>) {
        if self.must_wait_for_accept(id, segment) {
            self.counters.tcp_backlog_full += 1;
            return;
        }
        if !segment.payload.is_empty() {
            self.attach(id);
        }
        let Ok(socket) = self.connection_mut(id) else { return };
        let reset = socket.connection.segment_arrives(now, segment);
        let tuple = socket.connection.tuple();
        if let Some(reset) = reset {
            self.send_reset(&tuple, reset);
        }
        self.settle(now, id);
    }

    /// The handshake's last ACK finds the queue of complete connections full: it is as if it was lost.
    fn must_wait_for_accept(&mut self, id: SocketId, segment: &Segment<'_>) -> bool {
        let Ok(TcpSocket { stage: Stage::HalfOpen(listener), .. }) = self.connection(id) else { return false };
        let listener = *listener;
        let completes = segment.has(Flags::ACK) && !segment.has(Flags::RST);
        completes && self.listener_mut(listener).is_ok_and(|listener| listener.is_full())
    }

    /// Gives a connection its buffers, if it has none and there is memory.
    pub(super) fn attach(&mut self, id: SocketId) -> bool {
        let Some(entry) = self.sockets.get_mut(id) else { return false };
        let Kind::Tcp(socket) = &mut entry.kind else { return false };
        if !socket.connection.has_buffers()
            && socket.connection.state() != State::Closed
            && let Some((send, receive)) = self.buffers.attach(id)
        {
            socket.connection.attach(send, receive);
        }
        socket.connection.has_buffers()
    }

    fn deliver_to_time_wait(&mut self, now: Instant, tuple: FourTuple, record: TimeWait, segment: &Segment<'_>) {
        match record.segment_arrives(segment) {
            Verdict::Ignore => {}
            Verdict::Acknowledge { renew } => {
                // Not at each repetition: the queue of ends must not fill with one record's.
                let end = now + self.tcp_config.time_wait;
                if renew && end.since(record.expires) >= MIN_RENEWAL {
                    self.insert_time_wait(tuple, TimeWait { expires: end, ..record });
                }
                let acknowledgment = record.acknowledgment(now, &tuple, &self.isn);
                self.send_bare_segment(&tuple, &acknowledgment);
            }
            Verdict::Reopen => {
                self.connections.remove(&tuple);
                self.deliver_to_listener(now, tuple, segment, Some(record.snd_nxt + REOPEN_GAP));
            }
        }
    }

    /// CLOSED and LISTEN (RFC 9293 §3.10.7.1 and §3.10.7.2).
    fn deliver_to_listener(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        segment: &Segment<'_>,
        min_iss: Option<SeqNumber>,
    ) {
        let id = self.listeners.get(&tuple.local.port).copied();
        let listener = id.and_then(|id| self.listener_mut(id).ok());
        let wanted = listener.filter(|l| l.address.is_none_or(|address| address == tuple.local.addr));
        let (Some(listener), Some(id)) = (wanted, id) else {
            self.counters.tcp_no_connection += 1;
            if let Some(reset) = Reset::answering(segment) {
                self.send_reset(&tuple, reset);
            }
            return;
        };
        if segment.has(Flags::RST) {
            return;
        }
        if segment.has(Flags::ACK) {
            self.counters.tcp_no_connection += 1;
            return self.send_reset(&tuple, Reset { seq: segment.ack, ack: None });
        }
        if !segment.has(Flags::SYN) {
            return;
        }
        if !listener.admits() {
            self.counters.tcp_backlog_full += 1;
            return;
        }
        let options = listener.options;
        if self.sockets.len() + RESERVED_SOCKETS > self.limits.sockets {
            self.counters.tcp_no_socket += 1;
            return;
        }
        let mut setup = self.setup(now, tuple, options);
        setup.iss = min_iss.map_or(setup.iss, |min| setup.iss.max(min));
        let connection = Connection::accept(setup, segment, now);
        if let Ok(id) = self.insert_connection(connection, Stage::HalfOpen(id)) {
            self.settle(now, id);
        }
    }

    pub(super) fn setup(&self, now: Instant, tuple: FourTuple, options: SocketOptions) -> Setup {
        Setup {
            tuple,
            iss: self.isn.generate(now, &tuple),
            timestamp_offset: self.isn.timestamp_offset(&tuple),
            mtu: self.iface.mtu,
            receive_capacity: self.buffers.receive_capacity(),
            config: self.tcp_config,
            options,
        }
    }

    pub(super) fn insert_connection(
        &mut self,
        connection: Connection<B::Send, B::Receive>,
        stage: Stage,
    ) -> Result<SocketId, Error> {
        let tuple = connection.tuple();
        let id = self.insert(Kind::Tcp(Box::new(TcpSocket { connection, stage, linked: true })))?;
        self.connections.insert(tuple, Target::Connection(id));
        if let Stage::HalfOpen(listener) = stage
            && let Ok(listener) = self.listener_mut(listener)
        {
            listener.began();
        }
        Ok(id)
    }

    pub(super) fn send_reset(&mut self, tuple: &FourTuple, reset: Reset) {
        self.counters.tcp_resets_out += 1;
        self.send_bare_segment(tuple, &reset.segment(tuple.local.port, tuple.remote.port));
    }

    /// What follows from a connection's state after something happened to it: its listener, its record in TIME-WAIT,
    /// its end, the user's events, its timer, its turn to send.
    pub(super) fn settle(&mut self, now: Instant, id: SocketId) {
        let Ok(socket) = self.connection_mut(id) else { return };
        let notices = socket.connection.take_notices();
        let (state, stage, tuple) = (socket.connection.state(), socket.stage, socket.connection.tuple());
        if notices.contains(Notices::CONNECTED) {
            self.on_established(id, stage);
        }
        if matches!(state, State::Closed | State::TimeWait) {
            self.unlink(now, id, tuple, state);
            if self.reap(id, state) {
                return;
            }
        }
        // Nobody knows the connection before it is accepted; what happened until then is told then.
        if self.connection(id).is_ok_and(|socket| socket.stage == Stage::Owned && !socket.connection.is_orphan()) {
            self.notify(id, notices);
        }
        if !matches!(state, State::Closed | State::TimeWait) {
            self.make_ready(id);
        }
    }

    fn on_established(&mut self, id: SocketId, stage: Stage) {
        self.counters.tcp_established += 1;
        if let Stage::HalfOpen(listener_id) = stage {
            if let Ok(socket) = self.connection_mut(id) {
                socket.stage = Stage::Complete(listener_id);
            }
            if let Ok(listener) = self.listener_mut(listener_id) {
                listener.completed(id);
                self.notify(listener_id, Notices::ACCEPTABLE);
            }
        }
    }

    /// Segments don't find the connection any more; in TIME-WAIT they find its record.
    fn unlink(&mut self, now: Instant, id: SocketId, tuple: FourTuple, state: State) {
        let Ok(socket) = self.connection_mut(id) else { return };
        if !core::mem::replace(&mut socket.linked, false) {
            return;
        }
        let (record, owed) = (socket.connection.time_wait(now), socket.connection.owes_acknowledgment());
        self.connections.remove(&tuple);
        if state == State::TimeWait {
            self.insert_time_wait(tuple, record);
            // The last acknowledgment is still to be said, and not by the connection.
            if owed {
                let acknowledgment = record.acknowledgment(now, &tuple, &self.isn);
                self.send_bare_segment(&tuple, &acknowledgment);
            }
        }
    }

    /// Frees a connection that is over and that no user holds. Returns whether it did.
    fn reap(&mut self, id: SocketId, state: State) -> bool {
        let Ok(socket) = self.connection(id) else { return true };
        let (stage, orphan) = (socket.stage, socket.connection.is_orphan());
        match stage {
            Stage::Owned if !orphan => return false,
            Stage::Owned => {}
            Stage::HalfOpen(listener) => {
                if let Ok(listener) = self.listener_mut(listener) {
                    listener.ended();
                }
            }
            // The peer may be done before it is accepted: its data is still to be read.
            Stage::Complete(_) if state == State::TimeWait => return false,
            Stage::Complete(listener) => {
                if let Ok(listener) = self.listener_mut(listener) {
                    listener.lost(id);
                }
            }
        }
        self.remove(id);
        true
    }

    fn insert_time_wait(&mut self, tuple: FourTuple, record: TimeWait) {
        self.connections.insert(tuple, Target::TimeWait(record));
        self.time_wait_expiry.push(record.expires, tuple);
        while self.time_wait_expiry.len() > self.limits.time_waits {
            let Some((expires, tuple)) = self.time_wait_expiry.pop_oldest() else { break };
            if self.forget_time_wait(expires, &tuple) {
                self.counters.tcp_time_wait_overflow += 1;
            }
        }
    }

    /// Forgets a record, unless it was renewed or replaced since its end was queued.
    fn forget_time_wait(&mut self, expires: Instant, tuple: &FourTuple) -> bool {
        let ends = matches!(self.connections.get(tuple), Some(Target::TimeWait(record)) if record.expires == expires);
        if ends {
            self.connections.remove(tuple);
        }
        ends
    }

    pub(super) fn expire_time_waits(&mut self, now: Instant) {
        while let Some((expires, tuple)) = self.time_wait_expiry.pop_due(now) {
            self.forget_time_wait(expires, &tuple);
        }
    }

    /// After a turn to send: the timer, and another turn if there was something to send.
    pub(super) fn after_output(&mut self, id: SocketId, sent: bool) {
        let Ok(socket) = self.connection(id) else { return };
        let at = socket.connection.poll_at();
        self.schedule(id, at);
        if sent {
            self.make_ready(id);
        }
    }
}
