//! Fuzz targets, each a plain function over bytes, driven here with mutated seeds from a seeded generator.
//!
//! A target must not panic, and must keep the bounds it asserts. Past crashes belong into `crashes()`.

mod common;

use common::*;
use std::collections::BTreeSet;
use tcpip::icmp::PingRequest;
use tcpip::rng::Rng;
use tcpip::wire::{arp, dhcp, dns, ethernet, icmp, ipv4, tcp, udp};
use tcpip::*;

/// Every parser.
fn parsers(data: &[u8]) {
    let _ = ethernet::Header::parse(data);
    let _ = arp::Packet::parse(data);
    if let Ok((header, payload)) = ipv4::Header::parse(data) {
        assert!(payload.len() + 20 <= data.len());
        assert!(usize::from(header.fragment_offset) + payload.len() <= 65_515);
    }
    let _ = ipv4::Header::parse_quoted(data);
    let _ = icmp::parse(data);
    let _ = udp::parse(data, None);
    if let Some(segment) = tcp::Segment::parse(data, None) {
        // What was understood is written so that it is understood again.
        let mut bytes = [0; 60];
        let len = segment.write_header(&mut bytes).unwrap();
        let again = tcp::Segment::parse(&bytes[..len], None).unwrap();
        assert_eq!(tcp::Segment { payload: segment.payload, ..again }, segment);
    }
    let _ = dhcp::Message::parse(data);
    if let Some(response) = dns::Response::parse(data) {
        for record in response.answers().chain(response.authorities()) {
            assert!(record.name.as_str().len() <= dns::MAX_NAME);
        }
    }
}

/// The whole stack: a script of frames, calls and pauses.
struct Target {
    stack: TestStack,
    now: Instant,
    ids: Vec<SocketId>,
    buf: Vec<u8>,
    /// What the stack's last segment would be answered with: ports, sequence number, acknowledgment.
    answer: [u8; 12],
}

impl Target {
    fn new(addressing: Addressing) -> Target {
        let mut config = static_config(MAC_A, A, 9);
        config.addressing = addressing;
        config.limits = Limits { sockets: 64, time_waits: 16 };
        let mut stack = Stack::new(config, OwnedBuffers { send: 4096, receive: 4096 });
        let now = Instant::from_millis(1000);
        let mut ids = vec![stack.tcp_listen(None, 80, 8, SocketOptions::default()).unwrap()];
        ids.push(stack.udp_bind(None, 7).unwrap());
        if stack.iface().ipv4.is_some() {
            ids.push(stack.ping_open(B).unwrap());
            ids.push(stack.tcp_connect(now, Endpoint::new(B, 80), SocketOptions::default()).unwrap());
            let _ = stack.resolve(now, "server.test", RecordType::A);
        }
        Target { stack, now, ids, buf: vec![0; 2000], answer: [0; 12] }
    }

    fn frame(&mut self, frame: &[u8], trusted: bool) {
        let mut meta = FrameMeta::default();
        if trusted {
            meta.checksum = tcpip::device::Checksum::Valid;
        }
        self.stack.receive(self.now, frame, meta);
        self.settle();
    }

    /// Drains the stack; it must come to rest.
    fn settle(&mut self) {
        for count in 0.. {
            assert!(count < 10_000, "it never rests");
            let Some(frame) = self.stack.next_frame(self.now, &mut self.buf) else { break };
            self.remember(frame.len);
        }
        while let Some(event) = self.stack.next_event() {
            if let Event::Socket(id, _) = event {
                let _ = self.stack.recv_from(id);
                let _ = self.stack.tcp_recv(id, &mut [0; 600]);
                if let Ok(Some(accepted)) = self.stack.tcp_accept(id) {
                    self.ids.push(accepted);
                    let _ = self.stack.tcp_send(accepted, &[7; 3000]);
                }
            }
        }
        let (sockets, records) = self.stack.in_use();
        assert!(sockets <= 64 && records <= 17);
    }

    fn remember(&mut self, len: usize) {
        let frame = &self.buf[..len];
        if frame[12..14] == [8, 0] && frame[23] == ipv4::TCP {
            let segment = tcp::Segment::parse(&frame[34..], None).unwrap();
            if !segment.has(tcp::Flags::RST) {
                self.answer[0..2].copy_from_slice(&segment.dst_port.to_be_bytes());
                self.answer[2..4].copy_from_slice(&segment.src_port.to_be_bytes());
                self.answer[4..8].copy_from_slice(&segment.ack.0.to_be_bytes());
                self.answer[8..12].copy_from_slice(&segment.end().0.to_be_bytes());
            }
        }
    }

    /// Makes a segment one of the connection that spoke last.
    fn aim(&self, frame: &mut [u8]) {
        if frame.len() >= 54 && frame[23] == ipv4::TCP && self.answer != [0; 12] {
            frame[34..46].copy_from_slice(&self.answer);
        }
    }

