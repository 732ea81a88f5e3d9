//! TCP over the loopback address.

use alloc::{format, string::String, vec, vec::Vec};

use libsys::{
    Error, env,
    names::NameSpace,
    net::{self, Address, ConnectionState, Endpoint, Remote, SocketOption, Step, Switch, TcpListener, TcpStream},
    protocol::{
        Text,
        net::{Event, Reply, Request, Service},
    },
    ring::Taken,
    time,
};

use super::{Check, Named, World, at, expect, expect_error, pattern, said, soon};

pub const CHECKS: &[Named] = &[
    ("port 0 finds a free one", any_port),
    ("a port has one listener", one_listener),
    ("a connection is accepted, both know the other", accepted),
    ("bytes go both ways", both_ways),
    ("1 MiB arrives, every byte in its place", megabyte),
    ("1 MiB goes both ways at once", megabyte_both),
    ("what came before accept is there", early),
    ("half a close leaves the other half open", half_close),
    ("a closed port refuses", refused),
    ("a name connects as well", by_name),
    ("accept gives up at its deadline", accept_deadline),
    ("connecting gives up at its deadline", connect_deadline),
    ("connections wait in the backlog", backlog),
    ("a connection that is dropped unread is reset", reset),
    ("a listener that goes takes its port along", port_is_free_again),
    ("32 connections at once", many),
    ("options are taken", options),
    ("netstat shows the listener and whose it is", listed),
    ("the state says Established", state),
    ("a deadline ends reading", read_deadline),
];

fn listen(world: &World) -> Result<TcpListener, String> {
    TcpListener::bind(&world.network, at(0), 16, None).map_err(said)
}

fn connect(world: &World, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect(&world.network, Remote::Endpoint(at(port)), None, soon())
        .map_err(|failure| format!("connect: {}", failure.error.name()))
}

/// A connection: the client's end, the server's end.
fn pair(world: &World) -> Result<(TcpStream, TcpStream), String> {
    let listener = listen(world)?;
    let client = connect(world, listener.local().port)?;
    let mut server = listener.accept(soon()).map_err(said)?;
    let mut client = client;
    client.set_deadline(soon());
    server.set_deadline(soon());
    Ok((client, server))
}

fn any_port(world: &World) -> Check {
    let port = listen(world)?.local().port;
    expect(port != 0, || "port 0".into())
}

fn one_listener(world: &World) -> Check {
    let listener = listen(world)?;
    expect_error(TcpListener::bind(&world.network, at(listener.local().port), 1, None), Error::AddressInUse)
}

fn accepted(world: &World) -> Check {
    let (client, server) = pair(world)?;
    let local = client.state().map_err(said)?.local;
    expect(server.remote() == local, || format!("{} instead of {local}", server.remote()))
}

fn both_ways(world: &World) -> Check {
    let (mut client, mut server) = pair(world)?;
    client.write_all(b"ping").map_err(said)?;
    let mut buffer = [0; 16];
    let count = server.read(&mut buffer).map_err(said)?;
    expect(&buffer[..count] == b"ping", || format!("{count} bytes"))?;
    server.write_all(b"pong").map_err(said)?;
    let count = client.read(&mut buffer).map_err(said)?;
    expect(&buffer[..count] == b"pong", || format!("{count} bytes"))
}

/// Moves bytes from one end to the other without stopping at a full ring.
fn carry(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (mut sent, mut got) = (0, Vec::new());
    let mut buffer = vec![0; 32 << 10];
    let until = soon();
    while got.len() < bytes.len() {
        let wrote = from.poll_write(bytes.get(sent..).unwrap_or_default()).map_err(said)?;
        sent += wrote;
        match to.poll_read(&mut buffer).map_err(said)? {
            Taken::Bytes(count) => got.extend_from_slice(&buffer[..count]),
            Taken::End => return Err(format!("the end after {} bytes", got.len())),
            Taken::Nothing if wrote == 0 => drop(libsys::wait_bits(0, time::after(100_000))),
            Taken::Nothing => {}
        }
        expect(time::now_ns() < until, || format!("{sent} sent, {} received, then nothing", got.len()))?;
    }
    Ok(got)
}

fn megabyte(world: &World) -> Check {
    let (mut client, mut server) = pair(world)?;
    let bytes = pattern(1 << 20);
    let got = carry(&mut client, &mut server, &bytes)?;
    expect(got == bytes, || "other bytes".into())
}

fn megabyte_both(world: &World) -> Check {
    let (mut client, mut server) = pair(world)?;
    let bytes = pattern(1 << 20);
    for part in bytes.chunks(64 << 10) {
        let there = carry(&mut client, &mut server, part)?;
        let back = carry(&mut server, &mut client, &there)?;
        expect(back == part, || "other bytes".into())?;
    }
    Ok(())
}

fn early(world: &World) -> Check {
    let listener = listen(world)?;
    let mut client = connect(world, listener.local().port)?;
    let bytes = pattern(20_000);
    client.write_all(&bytes).map_err(said)?;
    libsys::wait_bits(0, time::after(20 * time::MILLISECOND));
    let mut server = listener.accept(soon()).map_err(said)?;
    server.set_deadline(soon());
    let mut got = vec![0; bytes.len()];
    let mut length = 0;
    while length < got.len() {
        match server.read(&mut got[length..]).map_err(said)? {
            0 => return Err(format!("the end after {length} bytes")),
            count => length += count,
        }
    }
    expect(got == bytes, || "other bytes".into())
}

