//! TCP around the connection: listeners, backlog, TIME-WAIT, resets, loopback, errors by ICMP.

use crate::common::*;
use crate::link::*;
use tcpip::tcp::SeqNumber;
use tcpip::wire::tcp::{Flags, Options, Segment};
use tcpip::wire::{icmp, ipv4};
use tcpip::*;

const HOST: Endpoint = Endpoint { addr: std::net::IpAddr::V4(B), port: 80 };

impl Link {
    /// A segment from B's port `from` to our port 80.
    fn tcp(&mut self, from: u16, flags: Flags, seq: u32, ack: u32) {
        self.tcp_to(from, 80, flags, seq, ack, b"");
    }

    fn tcp_to(&mut self, src_port: u16, dst_port: u16, flags: Flags, seq: u32, ack: u32, payload: &[u8]) {
        let (seq, ack) = (SeqNumber(seq), SeqNumber(ack));
        let options = Options::default();
        let segment = Segment { src_port, dst_port, seq, ack, flags, window: 8000, options, payload: b"" };
        let mut body = vec![0; 20 + payload.len()];
        segment.write_header(&mut body).unwrap();
        body[20..].copy_from_slice(payload);
        let sum = tcpip::wire::checksum::Sum::pseudo_header(B.into(), A.into(), ipv4::TCP, body.len()).with(&body);
        body[16..18].copy_from_slice(&sum.finish().to_be_bytes());
        self.ip(ipv4::Header::new(B, A, ipv4::TCP), &body);
    }

    /// Flags, seq, ack and payload length of every segment sent.
    fn segments(&mut self) -> Vec<(u16, Flags, u32, u32, usize)> {
        self.out()
            .iter()
            .map(|content| {
                let Content::Ip(header, payload) = content else { panic!("{content:?}") };
                assert!(header.dont_fragment || header.protocol == ipv4::TCP);
                let segment = Segment::parse(payload, None).unwrap();
                (segment.dst_port, segment.flags, segment.seq.0, segment.ack.0, segment.payload.len())
            })
            .collect()
    }

    fn listen(&mut self, backlog: usize) -> SocketId {
        self.stack.tcp_listen(None, 80, backlog, SocketOptions::default()).unwrap()
    }

    /// A handshake from B's port; returns our initial sequence number.
    fn handshake(&mut self, from: u16) -> u32 {
        self.tcp(from, Flags::SYN, 100, 0);
        let [(_, flags, iss, 101, 0)] = self.segments()[..] else { panic!() };
        assert_eq!(flags, Flags::SYN | Flags::ACK);
        self.tcp(from, Flags::ACK, 101, iss + 1);
        assert_eq!(self.segments(), []);
        iss
    }

    fn accepted(&mut self, from: u16) -> (SocketId, u32) {
        let listener = self.listen(4);
        let iss = self.handshake(from);
        (self.stack.tcp_accept(listener).unwrap().unwrap(), iss)
    }

    /// Closed by us first, so that the record is ours.
    fn in_time_wait(&mut self) -> u32 {
        let (id, iss) = self.accepted(5000);
        self.stack.close(self.now, id).unwrap();
        assert_eq!(self.segments().len(), 1);
        self.tcp(5000, Flags::FIN | Flags::ACK, 101, iss + 2);
        assert_eq!(self.segments(), [(5000, Flags::ACK, iss + 2, 102, 0)]);
        assert_eq!(self.stack.in_use(), (1, 1));
        iss
    }
}

#[test]
fn a_segment_for_nobody_is_reset() {
    let mut link = Link::with_neighbour();
    link.tcp(5000, Flags::SYN, 100, 0);
    assert_eq!(link.segments(), [(5000, Flags::RST | Flags::ACK, 0, 101, 0)]);
    link.tcp(5000, Flags::ACK, 100, 77);
    assert_eq!(link.segments(), [(5000, Flags::RST, 77, 0, 0)]);
    link.tcp(5000, Flags::RST, 100, 0);
    assert_eq!(link.segments(), []);
}

#[test]
fn a_listener_answers_syns_alone() {
    let mut link = Link::with_neighbour();
    link.listen(4);
    link.tcp(5000, Flags::ACK, 100, 77);
    assert_eq!(link.segments(), [(5000, Flags::RST, 77, 0, 0)]);
    for flags in [Flags::RST, Flags::FIN, Flags::empty(), Flags::SYN | Flags::RST] {
        link.tcp(5000, flags, 100, 0);
        assert_eq!(link.segments(), [], "{flags:?}");
    }
    assert_eq!(link.stack.in_use(), (1, 0));
}

