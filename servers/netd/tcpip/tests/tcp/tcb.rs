//! A connection in any state, and segments by numbers relative to both initial ones.
//!
//! Our sequence numbers begin at `ISS`, the peer's at `IRS`; the first byte of each has the relative number 1. The
//! connection has no timestamps and no scaling unless a story asks for them, a segment size of 1,000 and an 8,000-byte
//! receive ring.

use std::net::Ipv4Addr;
use tcpip::tcp::{Connection, Outgoing, Reset, SeqNumber, Setup, TcpCounters};
use tcpip::wire::tcp::{Flags, Options, Segment};
use tcpip::*;

pub const ISS: SeqNumber = SeqNumber(u32::MAX - 2000);
pub const IRS: SeqNumber = SeqNumber(u32::MAX - 700);
pub const MSS: usize = 1000;
pub const WINDOW: u16 = 8000;

pub const SYN: Flags = Flags::SYN;
pub const ACK: Flags = Flags::ACK;
pub const FIN: Flags = Flags::FIN;
pub const RST: Flags = Flags::RST;
pub const PSH: Flags = Flags::PSH;

pub type Conn = Connection<Ring, Ring>;

/// A segment as the stories write it: `len` bytes of payload, numbers relative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seg {
    pub seq: u32,
    pub ack: u32,
    pub flags: Flags,
    pub window: u16,
    pub len: usize,
}

pub fn seg(flags: Flags, seq: u32, ack: u32, len: usize) -> Seg {
    Seg { seq, ack, flags, window: WINDOW, len }
}

pub fn window(mut segment: Seg, window: u16) -> Seg {
    segment.window = window;
    segment
}

pub struct Tcb {
    pub c: Conn,
    pub now: Instant,
    pub options: Options,
}

pub fn config() -> TcpConfig {
    TcpConfig { timestamps: false, window_scaling: false, ..TcpConfig::default() }
}

pub fn setup(config: TcpConfig, options: SocketOptions) -> Setup {
    let end = |last, port| Endpoint::new(Ipv4Addr::new(10, 0, 0, last), port);
    Setup {
        tuple: FourTuple { local: end(1, 4000), remote: end(2, 80) },
        iss: ISS,
        timestamp_offset: 77,
        mtu: 1040,
        receive_capacity: 8000,
        config,
        options,
    }
}

const START: Instant = Instant::from_millis(5000);

/// Byte `at` of the peer's stream.
pub fn theirs(at: u32) -> u8 {
    (at % 251) as u8
}

impl Tcb {
    pub fn new(c: Conn) -> Tcb {
        Tcb { c, now: START, options: Options::default() }
    }

    /// An active open: the SYN is still to be sent.
    pub fn connecting(config: TcpConfig, options: SocketOptions) -> Tcb {
        let mut tcb = Tcb::new(Connection::connect(setup(config, options), START));
        tcb.c.attach(Ring::new(20_000), Ring::new(8000));
        tcb
    }

    /// A passive open that met a SYN with these options.
    pub fn accepting(config: TcpConfig, options: Options) -> Tcb {
        let mut syn = raw(seg(SYN, 0, 0, 0), &[]);
        syn.options = options;
        let mut tcb = Tcb::new(Connection::accept(setup(config, SocketOptions::default()), &syn, START));
        tcb.c.attach(Ring::new(20_000), Ring::new(8000));
        tcb
    }

    /// The peer sends `segment`; its payload is the peer's stream. Returns a reset that answers it.
    pub fn recv(&mut self, segment: Seg) -> Option<Reset> {
        let payload: Vec<u8> = (0..segment.len as u32).map(|at| theirs(segment.seq.wrapping_add(at))).collect();
        let mut raw = raw(segment, &payload);
        raw.options = self.options;
        self.c.segment_arrives(self.now, &raw)
    }

    pub fn next(&mut self) -> Option<Outgoing> {
        self.c.next_segment(self.now)
    }

    /// Everything the connection has to say.
    pub fn out(&mut self) -> Vec<Seg> {
        let mut all = Vec::new();
        while let Some(Outgoing { header, offset, len }) = self.next() {
            assert!(all.len() < 100, "it never stops");
            let seq = header.seq.0.wrapping_sub(ISS.0);
            let ack = if header.has(ACK) { header.ack.0.wrapping_sub(IRS.0) } else { 0 };
            let mut bytes = vec![0; len];
            let copied = self.c.send_buffer().map_or(0, |send| send.peek(offset, &mut bytes));
            assert_eq!(copied, len, "payload that isn't there");
            for (index, byte) in bytes.iter().enumerate() {
                assert_eq!(*byte, ours(seq.wrapping_add(index as u32)), "wrong byte at {seq}+{index}");
            }
            all.push(Seg { seq, ack, flags: header.flags, window: header.window, len });
        }
        all
    }

    /// The user writes `count` bytes, which begin with relative number `from`.
    pub fn write(&mut self, from: u32, count: usize) {
        let data: Vec<u8> = (0..count as u32).map(|at| ours(from + at)).collect();
        assert_eq!(self.c.buffers_mut().unwrap().0.push(&data), count);
    }