    fn call(&mut self, choice: u8) {
        let id = self.ids[usize::from(choice) % self.ids.len()];
        match choice >> 5 {
            0 => self.now = self.now + ms(u64::from(choice & 31) * 40),
            1 => self.now = self.now + Duration::from_secs(u64::from(choice & 31) * 4),
            2 if self.ids.len() > 6 => drop(self.stack.close(self.now, id)),
            3 => drop(self.stack.tcp_shutdown(self.now, id)),
            4 => drop(self.stack.tcp_send(id, &[3; 1500])),
            5 => drop(self.stack.tcp_abort(self.now, id)),
            6 => drop(self.stack.ping_send(id, PingRequest::new(1, 2000))),
            _ => drop(self.stack.send_to(id, Endpoint::new(B, 9), &[1; 3000])),
        }
        self.stack.poll(self.now);
        self.settle();
    }
}

fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 34 + payload.len()];
    ethernet::Header { dst: MAC_A, src: MAC_B, ethertype: ethernet::IPV4 }.write(&mut frame).unwrap();
    ipv4::Header::new(B, A, protocol).write(payload.len(), &mut frame[14..]).unwrap();
    frame[34..].copy_from_slice(payload);
    frame
}

/// One good frame of everything.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![];
    for operation in [arp::Operation::Request, arp::Operation::Reply] {
        let packet = arp::Packet { operation, sender_mac: MAC_B, sender_ip: B, target_mac: MAC_A, target_ip: A };
        let mut frame = vec![0; 42];
        ethernet::Header { dst: MAC_A, src: MAC_B, ethertype: ethernet::ARP }.write(&mut frame).unwrap();
        packet.write(&mut frame[14..]).unwrap();
        seeds.push(frame);
    }
    let quoted = [&ip(ipv4::TCP, &[0, 50, 0, 80, 1, 2, 3, 4])[14..]].concat();
    for message in [
        icmp::Message::EchoRequest { ident: 1, sequence: 2, data: &[9; 40] },
        icmp::Message::EchoReply { ident: 1, sequence: 2, data: &[9; 40] },
        icmp::Message::Unreachable { code: 4, mtu: 600, quoted: &quoted },
        icmp::Message::TimeExceeded { code: 0, quoted: &quoted },
    ] {
        let mut body = [0; 100];
        let len = icmp::write(&message, &mut body).unwrap();
        seeds.push(ip(ipv4::ICMP, &body[..len]));
    }
    for (src_port, dst_port, data) in [(9, 7, vec![1; 30]), (67, 68, dhcp_reply()), (53, 50_000, dns_response())] {
        let mut body = vec![0; 8 + data.len()];
        udp::write(udp::Header { src_port, dst_port }, B.into(), A.into(), &data, &mut body).unwrap();
        seeds.push(ip(ipv4::UDP, &body));
    }
    use tcp::{Flags, Options, Segment, Timestamps};
    let full = Options {
        mss: Some(1460),
        window_scale: Some(3),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 1, echo: 0 }),
    };
    for (flags, options) in [
        (Flags::SYN, full),
        (Flags::SYN | Flags::ACK, full),
        (Flags::ACK | Flags::PSH, Options::default()),
        (Flags::FIN | Flags::ACK, Options::default()),
        (Flags::RST, Options::default()),
    ] {
        let (seq, ack) = (tcpip::tcp::SeqNumber(1000), tcpip::tcp::SeqNumber(0));
        let segment = Segment { src_port: 5000, dst_port: 80, seq, ack, flags, window: 8000, options, payload: &[] };
        let mut body = [0; 80];
        let len = segment.write_header(&mut body).unwrap();
        seeds.push(ip(ipv4::TCP, &body[..len + 10]));
    }
    seeds
}