#[test]
fn a_connection_is_accepted_with_what_happened_before() {
    let mut link = Link::with_neighbour();
    let listener = link.listen(4);
    let iss = link.handshake(5000);
    assert_eq!(events(&mut link.stack), [Event::Socket(listener, Notices::ACCEPTABLE)]);
    link.tcp_to(5000, 80, Flags::ACK | Flags::FIN, 101, iss + 1, b"hello");
    assert_eq!(events(&mut link.stack), []);
    let id = link.stack.tcp_accept(listener).unwrap().unwrap();
    let all = Notices::CONNECTED | Notices::WRITABLE | Notices::READABLE | Notices::ENDED;
    assert_eq!(events(&mut link.stack), [Event::Socket(id, all)]);
    let mut buf = [0; 10];
    assert_eq!(link.stack.tcp_recv(id, &mut buf), Ok(Some(5)));
    assert_eq!(link.stack.tcp_recv(id, &mut buf), Ok(Some(0)));
    assert_eq!(link.stack.tcp_accept(listener), Ok(None));
}

#[test]
fn a_syn_for_a_full_queue_is_dropped() {
    let mut link = Link::with_neighbour();
    link.listen(2);
    for from in 5000..5005 {
        link.tcp(from, Flags::SYN, 100, 0);
    }
    assert_eq!((link.segments().len(), link.stack.counters().tcp_backlog_full), (2, 3));
}

#[test]
fn half_open_connections_time_out_and_make_room() {
    let mut link = Link::with_neighbour();
    link.listen(1);
    link.tcp(5000, Flags::SYN, 100, 0);
    let mut waited = 0;
    while link.stack.in_use().0 > 1 {
        waited += 1;
        assert!(waited < 300);
        link.out();
        link.wait(Duration::from_secs(1));
    }
    link.tcp(5001, Flags::SYN, 100, 0);
    assert!(!link.out().is_empty());
}

#[test]
fn a_full_accept_queue_holds_the_handshakes_end_back() {
    let mut link = Link::with_neighbour();
    let listener = link.listen(1);
    link.tcp(5000, Flags::SYN, 100, 0);
    let [(.., first, _, _)] = link.segments()[..] else { panic!() };
    link.tcp(5000, Flags::ACK, 101, first + 1);
    link.tcp(5001, Flags::SYN, 100, 0);
    assert_eq!(link.segments(), []);
    let id = link.stack.tcp_accept(listener).unwrap().unwrap();
    link.tcp(5001, Flags::SYN, 100, 0);
    assert_eq!(link.segments().len(), 1);
    assert_eq!(link.stack.tcp_state(id), Ok(State::Established));
}

#[test]
fn a_half_open_connection_that_is_reset_goes() {
    let mut link = Link::with_neighbour();
    let listener = link.listen(4);
    link.tcp(5000, Flags::SYN, 100, 0);
    link.segments();
    link.tcp(5000, Flags::RST, 101, 0);
    assert_eq!((link.stack.in_use(), link.stack.tcp_accept(listener)), ((1, 0), Ok(None)));
    link.handshake(5000);
    link.tcp(5000, Flags::RST, 101, 0);
    assert_eq!((link.stack.in_use(), link.stack.tcp_accept(listener)), ((1, 0), Ok(None)));
}

#[test]
fn closing_a_listener_resets_what_it_holds() {
    let mut link = Link::with_neighbour();
    let listener = link.listen(4);
    let iss = link.handshake(5000);
    link.tcp(5001, Flags::SYN, 100, 0);
    link.segments();
    link.stack.close(link.now, listener).unwrap();
    let resets = link.segments();
    assert_eq!((resets.len(), resets[0]), (2, (5000, Flags::RST | Flags::ACK, iss + 1, 101, 0)));
    assert_eq!((link.stack.in_use(), link.stack.tcp_accept(listener)), ((0, 0), Err(Error::BadSocket)));
    assert!(link.stack.tcp_listen(None, 80, 1, SocketOptions::default()).is_ok());
}

#[test]
fn a_listener_on_one_address_refuses_at_another() {
    let mut link = Link::with_neighbour();
    let loopback = std::net::Ipv4Addr::LOCALHOST.into();
    link.stack.tcp_listen(Some(loopback), 80, 4, SocketOptions::default()).unwrap();
    link.tcp(5000, Flags::SYN, 100, 0);
    assert_eq!(link.segments(), [(5000, Flags::RST | Flags::ACK, 0, 101, 0)]);
    assert_eq!(link.stack.tcp_listen(None, 80, 4, SocketOptions::default()), Err(Error::AddressInUse));
}