fn half_close(world: &World) -> Check {
    let (mut client, mut server) = pair(world)?;
    client.write_all(b"last words").map_err(said)?;
    client.shutdown().map_err(said)?;
    let mut buffer = [0; 32];
    let mut got = Vec::new();
    loop {
        match server.read(&mut buffer).map_err(said)? {
            0 => break,
            count => got.extend_from_slice(&buffer[..count]),
        }
    }
    expect(got == b"last words", || format!("{} bytes", got.len()))?;
    server.write_all(b"heard").map_err(said)?;
    let count = client.read(&mut buffer).map_err(said)?;
    expect(&buffer[..count] == b"heard", || format!("{count} bytes"))?;
    server.shutdown().map_err(said)?;
    let count = client.read(&mut buffer).map_err(said)?;
    expect(count == 0, || format!("{count} bytes instead of the end"))
}

fn refused(world: &World) -> Check {
    let port = listen(world)?.local().port;
    match TcpStream::connect(&world.network, Remote::Endpoint(at(port)), None, soon()) {
        Err(failure) if failure.step == Step::Connect && failure.error == Error::Refused => Ok(()),
        Err(failure) => Err(format!("{:?}: {}", failure.step, failure.error.name())),
        Ok(_) => Err("it connects".into()),
    }
}

fn by_name(world: &World) -> Check {
    let listener = listen(world)?;
    let remote = Remote::Name(Text::cut("localhost"), listener.local().port);
    TcpStream::connect(&world.network, remote, None, soon()).map(drop).map_err(|failure| said(failure.error))
}

fn accept_deadline(world: &World) -> Check {
    expect_error(listen(world)?.accept(time::after(30 * time::MILLISECOND)), Error::TimedOut)?;
    expect_error(listen(world)?.accept(0), Error::TimedOut)
}

fn connect_deadline(world: &World) -> Check {
    // TEST-NET-1 (RFC 5737): nobody is there. Where there is no route at all, that is said at once.
    let nobody = Remote::Endpoint(Endpoint { address: Address::V4([192, 0, 2, 1]), port: 9 });
    match TcpStream::connect(&world.network, nobody, None, time::after(100 * time::MILLISECOND)) {
        Err(failure) if matches!(failure.error, Error::TimedOut | Error::NoRoute | Error::Refused) => Ok(()),
        Err(failure) => Err(said(failure.error)),
        Ok(_) => Err("somebody is there".into()),
    }
}

fn backlog(_: &World) -> Check {
    crowd(8)
}

fn reset(world: &World) -> Check {
    let (mut client, server) = pair(world)?;
    client.write_all(b"nobody will read this").map_err(said)?;
    libsys::wait_bits(0, time::after(20 * time::MILLISECOND));
    drop(server);
    expect_error(client.read(&mut [0; 8]), Error::Reset)
}

fn port_is_free_again(world: &World) -> Check {
    let port = listen(world)?.local().port;
    TcpListener::bind(&world.network, at(port), 1, None).map(drop).map_err(said)
}

fn many(_: &World) -> Check {
    crowd(32)
}

/// So many connections, all there before the first is accepted. Without rings: a command's memory is small.
fn crowd(count: usize) -> Check {
    let session = NameSpace::own().open::<Service>(net::NAME).map_err(said)?;
    let ask = |request: &Request| session.call(request).map_err(said);
    let Reply::Opened { id: listener, local } = ask(&Request::Listen { local: at(0), backlog: 64, tls: None })? else {
        return Err("no listener".into());
    };
    for number in 0..count {
        let remote = Remote::Endpoint(at(local.port));
        let Reply::Opened { id, .. } = ask(&Request::Connect { remote, tls: None, deadline: soon() })? else {
            return Err(format!("number {number} does not begin"));
        };
        let Reply::State(state) = ask(&Request::Wait { id, event: Event::Connected, deadline: soon() })? else {
            return Err(format!("number {number} has no state"));
        };
        expect(state.failure.is_none(), || format!("number {number}: {:?}", state.failure))?;
    }
    for number in 0..count {
        let reply = ask(&Request::Accept { id: listener, deadline: soon() })?;
        expect(matches!(reply, Reply::Accepted { .. }), || format!("number {number} is not accepted"))?;
    }
    expect_error(session.call(&Request::Accept { id: listener, deadline: 0 }), Error::TimedOut)
}

fn options(world: &World) -> Check {
    let (client, _server) = pair(world)?;
    for option in [SocketOption::NoDelay(Switch::On), SocketOption::KeepAlive(60), SocketOption::UserTimeout(5000)] {
        client.set_option(option).map_err(said)?;
    }
    Ok(())
}

fn listed(world: &World) -> Check {
    let listener = listen(world)?;
    let port = listener.local().port;
    let all = net::sockets().map_err(said)?;
    let own = all.iter().find(|socket| socket.state == ConnectionState::Listen && socket.local.port == port);
    let own = own.ok_or_else(|| String::from("not listed"))?;
    expect(own.process == env::number(), || format!("process {} instead of {}", own.process, env::number()))
}

fn state(world: &World) -> Check {
    let (client, _server) = pair(world)?;
    let state = client.state().map_err(said)?;
    expect(state.state == ConnectionState::Established && state.rings == Switch::On, || format!("{:?}", state.state))
}

fn read_deadline(world: &World) -> Check {
    let (mut client, _server) = pair(world)?;
    client.set_deadline(time::after(30 * time::MILLISECOND));
    expect_error(client.read(&mut [0; 8]), Error::TimedOut)
}
