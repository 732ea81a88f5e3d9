//! DHCP: the exchange, renewal, and everything that can end a lease.

use crate::common::*;
use crate::link::*;
use std::net::Ipv4Addr;
use tcpip::dhcp::Phase;
use tcpip::wire::arp::Operation;
use tcpip::wire::dhcp::{Kind, Message};
use tcpip::wire::{ethernet, ipv4, udp};
use tcpip::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 53);

struct Client {
    link: Link,
}

/// A client's message: its fields, and where it went.
#[derive(Debug)]
struct Sent {
    kind: Kind,
    xid: u32,
    client_ip: Ipv4Addr,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    dst: Ipv4Addr,
    src: Ipv4Addr,
}

impl Client {
    fn new() -> Client {
        let mut config = static_config(MAC_A, A, 1);
        config.addressing = Addressing::Dhcp;
        config.hostname = "viaether".into();
        Client { link: Link::new(Stack::new(config, OwnedBuffers::default())) }
    }

    /// Everything sent to a server.
    fn all(&mut self) -> Vec<Sent> {
        let contents = self.link.out();
        contents.iter().filter_map(sent).collect()
    }

    fn sent(&mut self) -> Sent {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn reply(&mut self, kind: Kind, xid: u32, change: impl Fn(&mut Message<'_>)) {
        let mut message = Message::new(kind, xid, MAC_A);
        message.your_ip = A;
        message.server_id = Some(SERVER);
        message.netmask = Some(Ipv4Addr::new(255, 255, 255, 0));
        message.router = Some(ROUTER);
        message.dns = [Some(DNS), None, None];
        message.lease = Some(3600);
        change(&mut message);
        let mut bytes = [0; 600];
        let len = message.write_reply(&mut bytes).unwrap();
        let body = datagram(SERVER, A, 67, 68, &bytes[..len]);
        self.link.frame(MAC_A, ethernet::IPV4, &packet(ipv4::Header::new(SERVER, A, ipv4::UDP), &body));
    }

    fn phase(&self) -> Phase {
        self.link.stack.dhcp_status().unwrap().0
    }

    fn address(&self) -> Option<Ipv4Addr> {
        self.link.stack.iface().address()
    }

    fn bound() -> Client {
        let mut client = Client::new();
        let discover = client.sent();
        client.reply(Kind::Offer, discover.xid, |_| {});
        client.sent();
        client.reply(Kind::Ack, discover.xid, |_| {});
        assert_eq!((client.phase(), client.address()), (Phase::Bound, Some(A)));
        assert_eq!(client.all().len(), 0);
        client
    }

    fn wait(&mut self, secs: u64) {
        self.link.wait(Duration::from_secs(secs));
    }
}

fn sent(content: &Content) -> Option<Sent> {
    let Content::Ip(header, payload) = content else { return None };
    let (ports, data) = udp::parse(payload, None)?;
    assert_eq!((ports.src_port, ports.dst_port), (68, 67));
    let mut data = data.to_vec();
    data[0] = 2;
    let message = Message::parse(&data)?;
    assert_eq!(message.client_mac, MAC_A);
    Some(Sent {
        kind: message.kind,
        xid: message.xid,
        client_ip: message.client_ip,
        requested: message.requested_ip,
        server: message.server_id,
        dst: header.dst,
        src: header.src,
    })
}

#[test]
fn discover_offer_request_ack() {
    let mut client = Client::new();
    let discover = client.sent();
    assert_eq!((discover.kind, discover.src, discover.dst), (Kind::Discover, [0; 4].into(), [255; 4].into()));
    client.reply(Kind::Offer, discover.xid, |_| {});
    let request = client.sent();
    assert_eq!((request.kind, request.requested, request.server), (Kind::Request, Some(A), Some(SERVER)));
    assert_eq!((request.xid, request.dst), (discover.xid, [255; 4].into()));
    client.reply(Kind::Ack, discover.xid, |_| {});
    let config = client.link.stack.iface().ipv4.unwrap();
    assert_eq!((config.address, config.gateway), (Ipv4Cidr::new(A, 24), Some(ROUTER)));
    assert_eq!(client.link.stack.name_servers().collect::<Vec<_>>(), [Endpoint::new(DNS, 53)]);
    assert_eq!(events(&mut client.link.stack), [Event::AddressChanged(Some(config))]);
}

#[test]
fn a_lost_discover_is_repeated_with_growing_pauses() {
    let mut client = Client::new();
    client.sent();
    for secs in [4u64, 8, 16, 32, 64, 64] {
        let wait = client.link.stack.poll_at().unwrap().since(client.link.now);
        assert!(wait >= Duration::from_secs(secs - 1) && wait <= Duration::from_secs(secs + 1), "{wait:?}");
        client.link.wait(wait);
        assert_eq!(client.sent().kind, Kind::Discover);
    }
}

#[test]
fn a_request_without_an_answer_begins_again() {
    let mut client = Client::new();
    let discover = client.sent();
    client.reply(Kind::Offer, discover.xid, |_| {});
    for _ in 0..4 {
        assert_eq!(client.sent().kind, Kind::Request);
        client.wait(66);
    }
    let again = client.sent();
    assert_eq!(again.kind, Kind::Discover);
    assert_ne!(again.xid, discover.xid);
}

#[test]
fn answers_to_others_and_nonsense_are_ignored() {
    let mut client = Client::new();
    let xid = client.sent().xid;
    client.reply(Kind::Offer, xid ^ 1, |_| {});
    client.reply(Kind::Offer, xid, |message| message.client_mac = MAC_B);
    client.reply(Kind::Offer, xid, |message| message.server_id = None);
    client.reply(Kind::Offer, xid, |message| message.your_ip = [0; 4].into());
    client.reply(Kind::Offer, xid, |message| message.your_ip = [224, 0, 0, 1].into());
    client.reply(Kind::Ack, xid, |_| {});
    assert_eq!((client.phase(), client.link.stack.counters().dhcp_dropped), (Phase::Selecting, 6));
    client.reply(Kind::Offer, xid, |_| {});
    client.sent();
    client.reply(Kind::Ack, xid, |message| message.server_id = Some(ROUTER));
    client.reply(Kind::Ack, xid, |message| message.lease = None);
    client.reply(Kind::Ack, xid, |message| message.netmask = Some([255, 0, 255, 0].into()));
    assert_eq!((client.phase(), client.address()), (Phase::Requesting, None));
}

#[test]
fn a_nak_begins_again_after_a_second() {
    let mut client = Client::new();
    let xid = client.sent().xid;
    client.reply(Kind::Offer, xid, |_| {});
    client.sent();
    client.reply(Kind::Nak, xid, |_| {});
    assert_eq!(client.all().len(), 0);
    client.wait(1);
    assert_eq!(client.sent().kind, Kind::Discover);
}

#[test]
fn half_of_the_lease_later_the_server_is_asked_to_prolong() {
    let mut client = Client::bound();
    client.wait(1799);
    assert_eq!(client.all().len(), 0);
    client.wait(1);
    client.link.arp(Operation::Request, SERVER, A);
    let request = client.sent();
    assert_eq!((request.kind, request.src, request.dst, request.client_ip), (Kind::Request, A, SERVER, A));
    assert_eq!((request.requested, request.server), (None, None));
    client.reply(Kind::Ack, request.xid, |_| {});
    assert_eq!((client.phase(), client.address()), (Phase::Bound, Some(A)));
    assert_eq!(client.link.stack.poll_at(), Some(client.link.now + Duration::from_secs(1800)));
}

#[test]
fn seven_eighths_later_anybody_is_asked_and_in_the_end_the_address_goes() {
    let mut client = Client::bound();
    events(&mut client.link.stack);
    client.wait(1800);
    client.all();
    client.wait(1350);
    let request = client.all().into_iter().find(|sent| sent.dst == Ipv4Addr::BROADCAST).unwrap();
    assert_eq!((request.kind, request.client_ip, client.phase()), (Kind::Request, A, Phase::Rebinding));
    client.wait(450);
    let discover = client.all().into_iter().find(|sent| sent.kind == Kind::Discover);
    assert!(discover.is_some());
    assert_eq!(client.address(), None);
    assert_eq!(events(&mut client.link.stack), [Event::AddressChanged(None)]);
}

#[test]
fn renewal_is_asked_for_again_at_half_of_the_time_left() {
    let mut client = Client::bound();
    client.wait(1800);
    client.link.arp(Operation::Request, SERVER, A);
    client.sent();
    client.wait(674);
    assert_eq!(client.all().len(), 0);
    client.wait(1);
    assert_eq!(client.sent().dst, SERVER);
}

#[test]
fn the_servers_times_count_if_they_are_in_order() {
    for (renewal, rebinding, t1) in [(Some(100), Some(200), 100), (Some(300), Some(200), 200), (Some(9000), None, 1800)]
    {
        let mut client = Client::new();
        let xid = client.sent().xid;
        client.reply(Kind::Offer, xid, |_| {});
        client.sent();
        client.reply(Kind::Ack, xid, |message| (message.renewal, message.rebinding) = (renewal, rebinding));
        client.all();
        assert_eq!(client.link.stack.poll_at(), Some(client.link.now + Duration::from_secs(t1)));
    }
}

#[test]
fn a_lease_for_ever_has_no_timers_that_matter() {
    let mut client = Client::new();
    let xid = client.sent().xid;
    client.reply(Kind::Offer, xid, |_| {});
    client.sent();
    client.reply(Kind::Ack, xid, |message| message.lease = Some(u32::MAX));
    client.all();
    client.wait(u64::from(u32::MAX));
    assert_eq!((client.phase(), client.all().len()), (Phase::Bound, 0));
}

#[test]
fn a_nak_while_renewing_takes_the_address_away() {
    let mut client = Client::bound();
    client.wait(1800);
    client.link.arp(Operation::Request, SERVER, A);
    let xid = client.sent().xid;
    client.reply(Kind::Nak, xid, |_| {});
    assert_eq!((client.phase(), client.address()), (Phase::Init, None));
}

#[test]
fn a_conflict_with_a_new_lease_is_declined() {
    let mut client = Client::bound();
    client.link.arp(Operation::Reply, A, A);
    let decline = client.sent();
    assert_eq!((decline.kind, decline.requested, decline.server), (Kind::Decline, Some(A), Some(SERVER)));
    assert_eq!(client.address(), None);
    client.wait(9);
    assert_eq!(client.all().len(), 0);
    client.wait(1);
    assert_eq!(client.sent().kind, Kind::Discover);
}

#[test]
fn a_released_lease_is_given_back_and_nothing_follows() {
    let mut client = Client::bound();
    client.link.arp(Operation::Request, SERVER, A);
    client.link.stack.release_dhcp();
    let release = client.sent();
    assert_eq!((release.kind, release.client_ip, release.dst), (Kind::Release, A, SERVER));
    assert_eq!((client.address(), client.link.stack.poll_at()), (None, None));
}

#[test]
fn losing_the_address_ends_its_connections() {
    let mut client = Client::bound();
    let now = client.link.now;
    let id = client.link.stack.tcp_connect(now, Endpoint::new(B, 80), SocketOptions::default()).unwrap();
    client.link.stack.set_ipv4(None);
    assert_eq!(client.link.stack.tcp_state(id), Ok(State::Closed));
}