#[test]
fn time_wait_repeats_its_acknowledgment_and_ends() {
    let mut link = Link::with_neighbour();
    let iss = link.in_time_wait();
    link.wait(Duration::from_secs(30));
    link.tcp(5000, Flags::FIN | Flags::ACK, 101, iss + 2);
    assert_eq!(link.segments(), [(5000, Flags::ACK, iss + 2, 102, 0)]);
    link.wait(Duration::from_secs(59));
    assert_eq!(link.stack.in_use(), (1, 1));
    link.wait(Duration::from_secs(1));
    assert_eq!((link.stack.in_use(), link.stack.poll_at()), ((1, 0), None));
}

#[test]
fn time_wait_ignores_resets_and_bare_acknowledgments() {
    let mut link = Link::with_neighbour();
    let iss = link.in_time_wait();
    link.tcp(5000, Flags::RST, 102, 0);
    link.tcp(5000, Flags::ACK, 102, iss + 2);
    assert_eq!((link.segments(), link.stack.in_use()), (vec![], (1, 1)));
}

#[test]
fn a_new_syn_beyond_the_old_numbers_reopens() {
    let mut link = Link::with_neighbour();
    let iss = link.in_time_wait();
    link.tcp(5000, Flags::SYN, 50, 0);
    assert_eq!(link.segments(), [(5000, Flags::ACK, iss + 2, 102, 0)]);
    link.tcp(5000, Flags::SYN, 5000, 0);
    let [(5000, flags, new, 5001, 0)] = link.segments()[..] else { panic!() };
    assert_eq!(flags, Flags::SYN | Flags::ACK);
    assert!(SeqNumber(new) > SeqNumber(iss));
    assert_eq!(link.stack.in_use(), (2, 0));
}

#[test]
fn records_of_time_wait_are_bounded() {
    let mut config = static_config(MAC_A, A, 1);
    config.limits.time_waits = 3;
    let mut link = Link::new(Stack::new(config, OwnedBuffers::default()));
    link.arp(tcpip::wire::arp::Operation::Request, B, A);
    link.out();
    let listener = link.listen(4);
    for from in 5000..5010 {
        let iss = link.handshake(from);
        let id = link.stack.tcp_accept(listener).unwrap().unwrap();
        link.stack.close(link.now, id).unwrap();
        link.segments();
        link.tcp(from, Flags::FIN | Flags::ACK, 101, iss + 2);
        link.segments();
    }
    assert_eq!((link.stack.in_use(), link.stack.counters().tcp_time_wait_overflow), ((1, 3), 7));
}

#[test]
fn a_user_reads_on_in_time_wait() {
    let mut link = Link::with_neighbour();
    let (id, iss) = link.accepted(5000);
    link.stack.tcp_shutdown(link.now, id).unwrap();
    link.segments();
    link.tcp_to(5000, 80, Flags::ACK | Flags::FIN, 101, iss + 2, b"last words");
    link.segments();
    let mut buf = [0; 20];
    assert_eq!(link.stack.tcp_state(id), Ok(State::TimeWait));
    assert_eq!(link.stack.tcp_recv(id, &mut buf), Ok(Some(10)));
    assert_eq!(link.stack.tcp_recv(id, &mut buf), Ok(Some(0)));
    assert_eq!(link.stack.in_use(), (2, 1));
    link.stack.close(link.now, id).unwrap();
    assert_eq!(link.stack.in_use(), (1, 1));
}

#[test]
fn a_reset_is_told_and_the_id_stays_until_closed() {
    let mut link = Link::with_neighbour();
    let (id, _) = link.accepted(5000);
    events(&mut link.stack);
    link.tcp(5000, Flags::RST, 101, 0);
    assert_eq!(events(&mut link.stack), [Event::Socket(id, Notices::CLOSED)]);
    assert_eq!((link.stack.tcp_error(id), link.stack.tcp_state(id)), (Ok(Some(Error::Reset)), Ok(State::Closed)));
    assert_eq!(link.stack.tcp_recv(id, &mut [0; 4]), Err(Error::Reset));
    assert_eq!(link.stack.tcp_send(id, b"x"), Err(Error::Reset));
    link.stack.close(link.now, id).unwrap();
    assert_eq!(link.stack.tcp_state(id), Err(Error::BadSocket));
}

