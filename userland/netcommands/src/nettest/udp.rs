//! Datagrams.

use alloc::{format, vec};

use libsys::{
    Error,
    net::{Endpoint, UdpSocket},
    time,
};

use super::{Check, Named, World, at, expect, expect_error, pattern, said, soon};

pub const CHECKS: &[Named] = &[
    ("a datagram arrives with its sender", small),
    ("an empty datagram arrives", empty),
    ("512 bytes ride in the message", inline),
    ("1,400 bytes go by the window", window),
    ("20,000 bytes arrive whole", large),
    ("what does not fit is cut", cut),
    ("datagrams keep their order and bounds", order),
    ("nothing there is a time-out", nothing),
    ("a port has one owner", taken),
    ("port 0 is none to send to", nowhere),
];

fn pair(world: &World) -> Result<(UdpSocket, UdpSocket), alloc::string::String> {
    let bind = || UdpSocket::bind(&world.network, at(0)).map_err(said);
    Ok((bind()?, bind()?))
}

fn end(socket: &UdpSocket) -> Endpoint {
    at(socket.local().port)
}

fn carries(world: &World, length: usize) -> Check {
    let (one, two) = pair(world)?;
    let sent = pattern(length);
    one.send_to(end(&two), &sent).map_err(said)?;
    let mut buffer = vec![0; length + 16];
    let (count, from) = two.receive(&mut buffer, soon()).map_err(said)?;
    expect(from == end(&one), || format!("from {from} instead of {}", end(&one)))?;
    expect(buffer.get(..count) == Some(&sent[..]), || format!("{count} other bytes"))
}

fn small(world: &World) -> Check {
    carries(world, 5)
}

fn empty(world: &World) -> Check {
    carries(world, 0)
}

fn inline(world: &World) -> Check {
    carries(world, 496)
}

fn window(world: &World) -> Check {
    carries(world, 1400)
}

fn large(world: &World) -> Check {
    carries(world, 20_000)
}

fn cut(world: &World) -> Check {
    let (one, two) = pair(world)?;
    one.send_to(end(&two), b"too long").map_err(said)?;
    let mut buffer = [0; 3];
    let (count, _) = two.receive(&mut buffer, soon()).map_err(said)?;
    expect(&buffer[..count] == b"too", || format!("{count} bytes"))
}

fn order(world: &World) -> Check {
    let (one, two) = pair(world)?;
    for number in 0..16_u8 {
        one.send_to(end(&two), &vec![number; usize::from(number) + 1]).map_err(said)?;
    }
    for number in 0..16_u8 {
        let mut buffer = [0; 64];
        let (count, _) = two.receive(&mut buffer, soon()).map_err(said)?;
        expect(count == usize::from(number) + 1 && buffer[0] == number, || format!("number {number}: {count} bytes"))?;
    }
    Ok(())
}

fn nothing(world: &World) -> Check {
    let (one, _) = pair(world)?;
    let start = time::now_ns();
    expect_error(one.receive(&mut [0; 8], start + 50 * time::MILLISECOND), Error::TimedOut)?;
    expect(time::now_ns() >= start + 50 * time::MILLISECOND, || "it came early".into())
}

fn taken(world: &World) -> Check {
    let (one, _) = pair(world)?;
    expect_error(UdpSocket::bind(&world.network, one.local()), Error::AddressInUse)
}

fn nowhere(world: &World) -> Check {
    let (one, _) = pair(world)?;
    expect_error(one.send_to(at(0), b"x"), Error::BadArgument)
}
