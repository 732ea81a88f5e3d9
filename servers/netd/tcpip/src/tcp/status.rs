//! A connection's state as a value: for `netstat`, and for tests that compare the whole of it.

use super::{Connection, Phase, SeqNumber, State, TcpCounters};
use crate::addr::FourTuple;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::time::Duration;

/// What a connection looks like from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpStatus {
    /// Both ends.
    pub tuple: FourTuple,
    /// The state.
    pub state: State,
    /// Oldest unacknowledged sequence number.
    pub snd_una: SeqNumber,
    /// Next sequence number to send.
    pub snd_nxt: SeqNumber,
    /// The peer's window, scaled.
    pub snd_wnd: u32,
    /// Next sequence number expected.
    pub rcv_nxt: SeqNumber,
    /// Our window as announced, minus what arrived since.
    pub rcv_wnd: u32,
    /// Payload bytes of a full-sized segment.
    pub mss: u32,
    /// Bytes in the send buffer.
    pub send_queue: usize,
    /// Bytes in the receive buffer that the user hasn't read.
    pub receive_queue: usize,
    /// Islands in the out-of-order queue.
    pub islands: usize,
    /// Congestion window.
    pub cwnd: u32,
    /// Slow-start threshold.
    pub ssthresh: u32,
    /// Loss recovery.
    pub recovery: Phase,
    /// Smoothed round-trip time.
    pub srtt: Option<Duration>,
    /// Retransmission time-out with its back-off.
    pub rto: Duration,
    /// Counters.
    pub counters: TcpCounters,
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// The state as a value.
    pub fn status(&self) -> TcpStatus {
        TcpStatus {
            tuple: self.tuple,
            state: self.state,
            snd_una: self.snd_una,
            snd_nxt: self.snd_nxt,
            snd_wnd: self.snd_wnd,
            rcv_nxt: self.rcv_nxt,
            rcv_wnd: self.rcv_wnd(),
            mss: self.mss(),
            send_queue: self.send.as_ref().map_or(0, |send| send.len()),
            receive_queue: self.receive.as_ref().map_or(0, |receive| receive.unread()),
            islands: self.ranges.iter().count(),
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            recovery: self.recovery.phase(),
            srtt: self.rtt.srtt(),
            rto: self.rtt.rto(),
            counters: self.counters,
        }
    }
}
