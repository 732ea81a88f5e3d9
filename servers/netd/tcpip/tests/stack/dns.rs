//! The resolver: answers, chains, caching, retries, and what an attacker may not do.

use crate::common::*;
use crate::link::*;
use std::net::{IpAddr, Ipv4Addr};
use tcpip::wire::{ipv4, udp};
use tcpip::*;

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// A stack whose name servers are B and OTHER, both at B's station.
struct Resolver {
    link: Link,
}

/// A query as it went out.
#[derive(Clone, Debug)]
struct Query {
    server: Ipv4Addr,
    port: u16,
    message: Vec<u8>,
}

/// A record for an answer: name, type, TTL, data.
type Record<'a> = (&'a str, u16, u32, Vec<u8>);

fn a(name: &str, ttl: u32, last: u8) -> Record<'_> {
    (name, 1, ttl, vec![192, 0, 2, last])
}

fn cname<'a>(name: &'a str, ttl: u32, target: &str) -> Record<'a> {
    (name, 5, ttl, encode(target))
}

fn soa(minimum: u32) -> Record<'static> {
    let mut data = [encode("ns.test"), encode("root.test"), vec![0; 16]].concat();
    data.extend(minimum.to_be_bytes());
    ("test", 6, 900, data)
}

fn encode(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

impl Resolver {
    fn new() -> Resolver {
        let mut config = static_config(MAC_A, A, 1);
        let network = Ipv4Cidr::new(A, 24);
        let dns = [Some(B), Some(OTHER), None];
        config.addressing = Addressing::Static(Ipv4Config { address: network, gateway: None, dns });
        let mut link = Link::new(Stack::new(config, OwnedBuffers::default()));
        for server in [B, OTHER] {
            link.arp(tcpip::wire::arp::Operation::Request, server, A);
        }
        link.out();
        Resolver { link }
    }

    fn start(&mut self, name: &str) -> LookupId {
        self.link.stack.resolve(self.link.now, name, RecordType::A).unwrap()
    }

    fn queries(&mut self) -> Vec<Query> {
        let queries = self.link.out().into_iter().filter_map(|content| {
            let Content::Ip(header, payload) = content else { return None };
            let (ports, message) = udp::parse(&payload, None)?;
            (ports.dst_port == 53).then(|| Query {
                server: header.dst,
                port: ports.src_port,
                message: message.to_vec(),
            })
        });
        queries.collect()
    }

    fn query(&mut self) -> Query {
        let mut queries = self.queries();
        assert_eq!(queries.len(), 1);
        queries.remove(0)
    }

    fn respond(&mut self, query: &Query, flags: u16, answers: &[Record<'_>], authorities: &[Record<'_>]) {
        let message = response(query, flags, answers, authorities);
        self.deliver(query.server, 53, query.port, &message);
    }

    fn deliver(&mut self, from: Ipv4Addr, from_port: u16, port: u16, message: &[u8]) {
        let body = datagram(from, A, from_port, port, message);
        self.link.ip(ipv4::Header::new(from, A, ipv4::UDP), &body);
    }

    fn result(&mut self, id: LookupId) -> Option<Result<Vec<IpAddr>, ResolveError>> {
        self.link.stack.take_lookup(id)
    }

    fn dropped(&self) -> u64 {
        self.link.stack.counters().dns_dropped
    }
}

fn response(query: &Query, flags: u16, answers: &[Record<'_>], authorities: &[Record<'_>]) -> Vec<u8> {
    let mut message = query.message.clone();
    message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
    message[6..8].copy_from_slice(&(answers.len() as u16).to_be_bytes());
    message[8..10].copy_from_slice(&(authorities.len() as u16).to_be_bytes());
    for (name, kind, ttl, data) in answers.iter().chain(authorities) {
        message.extend(encode(name));
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
    }
    message
}

#[test]
fn a_name_is_resolved_and_cached_as_long_as_it_says() {
    let mut dns = Resolver::new();
    let id = dns.start("Server.Test");
    let query = dns.query();
    assert_eq!((query.server, dns.result(id)), (B, None));
    dns.respond(&query, 0, &[a("server.test", 60, 1), a("server.test", 60, 2)], &[]);
    assert_eq!(events(&mut dns.link.stack), [Event::Resolved(id)]);
    assert_eq!(dns.result(id), Some(Ok(vec![address(1), address(2)])));
    dns.link.wait(Duration::from_secs(59));
    let id = dns.start("server.test.");
    assert_eq!((dns.queries().len(), dns.result(id).is_some()), (0, true));
    dns.link.wait(Duration::from_secs(1));
    dns.start("server.test");
    dns.query();
}

#[test]
fn a_chain_of_names_is_followed_in_the_answer() {
    let mut dns = Resolver::new();
    let id = dns.start("www.test");
    let query = dns.query();
    dns.respond(
        &query,
        0,
        &[a("host.test", 60, 1), cname("www.test", 5, "web.test"), cname("web.test", 60, "host.test")],
        &[],
    );
    assert_eq!(dns.result(id), Some(Ok(vec![address(1)])));
    dns.link.wait(Duration::from_secs(5));
    dns.start("www.test");
    dns.query();
}

#[test]
fn a_chain_that_leaves_the_answer_is_asked_for() {
    let mut dns = Resolver::new();
    let id = dns.start("www.test");
    let query = dns.query();
    dns.respond(&query, 0, &[cname("www.test", 60, "host.other")], &[]);
    let next = dns.query();
    assert_eq!(&next.message[12..], [encode("host.other"), vec![0, 1, 0, 1]].concat());
    dns.respond(&next, 0, &[a("host.other", 60, 9)], &[]);
    assert_eq!(dns.result(id), Some(Ok(vec![address(9)])));
}

#[test]
fn a_chain_without_end_ends() {
    let mut dns = Resolver::new();
    let id = dns.start("n0.test");
    let mut steps = 0;
    while dns.result(id).is_none() && steps < 50 {
        steps += 1;
        let query = dns.query();
        let (name, target) = (format!("n{}.test", steps - 1), format!("n{steps}.test"));
        dns.respond(&query, 0, &[cname(&name, 60, &target)], &[]);
        if steps == 9 {
            assert_eq!(dns.result(id), Some(Err(ResolveError::ServerFailure)));
            return;
        }
    }
    panic!("{steps}");
}

#[test]
fn a_chain_in_a_circle_ends() {
    let mut dns = Resolver::new();
    let id = dns.start("a.test");
    for _ in 0..20 {
        let Some(query) = dns.queries().pop() else { break };
        dns.respond(&query, 0, &[cname("a.test", 60, "b.test"), cname("b.test", 60, "a.test")], &[]);
    }
    assert!(matches!(dns.result(id), Some(Err(_))));
}

#[test]
fn a_missing_name_is_remembered_as_long_as_the_zone_says() {
    let mut dns = Resolver::new();
    let id = dns.start("nosuch.test");
    let query = dns.query();
    dns.respond(&query, 3, &[], &[soa(120)]);
    assert_eq!(dns.result(id), Some(Err(ResolveError::NameUnknown)));
    dns.link.wait(Duration::from_secs(119));
    let id = dns.start("nosuch.test");
    assert_eq!((dns.queries().len(), dns.result(id)), (0, Some(Err(ResolveError::NameUnknown))));
    dns.link.wait(Duration::from_secs(1));
    dns.start("nosuch.test");
    dns.query();
}

#[test]
fn a_name_without_an_address_is_another_error() {
    let mut dns = Resolver::new();
    let id = dns.start("mail.test");
    let query = dns.query();
    dns.respond(&query, 0, &[], &[soa(60)]);
    assert_eq!(dns.result(id), Some(Err(ResolveError::NoAddress)));
}

#[test]
fn silence_is_asked_again_elsewhere_with_new_numbers() {
    let mut dns = Resolver::new();
    let id = dns.start("server.test");
    let mut seen = Vec::new();
    for secs in [1, 2, 4, 8] {
        let query = dns.query();
        seen.push((query.server, query.port, query.message[..2].to_vec()));
        assert_eq!(dns.link.stack.poll_at(), Some(dns.link.now + Duration::from_secs(secs)));
        dns.link.wait(Duration::from_secs(secs));
    }
    assert_eq!(dns.queries().len(), 0);
    assert_eq!(dns.result(id), Some(Err(ResolveError::TimedOut)));
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [B, OTHER, B, OTHER]);
    assert!(seen[0].1 != seen[1].1 && seen[0].2 != seen[1].2);
}

