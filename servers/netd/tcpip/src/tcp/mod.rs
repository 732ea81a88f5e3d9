//! TCP by RFC 9293.
//!
//! A [`Connection`] is the RFC's transmission control block. It does no input or output: segments and time go in
//! ([`Connection::segment_arrives`], [`Connection::on_timer`]), decisions are recorded in its fields, and
//! [`Connection::next_segment`] turns them into segments one by one until nothing is left to say. So every rule can be
//! tested by setting a state, feeding one segment and comparing the whole state.
//!
//! * [`state`], [`seq`]: the vocabulary.
//! * `arrival`: §3.10.7, a file a step. [`output`]: what to send. `user`: the user's calls (§3.9.1).
//! * `timers`, [`rtt`]: when. [`recovery`], [`congestion`]: what was lost, how much may be in flight.
//! * [`ranges`]: the out-of-order queue. `window`: what we offer.
//! * [`listen`], [`time_wait`], [`isn`]: before and after a connection.
//!
//! Field names are the RFC's. `rcv_adv` is the right edge that was announced: RCV.NXT + RCV.WND.

mod arrival;
pub mod congestion;
pub mod isn;
pub mod listen;
pub mod output;
pub mod ranges;
pub mod recovery;
pub mod rtt;
pub mod seq;
pub mod state;
mod status;
pub mod time_wait;
mod timers;
mod user;
mod window;

pub use arrival::Reset;
pub use congestion::{Algorithm, CongestionControl};
pub use listen::Listener;
pub use output::Outgoing;
pub use recovery::Phase;
pub use seq::SeqNumber;
pub use state::State;
pub use status::TcpStatus;
pub use time_wait::TimeWait;

use crate::addr::FourTuple;
use crate::buffer::{ReceiveBuffer, SendBuffer};
use crate::error::Error;
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use bitflags::bitflags;
use ranges::Ranges;
use recovery::Recovery;
use rtt::RttEstimator;
use timers::{AckLimiter, Rexmt};

/// Smallest segment size a peer can make us use (a peer that announces 1 byte wants our CPU time).
const MIN_MSS: u16 = 64;
/// What a peer takes that announces no segment size (RFC 9293 §3.7.1).
const DEFAULT_MSS: u16 = 536;
/// Headers of IPv4 and TCP without options.
const HEADERS: u16 = 40;

/// What all connections of a stack share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpConfig {
    /// Floor of the retransmission time-out. RFC 6298 says 1 s; everybody uses 200 ms.
    pub rto_min: Duration,
    /// Time-out before a round trip was measured.
    pub rto_initial: Duration,
    /// Ceiling of the time-out.
    pub rto_max: Duration,
    /// Repetitions of a SYN before the attempt fails.
    pub syn_retries: u32,
    /// Repetitions of data before the connection fails (R2 of RFC 9293 §3.8.3).
    pub data_retries: u32,
    /// The same after the user closed.
    pub orphan_retries: u32,
    /// How long an acknowledgment may wait for data to ride on; at most 500 ms.
    pub delayed_ack: Duration,
    /// Length of TIME-WAIT (2 MSL).
    pub time_wait: Duration,
    /// How long a closed socket waits in FIN-WAIT-2 for the peer's FIN.
    pub fin_wait_2: Duration,
    /// Time between keep-alive probes.
    pub keep_alive_interval: Duration,
    /// Unanswered probes before the connection fails.
    pub keep_alive_probes: u32,
    /// Segments of the initial congestion window (RFC 6928).
    pub initial_segments: u32,
    /// Whether to offer timestamps (RFC 7323).
    pub timestamps: bool,
    /// Whether to offer window scaling (RFC 7323).
    pub window_scaling: bool,
    /// Congestion control.
    pub congestion: Algorithm,
}

impl Default for TcpConfig {
    fn default() -> TcpConfig {
        TcpConfig {
            rto_min: Duration::from_millis(200),
            rto_initial: Duration::from_secs(1),
            rto_max: Duration::from_secs(60),
            syn_retries: 6,
            data_retries: 15,
            orphan_retries: 8,
            delayed_ack: Duration::from_millis(40),
            time_wait: time_wait::DEFAULT_PERIOD,
            fin_wait_2: Duration::from_secs(60),
            keep_alive_interval: Duration::from_secs(75),
            keep_alive_probes: 9,
            initial_segments: 10,
            timestamps: true,
            window_scaling: true,
            congestion: Algorithm::NewReno,
        }
    }
}

