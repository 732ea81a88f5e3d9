//! The server's state and its turn: what arrived, what clients did, what the stack says, what goes out, who can be answered.

use alloc::{collections::BTreeSet, vec::Vec};

use libsys::{Error, Notification, log, names::bits, serve::Desk, time};
use tcpip::{FrameMeta, Instant, Stack};

use crate::{
    CARD, CRYPTO, buffers::Maker, crypto::Crypto, nic::Nic, session::Key, session::Session, socket::Sockets,
    waiting::Waiting,
};

/// Rounds of a turn before the next event is looked at.
const ROUNDS: usize = 8;

/// Everything.
pub struct Server {
    /// Clients.
    pub desk: Desk<Session>,
    /// TCP/IP.
    pub stack: Stack<Maker>,
    /// The card, if there is one.
    pub nic: Option<Nic>,
    /// The interface is switched on.
    pub up: bool,
    /// The address comes by DHCP.
    pub dhcp: bool,
    /// Openers are let in from then on, or when there is an address. ns since boot.
    pub open_at: u64,
    /// All sockets.
    pub sockets: Sockets,
    /// Clients that wait for an answer.
    pub waiting: Vec<Waiting>,
    /// When attempts to connect are given up.
    pub deadlines: BTreeSet<(u64, Key)>,
    /// Connections whose rings are to be looked at.
    pub dirty: BTreeSet<Key>,
    /// TLS.
    pub crypto: Crypto,
    /// The process's own.
    pub notification: Notification,
    /// Interrupts that came and are not acknowledged.
    pub card_bits: u64,
    /// There is more to do at once.
    pub again: bool,
    /// Frames of a machine without card.
    pub scratch: Vec<u8>,
}

/// Now, as the stack counts.
pub fn now() -> Instant {
    Instant::from_micros(time::now_ns() / 1000)
}

impl Server {
    /// Lets those in who want to open `net`, once there is an address or nobody need wait for one any more.
    pub fn admit(&mut self) {
        if self.open_at > time::now_ns() && self.stack.iface().ipv4.is_none() {
            return;
        }
        self.open_at = 0;
        if let Err(error) = self.desk.admit(Session::new) {
            log!(Warning, "open requests: {error}");
        }
    }

    /// Bits came.
    pub fn bits(&mut self, set: u64) {
        self.card_bits |= set & CARD.iter().fold(0, |all, bit| all | bit);
        if set & CRYPTO != 0 {
            self.crypto_done();
        }
        if set & bits::WORK != 0 {
            self.admit();
        }
        for (_, session) in self.desk.sessions.iter_mut() {
            if session.link.as_ref().is_some_and(|link| link.pair.mask() & set != 0) {
                self.dirty.extend(session.sockets());
            }
        }
    }

    /// Does all there is to do, in bounded rounds.
    pub fn settle(&mut self) {
        if self.open_at != 0 {
            self.admit();
        }
        self.again = true;
        for _ in 0..ROUNDS {
            if !self.round() {
                self.again = false;
                break;
            }
        }
        self.answer_waiting();
    }

    /// One round: returns whether there may be more to do.
    fn round(&mut self) -> bool {
        let now = now();
        let mut more = self.receive(now);
        self.stack.poll(now);
        self.give_up_late(now);
        for key in core::mem::take(&mut self.dirty) {
            self.look_at_rings(now, key);
        }
        self.send(now);
        while let Some(event) = self.stack.next_event() {
            more = true;
            self.on_event(now, event);
        }
        more || !self.dirty.is_empty()
    }

    fn receive(&mut self, now: Instant) -> bool {
        let Some(nic) = &mut self.nic else { return false };
        let bits = core::mem::take(&mut self.card_bits);
        if bits != 0 {
            nic.acknowledge(bits);
        }
        let (stack, up) = (&mut self.stack, self.up);
        nic.receive(|frame| {
            if up {
                stack.receive(now, frame, FrameMeta::default());
            }
        })
    }

    fn send(&mut self, now: Instant) {
        let stack = &mut self.stack;
        if let (Some(nic), true) = (&mut self.nic, self.up) {
            while nic.send(|frame| stack.next_frame(now, frame).map(|frame| frame.len)) {}
            return;
        }
        // What is for ourselves never becomes a frame; the rest goes nowhere.
        while stack.next_frame(now, &mut self.scratch).is_some() {}
    }

    /// Until when to sleep, ns since boot.
    pub fn deadline(&self) -> u64 {
        // Answering a client may have left rings to be looked at.
        if self.again || !self.dirty.is_empty() {
            return 0;
        }
        let stack = self.stack.poll_at().map_or(u64::MAX, |at| at.micros().saturating_mul(1000));
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline).min().unwrap_or(u64::MAX);
        let connecting = self.deadlines.first().map_or(u64::MAX, |(at, _)| *at);
        let opening = if self.open_at == 0 { u64::MAX } else { self.open_at };
        stack.min(waiting).min(connecting).min(opening)
    }

    /// Tells the client of a socket's session that something changed.
    pub fn ring(&mut self, key: Key) {
        let Some(session) = self.sockets.get(key).map(|socket| socket.session) else { return };
        if let Ok(session) = self.desk.sessions.get(session) {
            session.ring();
        }
    }

    /// A session is over: its sockets are reset, its memory is unmapped.
    pub fn close_session(&mut self, badge: u64) {
        self.forget_waiting(badge);
        let Some(session) = self.desk.sessions.close(badge) else { return };
        for key in session.sockets() {
            self.release(key, crate::connections::Farewell::Reset);
        }
    }

    /// The session of a badge.
    pub fn session(&mut self, badge: u64) -> Result<&mut Session, Error> {
        self.desk.sessions.get(badge)
    }
}