#[test]
fn a_failing_server_sends_us_to_the_next() {
    let mut dns = Resolver::new();
    let id = dns.start("server.test");
    let query = dns.query();
    dns.respond(&query, 2, &[], &[]);
    let next = dns.query();
    assert_eq!(next.server, OTHER);
    dns.respond(&next, 0, &[a("server.test", 60, 1)], &[]);
    assert_eq!(dns.result(id), Some(Ok(vec![address(1)])));
}

#[test]
fn when_all_servers_fail_so_does_the_lookup() {
    let mut dns = Resolver::new();
    let id = dns.start("server.test");
    for _ in 0..4 {
        let query = dns.query();
        dns.respond(&query, 5, &[], &[]);
    }
    assert_eq!((dns.queries().len(), dns.result(id)), (0, Some(Err(ResolveError::ServerFailure))));
}

#[test]
fn an_answer_must_match_in_everything() {
    let mut dns = Resolver::new();
    let id = dns.start("server.test");
    let query = dns.query();
    let good = response(&query, 0, &[a("server.test", 60, 66)], &[]);
    let changed = |at: usize| {
        let mut message = good.clone();
        message[at] ^= 1;
        message
    };
    // Id, response bit, question's name, its type.
    for at in [1, 13, 12 + encode("server.test").len() + 1] {
        dns.deliver(B, 53, query.port, &changed(at));
    }
    let mut no_response = good.clone();
    no_response[2] &= 0x7f;
    dns.deliver(B, 53, query.port, &no_response);
    dns.deliver(OTHER, 53, query.port, &good);
    dns.deliver(B, 54, query.port, &good);
    assert_eq!((dns.dropped(), dns.result(id)), (6, None));
    dns.deliver(B, 53, query.port ^ 1, &good);
    assert_eq!(dns.result(id), None);
    dns.deliver(B, 53, query.port, &good);
    assert_eq!(dns.result(id), Some(Ok(vec![address(66)])));
}