    /// The user reads everything; it must be the peer's stream from `from` on.
    pub fn read(&mut self, from: u32) -> usize {
        let mut buf = [0; 20_000];
        let count = self.c.buffers_mut().unwrap().1.pop(&mut buf);
        for (index, byte) in buf[..count].iter().enumerate() {
            assert_eq!(*byte, theirs(from + index as u32), "byte {index}");
        }
        count
    }

    pub fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.c.on_timer(self.now);
    }

    /// Goes to the next timer. Returns the milliseconds that took.
    pub fn wait_for_timer(&mut self) -> u64 {
        let at = self.c.poll_at().expect("a timer runs");
        let passed = at.since(self.now).millis();
        self.now = self.now.max(at);
        self.c.on_timer(self.now);
        passed
    }

    pub fn state(&self) -> State {
        self.c.state()
    }

    /// The whole state without counters and measurements.
    pub fn view(&self) -> TcpStatus {
        let mut status = self.c.status();
        status.counters = TcpCounters::default();
        status.srtt = None;
        status.rto = Duration::ZERO;
        status
    }

    /// RCV.NXT, relative.
    pub fn rcv_nxt(&self) -> u32 {
        self.c.status().rcv_nxt.0.wrapping_sub(IRS.0)
    }

    /// SND.NXT, relative.
    pub fn snd_nxt(&self) -> u32 {
        self.c.status().snd_nxt.0.wrapping_sub(ISS.0)
    }

    /// SND.UNA, relative.
    pub fn snd_una(&self) -> u32 {
        self.c.status().snd_una.0.wrapping_sub(ISS.0)
    }

    /// `segment` is taken and changes nothing at all; returns what is said to it.
    #[track_caller]
    pub fn unchanged_by(&mut self, segment: Seg) -> Vec<Seg> {
        let before = self.view();
        assert_eq!(self.recv(segment), None);
        let said = self.out();
        assert_eq!(self.view(), before);
        said
    }

    /// The acknowledgment that the connection would say now.
    pub fn bare_ack(&self) -> Seg {
        let status = self.c.status();
        Seg { seq: self.snd_nxt(), ack: self.rcv_nxt(), flags: ACK, window: status.rcv_wnd as u16, len: 0 }
    }
}

/// Byte `at` of our stream.
pub fn ours(at: u32) -> u8 {
    (at % 241) as u8 ^ 0x80
}

fn raw(segment: Seg, payload: &[u8]) -> Segment<'_> {
    Segment {
        src_port: 80,
        dst_port: 4000,
        seq: IRS + segment.seq,
        ack: if segment.flags.contains(ACK) { ISS + segment.ack } else { SeqNumber(0) },
        flags: segment.flags,
        window: segment.window,
        options: Options::default(),
        payload,
    }
}

pub fn peer_options() -> Options {
    Options { mss: Some(MSS as u16), ..Options::default() }
}

pub fn syn_sent() -> Tcb {
    let mut tcb = Tcb::connecting(config(), SocketOptions::default());
    assert_eq!(tcb.out(), [seg(SYN, 0, 0, 0)]);
    tcb
}

pub fn syn_received() -> Tcb {
    let mut tcb = Tcb::accepting(config(), peer_options());
    assert_eq!(tcb.out(), [seg(SYN | ACK, 0, 1, 0)]);
    tcb
}

pub fn established_with(config: TcpConfig, options: SocketOptions) -> Tcb {
    let mut tcb = Tcb::connecting(config, options);
    tcb.out();
    tcb.now = tcb.now + Duration::from_millis(10);
    tcb.options = peer_options();
    assert_eq!(tcb.recv(seg(SYN | ACK, 0, 1, 0)), None);
    tcb.options = Options::default();
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 0)]);
    assert_eq!(tcb.state(), State::Established);
    tcb.c.take_notices();
    tcb
}

pub fn established() -> Tcb {
    established_with(config(), SocketOptions::default())
}

pub fn nodelay() -> Tcb {
    established_with(config(), SocketOptions { nodelay: true, ..SocketOptions::default() })
}

pub fn fin_wait_1() -> Tcb {
    let mut tcb = established();
    tcb.c.shutdown();
    assert_eq!(tcb.out(), [seg(FIN | ACK, 1, 1, 0)]);
    assert_eq!(tcb.state(), State::FinWait1);
    tcb
}

pub fn fin_wait_2() -> Tcb {
    let mut tcb = fin_wait_1();
    tcb.recv(seg(ACK, 1, 2, 0));
    assert_eq!((tcb.state(), tcb.out()), (State::FinWait2, vec![]));
    tcb
}

pub fn closing() -> Tcb {
    let mut tcb = fin_wait_1();
    tcb.recv(seg(FIN | ACK, 1, 1, 0));
    assert_eq!(tcb.out(), [window(seg(ACK, 2, 2, 0), 7999)]);
    assert_eq!(tcb.state(), State::Closing);
    tcb
}

pub fn close_wait() -> Tcb {
    let mut tcb = established();
    tcb.recv(seg(FIN | ACK, 1, 1, 0));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 2, 0), 7999)]);
    assert_eq!(tcb.state(), State::CloseWait);
    tcb
}

pub fn last_ack() -> Tcb {
    let mut tcb = close_wait();
    tcb.c.shutdown();
    assert_eq!(tcb.out(), [window(seg(FIN | ACK, 1, 2, 0), 7999)]);
    assert_eq!(tcb.state(), State::LastAck);
    tcb
}