#[test]
fn a_full_socket_table_refuses_calls_and_leaves_syns() {
    let mut config = static_config(MAC_A, A, 1);
    config.limits.sockets = 20;
    let mut link = Link::new(Stack::new(config, OwnedBuffers::default()));
    link.arp(tcpip::wire::arp::Operation::Request, B, A);
    link.out();
    link.listen(16);
    for from in 5000..5010 {
        link.tcp(from, Flags::SYN, 100, 0);
    }
    assert_eq!((link.segments().len(), link.stack.counters().tcp_no_socket), (4, 6));
    for _ in 0..15 {
        link.stack.udp_bind(None, 0).unwrap();
    }
    assert_eq!(link.stack.tcp_connect(link.now, HOST, SocketOptions::default()), Err(Error::Limit));
}

#[test]
fn icmp_ends_an_attempt_only_with_the_right_number() {
    let mut link = Link::with_neighbour();
    let id = link.stack.tcp_connect(link.now, HOST, SocketOptions::default()).unwrap();
    let (header, body) = link.out_ip();
    let mut quoted = packet(header, &body[..8]);
    quoted[24] ^= 1;
    link.icmp(&icmp::Message::Unreachable { code: icmp::CODE_PORT, mtu: 0, quoted: &quoted });
    assert_eq!(link.stack.tcp_state(id), Ok(State::SynSent));
    quoted[24] ^= 1;
    link.icmp(&icmp::Message::Unreachable { code: icmp::CODE_PORT, mtu: 0, quoted: &quoted });
    assert_eq!(link.stack.tcp_error(id), Ok(Some(Error::Refused)));
}

#[test]
fn a_router_says_how_large_packets_may_be() {
    let mut link = Link::with_neighbour();
    let (id, iss) = link.accepted(5000);
    // Without an MSS option the peer takes 536: nothing a router says makes that smaller.
    link.stack.tcp_send(id, &[1; 2000]).unwrap();
    let Content::Ip(header, body) = link.out().remove(0) else { panic!() };
    let quoted = packet(header, &body[..8]);
    link.icmp(&icmp::Message::Unreachable { code: icmp::CODE_FRAGMENTATION, mtu: 296, quoted: &quoted });
    assert_eq!(link.stack.tcp_status(id).unwrap().mss, 536);
    assert!(iss != 0);
}

#[test]
fn bad_destinations_are_refused_at_once() {
    let mut link = Link::with_neighbour();
    let mut connect = |address: [u8; 4], port| {
        link.stack.tcp_connect(link.now, Endpoint::new(address, port), SocketOptions::default())
    };
    assert_eq!(connect([10, 0, 0, 2], 0), Err(Error::BadAddress));
    assert_eq!(connect([10, 0, 0, 255], 80), Err(Error::BadAddress));
    assert_eq!(connect([224, 0, 0, 1], 80), Err(Error::BadAddress));
    assert_eq!(connect([0, 0, 0, 0], 80), Err(Error::BadAddress));
    let six = Endpoint::new(std::net::Ipv6Addr::LOCALHOST, 80);
    assert_eq!(link.stack.tcp_connect(link.now, six, SocketOptions::default()), Err(Error::NoRoute));
}

#[test]
fn two_sockets_talk_over_loopback() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    let listener = link.listen(4);
    for address in [std::net::Ipv4Addr::LOCALHOST, A] {
        let client = link.stack.tcp_connect(link.now, Endpoint::new(address, 80), SocketOptions::default()).unwrap();
        assert_eq!(link.out(), []);
        let server = link.stack.tcp_accept(listener).unwrap().unwrap();
        let data: Vec<u8> = (0..60_000).map(|at| byte(5, at)).collect();
        assert_eq!(link.stack.tcp_send(client, &data), Ok(data.len()));
        assert_eq!(link.out(), []);
        let mut got = vec![0; 60_000];
        assert_eq!(link.stack.tcp_recv(server, &mut got), Ok(Some(60_000)));
        assert!(got == data);
        link.stack.close(link.now, client).unwrap();
        link.stack.close(link.now, server).unwrap();
        assert_eq!(link.out(), []);
    }
    link.wait(Duration::from_secs(61));
    assert_eq!(link.stack.in_use(), (1, 0));
}

#[test]
fn an_idle_connection_gives_its_buffers_back() {
    let mut link = Link::with_neighbour();
    let (id, iss) = link.accepted(5000);
    assert!(link.stack.tcp_buffers(id).unwrap().is_none());
    link.tcp_to(5000, 80, Flags::ACK, 101, iss + 1, b"hello");
    assert!(link.stack.tcp_detach(id).unwrap().is_none());
    link.stack.tcp_recv(id, &mut [0; 10]).unwrap();
    assert!(link.stack.tcp_detach(id).unwrap().is_some());
    link.tcp_to(5000, 80, Flags::ACK, 106, iss + 1, b"again");
    assert_eq!(link.stack.tcp_recv(id, &mut [0; 10]), Ok(Some(5)));
}