#[test]
fn records_of_other_names_are_not_believed() {
    let mut dns = Resolver::new();
    let id = dns.start("server.test");
    let query = dns.query();
    dns.respond(&query, 0, &[a("server.test", 60, 1), a("bank.test", 60, 66)], &[a("bank.test", 60, 66)]);
    assert_eq!(dns.result(id), Some(Ok(vec![address(1)])));
    dns.start("bank.test");
    dns.query();
}

#[test]
fn lookups_of_one_name_share_a_query() {
    let mut dns = Resolver::new();
    let (first, second) = (dns.start("server.test"), dns.start("server.test"));
    let query = dns.query();
    dns.respond(&query, 0, &[a("server.test", 0, 1)], &[]);
    assert_eq!(dns.result(first), Some(Ok(vec![address(1)])));
    assert_eq!(dns.result(second), Some(Ok(vec![address(1)])));
    // A TTL of zero is not kept.
    dns.start("server.test");
    dns.query();
}

#[test]
fn literal_addresses_and_localhost_need_no_server() {
    let mut dns = Resolver::new();
    for (name, expected) in [
        ("10.1.2.3", Ok(vec![IpAddr::from([10, 1, 2, 3])])),
        ("localhost", Ok(vec![IpAddr::from([127, 0, 0, 1])])),
        ("::1", Err(ResolveError::NoAddress)),
        ("a..b", Err(ResolveError::BadName)),
        ("", Err(ResolveError::BadName)),
    ] {
        let id = dns.start(name);
        assert_eq!((dns.queries().len(), dns.result(id)), (0, Some(expected)), "{name}");
    }
}

#[test]
fn an_ipv6_address_is_read() {
    let mut dns = Resolver::new();
    let id = dns.link.stack.resolve(dns.link.now, "six.test", RecordType::Aaaa).unwrap();
    let query = dns.query();
    dns.respond(&query, 0, &[("six.test", 28, 60, vec![1; 16])], &[]);
    assert_eq!(dns.result(id), Some(Ok(vec![IpAddr::from([1u8; 16])])));
}

#[test]
fn lookups_are_bounded_and_can_be_cancelled() {
    let mut dns = Resolver::new();
    let ids: Vec<_> = (0..32).map(|n| dns.start(&format!("n{n}.test"))).collect();
    assert_eq!(dns.link.stack.resolve(dns.link.now, "more.test", RecordType::A), Err(ResolveError::Limit));
    for id in ids {
        dns.link.stack.cancel_lookup(id);
    }
    assert_eq!((dns.queries().len(), dns.link.stack.poll_at()), (0, None));
    dns.start("more.test");
}
