//! Interfaces, routes, counters, pings, names, narrowings.

use alloc::format;

use libsys::{
    Error,
    names::NameSpace,
    net::{self, Address, RecordKind, Remote, TcpStream},
    protocol::net::{Reply, Request, Service},
    time,
};

use super::{Check, LOOPBACK, Named, World, at, expect, expect_error, said, soon};

pub const CHECKS: &[Named] = &[
    ("the loopback interface has its address", loopback_interface),
    ("the card has a hardware address, if there is one", card),
    ("there are routes", routes),
    ("counters have names and count", counters),
    ("neighbours can be listed", neighbours),
    ("the loopback address answers a ping", ping_loopback),
    ("a ping may carry 1,472 bytes", ping_large),
    ("a larger ping is refused", ping_too_large),
    ("our own address answers a ping", ping_own),
    ("the gateway answers a ping", ping_gateway),
    ("an address in text resolves to itself", resolve_literal),
    ("localhost is the loopback address", resolve_localhost),
    ("what is no name is refused", resolve_nonsense),
    ("a narrowed session connects nowhere else", narrowed_connect),
    ("a narrowed session does not ping", narrowed_ping),
    ("a narrowing that is none closes the network", narrowed_nonsense),
];

fn loopback_interface(_: &World) -> Check {
    let all = net::interfaces().map_err(said)?;
    expect(all.iter().any(|interface| interface.address == Some((LOOPBACK, 8))), || "no 127.0.0.1/8".into())
}

fn card(_: &World) -> Check {
    for interface in net::interfaces().map_err(said)?.iter().filter(|interface| interface.name != "lo0") {
        expect(interface.mac != [0; 6] && interface.mac[0] & 1 == 0, || format!("{:?}", interface.mac))?;
        expect(interface.mtu >= 576, || format!("packets of {} bytes", interface.mtu))?;
    }
    Ok(())
}

fn routes(world: &World) -> Check {
    let all = net::routes().map_err(said)?;
    let default = all.iter().any(|route| route.destination.1 == 0);
    expect(all.iter().any(|route| route.interface == "lo0"), || "no route to ourselves".into())?;
    expect(default == world.gateway.is_some(), || "the default route is not the gateway's".into())
}

fn counters(_: &World) -> Check {
    let value = || -> Result<u64, Error> {
        Ok(net::counters()?.iter().find(|counter| counter.name == "icmp.in").map_or(0, |counter| counter.value))
    };
    let before = value().map_err(said)?;
    net::ping(LOOPBACK, 1, 8, soon()).map_err(said)?;
    let after = value().map_err(said)?;
    expect(after >= before + 2, || format!("icmp.in went from {before} to {after}"))
}

fn neighbours(_: &World) -> Check {
    net::neighbours().map(drop).map_err(said)
}

fn ping(address: Address, size: u16) -> Check {
    let pong = net::ping(address, 7, size, soon()).map_err(said)?;
    expect(pong.address == address && pong.size == size, || format!("{} bytes from {}", pong.size, pong.address))
}

fn ping_loopback(_: &World) -> Check {
    ping(LOOPBACK, 56)
}

fn ping_large(_: &World) -> Check {
    ping(LOOPBACK, 1472)
}

fn ping_too_large(_: &World) -> Check {
    expect_error(net::ping(LOOPBACK, 1, 1473, soon()), Error::BadArgument)
}

fn ping_own(world: &World) -> Check {
    world.own.map_or(Ok(()), |own| ping(own, 56))
}

fn ping_gateway(world: &World) -> Check {
    world.gateway.map_or(Ok(()), |gateway| ping(gateway, 56))
}

fn resolves(name: &str, wanted: Address) -> Check {
    let resolved = net::resolve(name, RecordKind::A, None, soon()).map_err(said)?;
    expect(resolved.addresses == [wanted], || format!("{:?}", resolved.addresses))
}

fn resolve_literal(_: &World) -> Check {
    resolves("10.0.2.2", Address::V4([10, 0, 2, 2]))
}

fn resolve_localhost(_: &World) -> Check {
    resolves("LocalHost", LOOPBACK)
}

fn resolve_nonsense(_: &World) -> Check {
    expect_error(net::resolve("no..name", RecordKind::A, None, soon()), Error::NameUnknown)
}

/// Asks a session that has a narrowing.
fn narrowed(narrowing: &str, request: &Request) -> Result<Reply, Error> {
    let space = NameSpace::own().copy()?;
    space.narrow(net::NAME, narrowing)?;
    space.open::<Service>(net::NAME)?.call(request)
}

fn connect(port: u16) -> Request {
    Request::Connect { remote: Remote::Endpoint(at(port)), tls: None, deadline: time::after(time::SECOND) }
}

fn narrowed_connect(world: &World) -> Check {
    expect_error(narrowed("tcp 127.0.0.1:1", &connect(2)), Error::Denied)?;
    narrowed("tcp 127.0.0.1:1", &connect(1)).map_err(said)?;
    // The session that is not narrowed still may.
    let refused = TcpStream::connect(&world.network, Remote::Endpoint(at(2)), None, soon());
    expect_error(refused.map_err(|failure| failure.error), Error::Refused)
}

fn narrowed_ping(_: &World) -> Check {
    let request = Request::Ping { address: LOOPBACK, sequence: 1, size: 8, deadline: soon() };
    expect_error(narrowed("tcp", &request), Error::Denied)
}

fn narrowed_nonsense(_: &World) -> Check {
    expect_error(narrowed("everything", &Request::Interfaces), Error::BadArgument)
}