#[test]
fn the_device_may_complete_checksums() {
    let mut config = static_config(MAC_A, A, 1);
    config.features.transmit_checksum = true;
    let mut link = Link::new(Stack::new(config, OwnedBuffers::default()));
    link.arp(tcpip::wire::arp::Operation::Request, B, A);
    link.out();
    link.stack.tcp_connect(link.now, HOST, SocketOptions::default()).unwrap();
    let mut buf = [0; 2000];
    let frame = link.stack.next_frame(link.now, &mut buf).unwrap();
    let tcpip::device::Checksum::Needed { start, offset } = frame.meta.checksum else { panic!() };
    let (start, at) = (usize::from(start), usize::from(start + offset));
    let sum = tcpip::wire::checksum::of(&buf[start..frame.len]);
    buf[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    decode(&buf[..frame.len]);
}

#[test]
fn a_wrong_checksum_is_dropped_unless_the_device_vouches() {
    let mut link = Link::with_neighbour();
    link.listen(4);
    let segment = Segment {
        src_port: 5000,
        dst_port: 80,
        seq: SeqNumber(1),
        ack: SeqNumber(0),
        flags: Flags::SYN,
        window: 100,
        options: Options::default(),
        payload: b"",
    };
    let mut body = [0; 20];
    segment.write_header(&mut body).unwrap();
    let ip = packet(ipv4::Header::new(B, A, ipv4::TCP), &body);
    link.frame(MAC_A, 0x0800, &ip);
    assert_eq!((link.stack.counters().tcp_malformed, link.segments().len()), (1, 0));
    let mut frame = [&MAC_A.0[..], &MAC_B.0, &[8, 0]].concat();
    frame.extend(&ip);
    let meta = FrameMeta { checksum: tcpip::device::Checksum::Valid, ..FrameMeta::default() };
    link.stack.receive(link.now, &frame, meta);
    assert_eq!(link.segments().len(), 1);
}

#[test]
fn netstat_sees_everything() {
    let mut link = Link::with_neighbour();
    let (id, iss) = link.accepted(5000);
    link.tcp(5001, Flags::SYN, 100, 0);
    link.segments();
    link.tcp_to(5000, 80, Flags::ACK, 101, iss + 1, b"hello");
    let listeners: Vec<_> = link.stack.tcp_listeners().map(|(_, status)| status).collect();
    assert_eq!(listeners, [tcpip::stack::ListenerStatus { port: 80, backlog: 4, half_open: 1, complete: 0 }]);
    let states: Vec<_> = link.stack.tcp_connections().map(|(id, status)| (id, status.state)).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&(id, State::Established)));
    let status = link.stack.tcp_status(id).unwrap();
    assert_eq!((status.receive_queue, status.tuple.remote), (5, Endpoint::new(B, 5000)));
    let udp = link.stack.udp_bind(None, 9).unwrap();
    link.udp(1, 9, b"four");
    assert_eq!(link.stack.udp_sockets().collect::<Vec<_>>(), [(udp, 9, (1, 4))]);
}

#[test]
fn options_change_while_connected() {
    let mut link = Link::with_neighbour();
    let (id, _) = link.accepted(5000);
    let keep_alive = Some(Duration::from_secs(10));
    link.stack.tcp_set_options(id, SocketOptions { keep_alive, ..SocketOptions::default() }).unwrap();
    link.out();
    while link.now < Instant::from_millis(12_000) {
        link.wait(ms(500));
        if !link.out().is_empty() {
            return assert_eq!(link.now, Instant::from_millis(11_000));
        }
    }
    panic!("no probe");
}

#[test]
fn a_connection_without_buffers_is_small() {
    let bytes = size_of::<tcpip::tcp::Connection<Ring, Ring>>();
    assert!(bytes <= 1024, "{bytes}");
}

#[test]
fn a_stale_id_reaches_no_new_socket() {
    let mut link = Link::with_neighbour();
    let (id, _) = link.accepted(5000);
    link.stack.tcp_abort(link.now, id).unwrap();
    link.stack.close(link.now, id).unwrap();
    let udp = link.stack.udp_bind(None, 9).unwrap();
    assert_ne!(id, udp);
    assert_eq!(link.stack.close(link.now, id), Err(Error::BadSocket));
    assert_eq!(link.stack.tcp_send(udp, b"x"), Err(Error::WrongKind));
    assert_eq!(link.stack.tcp_accept(udp), Err(Error::WrongKind));
}