/// What a user sets on one socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketOptions {
    /// Send small segments at once, without Nagle's algorithm.
    pub nodelay: bool,
    /// Probe the peer after this much silence.
    pub keep_alive: Option<Duration>,
    /// Fail when data stays unacknowledged for so long (RFC 5482).
    pub user_timeout: Option<Duration>,
}

bitflags! {
    /// What the user should hear about.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Notices: u8 {
        /// The handshake is complete.
        const CONNECTED = 0x01;
        /// There are new bytes to read.
        const READABLE = 0x02;
        /// The send buffer has more room.
        const WRITABLE = 0x04;
        /// The peer closed its direction.
        const ENDED = 0x08;
        /// The connection is over.
        const CLOSED = 0x10;
        /// A listener has a connection to accept.
        const ACCEPTABLE = 0x20;
    }
}

/// What a connection starts from.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Both ends.
    pub tuple: FourTuple,
    /// Initial send sequence number.
    pub iss: SeqNumber,
    /// Where the timestamp clock starts.
    pub timestamp_offset: u32,
    /// MTU of the first link.
    pub mtu: u16,
    /// Capacity of the receive buffer there will be.
    pub receive_capacity: usize,
    /// The stack's configuration.
    pub config: TcpConfig,
    /// The user's options.
    pub options: SocketOptions,
}

/// Statistics of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpCounters {
    /// Segments received.
    pub segments_in: u64,
    /// Segments sent, repeated ones included.
    pub segments_out: u64,
    /// Segments repeated.
    pub retransmits: u64,
    /// Expiries of the retransmission timer.
    pub timeouts: u64,
    /// Fast retransmits.
    pub fast_retransmits: u64,
    /// Segments that arrived out of order.
    pub out_of_order: u64,
    /// Segments refused by the sequence check, PAWS or RFC 5961.
    pub refused: u64,
}

/// A transmission control block.
pub struct Connection<S, R> {
    tuple: FourTuple,
    state: State,
    config: TcpConfig,
    options: SocketOptions,
    mtu: u16,
    /// Whether the user gave up the id: nobody reads any more.
    orphan: bool,
    /// Whether the connection began with a peer's SYN.
    passive: bool,
    error: Option<Error>,
    notices: Notices,
    counters: TcpCounters,

    // Send sequence space.
    iss: SeqNumber,
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    snd_wnd: u32,
    snd_wl1: SeqNumber,
    snd_wl2: SeqNumber,
    snd_wnd_max: u32,
    snd_wnd_shift: u8,
    /// Whether both sides offered window scaling.
    use_scaling: bool,
    snd_mss: u16,
    /// The user closed; FIN follows the last byte.
    fin_queued: bool,
    /// Where our FIN is, once sent.
    snd_fin: Option<SeqNumber>,

    // Receive sequence space.
    irs: SeqNumber,
    rcv_nxt: SeqNumber,
    rcv_adv: SeqNumber,
    rcv_wnd_shift: u8,
    /// Largest payload seen: what the peer's full-sized segments are.
    rcv_mss: u32,
    /// Where the peer's FIN is, once seen.
    rcv_fin: Option<SeqNumber>,
    ranges: Ranges,
    receive_capacity: usize,

    // Timestamps.
    use_timestamps: bool,
    timestamp_offset: u32,
    ts_recent: u32,
    ts_recent_at: Instant,
    last_ack_sent: SeqNumber,

    // What is due.
    syn_due: bool,
    ack_due: bool,
    /// Duplicate acknowledgments owed, one a segment that arrived out of order.
    dup_acks_owed: u8,
    /// Bytes received since the last acknowledgment.
    unacked: u32,
    probe_due: bool,
    keep_alive_due: bool,

    // Time.
    rtt: RttEstimator,
    /// The segment being timed: its end and when it was sent (Karn).
    timing: Option<(SeqNumber, Instant)>,
    rexmt: Option<Rexmt>,
    retries: u32,
    probes: u32,
    /// Since when the peer has acknowledged nothing that is outstanding.
    stalled_since: Option<Instant>,
    delayed_ack_at: Option<Instant>,
    last_received: Instant,
    last_sent: Instant,
    keep_alives_sent: u32,
    /// End of FIN-WAIT-2 for an orphan.
    linger_until: Option<Instant>,
    ack_limiter: AckLimiter,