fn dhcp_reply() -> Vec<u8> {
    let mut message = dhcp::Message::new(dhcp::Kind::Offer, 0x1234, MAC_A);
    message.your_ip = A;
    message.server_id = Some(B);
    message.lease = Some(100);
    let mut bytes = vec![0; 600];
    let len = message.write_reply(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

fn dns_response() -> Vec<u8> {
    let mut bytes = vec![0; 300];
    let name = dns::Name::new("server.test").unwrap();
    let len = dns::write_query(7, &name, dns::RecordType::A, &mut bytes).unwrap();
    bytes.truncate(len);
    bytes[2] = 0x81;
    bytes[7] = 2;
    bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 19]);
    bytes.extend([1, b'x', 0xc0, 19, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    bytes
}

/// Inputs that once broke a target.
fn crashes() -> Vec<Vec<u8>> {
    vec![vec![], vec![0xc0; 600], vec![0xff; 60]]
}

fn mutate(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = seeds[rng.below(seeds.len() as u32) as usize].clone();
    for _ in 0..rng.below(4) {
        let first = if rng.below(4) > 0 { data.len().min(14) } else { 0 };
        let at = first + rng.below((data.len() - first).max(1) as u32) as usize;
        match rng.below(16) {
            0 => data.truncate(at),
            1 => data.insert(at.min(data.len()), rng.next_u32() as u8),
            2 if at < data.len() => data[at] = [0, 1, 0x7f, 0x80, 0xff, 0xc0][rng.below(6) as usize],
            3 if at < data.len() => drop(data.remove(at)),
            4 if at + 4 <= data.len() => data[at..at + 4].copy_from_slice(&rng.next_u32().to_be_bytes()),
            5..9 if at < data.len() => data[at] = rng.next_u32() as u8,
            _ if at < data.len() => data[at] ^= 1 << rng.below(8),
            _ => {}
        }
    }
    data
}

/// Puts the IPv4 length (mostly) and checksum right, so that mutations get past it.
fn mend(frame: &mut [u8]) {
    let len = frame.len();
    if len < 42 || frame[12..14] != [8, 0] {
        return;
    }
    if frame[23] == ipv4::ICMP {
        frame[36..38].fill(0);
        let sum = tcpip::wire::checksum::of(&frame[34..]);
        frame[36..38].copy_from_slice(&sum.to_be_bytes());
    }
    let Some(header_len) = frame.get(14).map(|byte| usize::from(byte & 15) * 4) else { return };
    let Some(header) = frame.get_mut(14..14 + header_len.max(20)) else { return };
    if !len.is_multiple_of(8) {
        header[2..4].copy_from_slice(&(len as u16 - 14).to_be_bytes());
    }
    header[10..12].fill(0);
    let sum = tcpip::wire::checksum::of(&header[..header_len.clamp(20, 60)]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn parsers_survive_150_000_inputs() {
    let mut rng = Rng::new([21; 16]);
    let frames = seeds();
    let layers: Vec<Vec<u8>> = frames.iter().flat_map(|f| [f.clone(), f[14..].to_vec(), f[34..].to_vec()]).collect();
    let messages = [layers, vec![dhcp_reply(), dns_response()], crashes()].concat();
    for _ in 0..150_000 {
        parsers(&mutate(&mut rng, &messages));
    }
}

#[test]
fn the_stack_survives_300_000_frames_and_calls() {
    let frames = [seeds(), crashes()].concat();
    let mut established = 0;
    for round in 0..60u8 {
        let mut rng = Rng::new([round; 16]);
        let addressing = if round % 3 == 0 { Addressing::Dhcp } else { static_config(MAC_A, A, 1).addressing };
        let mut target = Target::new(addressing);
        for _ in 0..5000 {
            if rng.below(10) == 0 {
                target.call(rng.next_u32() as u8);
                continue;
            }
            let mut frame = mutate(&mut rng, &frames);
            if rng.below(3) > 0 {
                target.aim(&mut frame);
            }
            mend(&mut frame);
            let trusted = rng.below(4) > 0;
            target.frame(&frame, trusted);
        }
        // The mutants got past the checksums.
        let counters = target.stack.counters();
        let reached = counters.tcp_in > 500 && counters.udp_in > 100 && counters.icmp_in > 10;
        assert!(round % 3 == 0 || reached, "{counters:?}");
        established += counters.tcp_established;
    }
    assert!(established > 60, "{established}");
}

/// A shared ring whose other side writes anything into its indices.
struct Hostile(Rng);

impl SendBuffer for Hostile {
    fn len(&self) -> usize {
        [0, 1, 5000, usize::MAX][self.0.clone().below(4) as usize]
    }

    fn peek(&self, offset: usize, into: &mut [u8]) -> usize {
        (offset % 7).min(into.len())
    }

    fn acknowledge(&mut self, _count: usize) {
        self.0.next_u32();
    }
}

impl ReceiveBuffer for Hostile {
    fn capacity(&self) -> usize {
        [0, 1, 3000, usize::MAX][self.0.clone().below(4) as usize]
    }

    fn window(&self) -> usize {
        [0, 1, 3000, usize::MAX][self.0.clone().below(4) as usize]
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> usize {
        [0, 1, data.len(), offset, usize::MAX][self.0.below(5) as usize]
    }

    fn advance(&mut self, _count: usize) {
        self.0.next_u32();
    }
}

struct HostileBuffers(Rng);

impl Buffers for HostileBuffers {
    type Send = Hostile;
    type Receive = Hostile;

    fn attach(&mut self, _socket: SocketId) -> Option<(Hostile, Hostile)> {
        self.0.next_u32();
        Some((Hostile(self.0.clone()), Hostile(self.0.clone())))
    }

    fn receive_capacity(&self) -> usize {
        3000
    }
}

/// What a client does to its rings harms neither the stack nor another's connection.
#[test]
fn rings_that_lie_harm_only_themselves() {
    let mut buf = vec![0; 2000];
    for seed in 0..300u16 {
        let mut rng = Rng::new(std::array::from_fn(|at| (seed >> (8 * (at % 2))) as u8));
        let config = static_config(MAC_A, A, u64::from(seed));
        let mut stack = Stack::new(config, HostileBuffers(rng.clone()));
        let mut now = Instant::from_millis(1000);
        let listener = stack.tcp_listen(None, 80, 8, SocketOptions::default()).unwrap();
        let client = stack.tcp_connect(now, Endpoint::new(A, 80), SocketOptions::default()).unwrap();
        for round in 0..50 {
            for count in 0.. {
                assert!(count < 5000, "it never rests");
                if stack.next_frame(now, &mut buf).is_none() && stack.poll_at() != Some(Instant::ZERO) {
                    break;
                }
                if count > 200 {
                    break;
                }
            }
            if let Ok(Some(id)) = stack.tcp_accept(listener) {
                let _ = stack.tcp_attach(id);
            }
            let _ = (stack.tcp_attach(client), stack.tcp_written(client));
            if round == 40 {
                let _ = stack.tcp_shutdown(now, client);
            }
            now = now + ms(u64::from(rng.below(1000)));
            stack.poll(now);
        }
        assert!(stack.in_use().0 >= 1);
    }
}

/// Segments that a peer of a real connection could send: numbers near the right ones, everything else at random.
#[test]
fn a_connection_survives_200_000_plausible_segments() {
    let mut states = BTreeSet::new();
    for seed in 0..1000u32 {
        let mut rng = Rng::new(std::array::from_fn(|at| (seed >> (8 * (at % 4))) as u8));
        plausible(&mut rng, &mut states);
    }
    assert!(states.len() >= 9, "{states:?}");
}

fn plausible(rng: &mut Rng, states: &mut BTreeSet<&'static str>) {
    use tcp::{Flags, Options, Segment};
    use tcpip::tcp::{Connection, SeqNumber, Setup};
    let end = |port| Endpoint::new(A, port);
    let setup = Setup {
        tuple: FourTuple { local: end(1), remote: end(2) },
        iss: SeqNumber(rng.next_u32()),
        timestamp_offset: 0,
        mtu: 600,
        receive_capacity: 3000,
        config: TcpConfig { timestamps: false, ..TcpConfig::default() },
        options: SocketOptions::default(),
    };
    let mut now = Instant::from_millis(10);
    let mut c: Connection<Ring, Ring> = Connection::connect(setup, now);
    c.attach(Ring::new(3000), Ring::new(3000));
    for _ in 0..200 {
        while c.next_segment(now).is_some() {}
        let status = c.status();
        states.insert(status.state.name());
        let near = |rng: &mut Rng, from: SeqNumber, spread: u32| match rng.below(3) {
            0 => from,
            1 => from + rng.below(spread),
            _ => from - rng.below(spread),
        };
        let flags = [0x10, 0x10, 0x10, 0x18, 0x11, 0x12, 0x02, 0x04, 0x14, 0x00, 0x3f];
        let weights = if rng.below(8) == 0 { 11 } else { 6 };
        let segment = Segment {
            src_port: 2,
            dst_port: 1,
            seq: near(rng, status.rcv_nxt, 4000),
            ack: if rng.below(2) == 0 { status.snd_nxt } else { near(rng, status.snd_una, 4000) },
            flags: Flags::from_bits_retain(flags[rng.below(weights) as usize]),
            window: [0, 1, 500, 3000, 65_535][rng.below(5) as usize],
            options: Options {
                mss: Some(rng.next_u16()),
                window_scale: Some(rng.below(15) as u8),
                ..Options::default()
            },
            payload: &[5; 700][..rng.below(700) as usize],
        };
        c.segment_arrives(now, &segment);
        match rng.below(12) {
            0 => now = now + ms(u64::from(rng.below(500))),
            1 => drop(c.buffers_mut().map(|(send, _)| send.push(&[1; 900]))),
            2 => drop(c.buffers_mut().map(|(_, receive)| receive.pop(&mut [0; 900]))),
            3 if rng.below(10) == 0 => c.shutdown(),
            4 => c.on_path_mtu(rng.next_u16()),
            _ => {}
        }
        c.on_timer(now);
        let after = c.status();
        assert!(after.snd_una <= after.snd_nxt || status.state == State::SynSent);
        assert!(after.receive_queue <= 3000 && after.islands <= 32 && after.cwnd >= 1);
        assert!(after.state != State::Established || after.rcv_nxt >= status.rcv_nxt || status.state == State::SynSent);
    }
}
