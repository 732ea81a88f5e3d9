//! PING: 0 if every answer came, 5 if some were lost, 10 if none came.

use command::{About, Failure, Outcome};
use libsys::{
    Error, Status,
    names::bits,
    net::{self, Address},
    println, spawn, time,
};
use readargs::Args;

const MS: u64 = time::MILLISECOND;
/// How long an answer may take.
pub const PATIENCE: u64 = 2 * time::SECOND;
/// How long a name may take.
pub const NAME_PATIENCE: u64 = 10 * time::SECOND;
/// Bytes of data at most: what fits a frame.
const MAX_SIZE: u64 = 1472;

/// PING.
pub fn ping(args: &Args) -> Outcome {
    let host = args.string_or("HOST", "");
    let count = args.within("C", 1..=65_535)?.unwrap_or(4);
    let interval = args.within("I", 10..=3_600_000)?.unwrap_or(1000);
    let size = args.within("SIZE", 0..=MAX_SIZE)?.unwrap_or(56) as u16;
    let address = net::lookup(host, time::after(NAME_PATIENCE)).about(host)?;
    if host.parse::<core::net::IpAddr>().is_ok() {
        println!("PING {address}: {size} bytes of data");
    } else {
        println!("PING {host} ({address}): {size} bytes of data");
    }
    // So that Ctrl-C ends the asking and not the summing up.
    spawn::catch(bits::BREAK_C as u8)?;
    let mut times = Times::default();
    let (mut sent, mut start, mut stopped) = (0, time::now_ns(), false);
    for sequence in 1..=count {
        sent += 1;
        if !one(address, sequence as u16, size, &mut times)? {
            break;
        }
        start += interval * MS;
        stopped = sequence < count && libsys::wait_bits(bits::BREAK_C, start) != 0;
        if stopped {
            break;
        }
    }
    println!("{sent} sent, {} received", times.received);
    if let Some(average) = times.total.checked_div(times.received) {
        println!("round trip: {} least, {} average, {} most", Ms(times.least), Ms(average), Ms(times.most));
    }
    match times.received {
        _ if stopped => Ok(Status::from(Error::Break)),
        0 => Err(Failure::new(Error::TimedOut, alloc::format!("{host}: no answer"))),
        received if received < sent => Ok(Status { code: 5, reason: Error::NoAnswer.code() }),
        _ => Ok(Status::OK),
    }
}

/// Asks once. Returns false if there is no sense in asking again.
fn one(address: Address, sequence: u16, size: u16, times: &mut Times) -> Result<bool, Failure> {
    match net::ping(address, sequence, size, time::after(PATIENCE)) {
        Ok(pong) => {
            times.add(pong.time_ns);
            let (size, from, ttl) = (pong.size, pong.address, pong.ttl);
            println!("{size} bytes from {from}: number={sequence} ttl={ttl} time={}", Ms(pong.time_ns));
            Ok(true)
        }
        Err(Error::TimedOut) => {
            println!("number={sequence}: no answer");
            Ok(true)
        }
        Err(error @ (Error::NoRoute | Error::Refused)) => {
            println!("number={sequence}: {}", error.text());
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Default)]
struct Times {
    received: u64,
    total: u64,
    least: u64,
    most: u64,
}

impl Times {
    fn add(&mut self, ns: u64) {
        self.least = if self.received == 0 { ns } else { self.least.min(ns) };
        self.most = self.most.max(ns);
        self.total += ns;
        self.received += 1;
    }
}

/// ns, shown as ms.
pub struct Ms(pub u64);

impl core::fmt::Display for Ms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / MS, self.0 % MS / 1000)
    }
}
