//! What a SYN tells: sequence numbers and options.

use super::super::{Connection, DEFAULT_MSS, MIN_MSS, Notices, Setup, State};
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::Instant;
use crate::wire::tcp::Segment;

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// A passive OPEN met a SYN: a connection in SYN-RECEIVED whose SYN-ACK is due. Data in the SYN is left for the
    /// peer to repeat, which the RFC allows and nobody sends.
    pub fn accept(setup: Setup, syn: &Segment<'_>, now: Instant) -> Connection<S, R> {
        let mut connection = Connection::new(setup, State::SynReceived, now);
        connection.passive = true;
        connection.take_syn(now, syn);
        connection
    }

    /// IRS, RCV.NXT and the options of the peer's SYN.
    pub(super) fn take_syn(&mut self, now: Instant, syn: &Segment<'_>) {
        self.irs = syn.seq;
        self.rcv_nxt = syn.seq + 1;
        self.rcv_adv = self.rcv_nxt + self.receive_capacity.min(usize::from(u16::MAX)) as u32;
        self.last_ack_sent = self.rcv_nxt;
        self.last_received = now;
        self.snd_mss = syn.options.mss.unwrap_or(DEFAULT_MSS).clamp(MIN_MSS, self.own_mss());
        match syn.options.window_scale {
            Some(shift) if self.config.window_scaling => {
                self.use_scaling = true;
                self.snd_wnd_shift = shift.min(14);
            }
            _ => self.rcv_wnd_shift = 0,
        }
        self.use_timestamps = self.config.timestamps && syn.options.timestamps.is_some();
        if let Some(stamps) = syn.options.timestamps {
            self.ts_recent = stamps.value;
            self.ts_recent_at = now;
        }
        // The window of a SYN is never scaled (RFC 7323 §2.2).
        self.snd_wnd = u32::from(syn.window);
        self.snd_wnd_max = self.snd_wnd;
        self.snd_wl1 = syn.seq;
        self.snd_wl2 = syn.ack;
    }

    /// Our SYN is acknowledged and the peer's is known: ESTABLISHED, or FIN-WAIT-1 if the user closed meanwhile.
    pub(super) fn establish(&mut self, now: Instant, segment: &Segment<'_>) {
        self.sample_rtt(now, segment);
        if self.retries > 0 {
            self.rtt.syn_was_lost();
        }
        // RFC 5681 §3.1 as RFC 6928 relaxed it: one lost SYN is no sign of congestion, more are.
        let segments = if self.retries > 1 { 1 } else { self.config.initial_segments };
        self.congestion = self.config.congestion.controller(self.mss(), segments);
        self.snd_una = self.iss + 1;
        self.state = if self.fin_queued { State::FinWait1 } else { State::Established };
        self.syn_due = false;
        self.retries = 0;
        self.rexmt = None;
        self.stalled_since = None;
        self.notices |= Notices::CONNECTED | Notices::WRITABLE;
    }
}