    recovery: Recovery,
    congestion: Box<dyn CongestionControl>,
    send: Option<S>,
    receive: Option<R>,
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    fn new(setup: Setup, state: State, now: Instant) -> Connection<S, R> {
        let Setup { tuple, iss, timestamp_offset, mtu, receive_capacity, config, options } = setup;
        let own_mss = mtu.saturating_sub(HEADERS).max(MIN_MSS);
        let offered = receive_capacity.min(usize::from(u16::MAX)) as u32;
        Connection {
            tuple,
            state,
            config,
            options,
            mtu,
            orphan: false,
            passive: false,
            error: None,
            notices: Notices::empty(),
            counters: TcpCounters::default(),
            iss,
            snd_una: iss,
            snd_nxt: iss,
            snd_wnd: 0,
            snd_wl1: SeqNumber(0),
            snd_wl2: SeqNumber(0),
            snd_wnd_max: 0,
            snd_wnd_shift: 0,
            use_scaling: false,
            snd_mss: own_mss.min(DEFAULT_MSS),
            fin_queued: false,
            snd_fin: None,
            irs: SeqNumber(0),
            rcv_nxt: SeqNumber(0),
            rcv_adv: SeqNumber(offered),
            rcv_wnd_shift: if config.window_scaling { window::scale_for(receive_capacity) } else { 0 },
            rcv_mss: u32::from(own_mss.min(DEFAULT_MSS)),
            rcv_fin: None,
            ranges: Ranges::default(),
            receive_capacity,
            use_timestamps: config.timestamps,
            timestamp_offset,
            ts_recent: 0,
            ts_recent_at: now,
            last_ack_sent: SeqNumber(0),
            syn_due: true,
            ack_due: false,
            dup_acks_owed: 0,
            unacked: 0,
            probe_due: false,
            keep_alive_due: false,
            rtt: RttEstimator::new(&config),
            timing: None,
            rexmt: None,
            retries: 0,
            probes: 0,
            stalled_since: None,
            delayed_ack_at: None,
            last_received: now,
            last_sent: now,
            keep_alives_sent: 0,
            linger_until: None,
            ack_limiter: AckLimiter::new(now),
            recovery: Recovery::new(iss),
            congestion: config.congestion.controller(u32::from(own_mss), config.initial_segments),
            send: None,
            receive: None,
        }
    }

    /// An active OPEN: a connection in SYN-SENT whose SYN is due.
    pub fn connect(setup: Setup, now: Instant) -> Connection<S, R> {
        Connection::new(setup, State::SynSent, now)
    }

    /// The largest segment we take: what the MSS option says (RFC 6691: without options).
    fn own_mss(&self) -> u16 {
        self.mtu.saturating_sub(HEADERS).max(MIN_MSS)
    }

    /// Payload bytes of a full-sized segment to the peer.
    fn mss(&self) -> u32 {
        let options = if self.use_timestamps { 12 } else { 0 };
        u32::from(self.snd_mss.saturating_sub(options).max(1))
    }

    /// Sequence number of the send buffer's first byte.
    fn send_base(&self) -> SeqNumber {
        if self.snd_una == self.iss { self.iss + 1 } else { self.snd_una }
    }

    /// Sequence number behind the last byte to send. After our FIN was sent, nothing can be added.
    fn send_end(&self) -> SeqNumber {
        if let Some(fin) = self.snd_fin {
            return fin;
        }
        // A shared ring may claim anything; 2³⁰ is the largest window there is.
        let held = self.send.as_ref().map_or(0, |send| send.len().min(1 << 30)) as u32;
        let end = self.send_base() + held;
        end.max(self.snd_nxt)
    }

    /// Our clock for the timestamps option: milliseconds.
    fn clock(&self, now: Instant) -> u32 {
        (now.millis() as u32).wrapping_add(self.timestamp_offset)
    }

    /// The connection is over: with an error, or without one at its regular end.
    fn finish(&mut self, error: Option<Error>) {
        self.state = State::Closed;
        self.error = self.error.or(error);
        self.notices |= Notices::CLOSED;
        self.rexmt = None;
        self.delayed_ack_at = None;
        self.linger_until = None;
        self.ranges.clear();
        if let Some(receive) = &mut self.receive {
            receive.finish();
        }
    }
}
