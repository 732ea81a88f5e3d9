//! NETTEST: what the network promises, tried from inside: against the loopback address, and the gateway where there is one.
//!
//! Each check is a function that fails with a line of text. The last line is `nettest: N passed, N failed`.

mod basics;
mod streams;
mod tls;
mod udp;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use command::{Failure, Outcome};
use libsys::{
    Error, Status,
    net::{Address, Endpoint, Network},
    println, time,
};
use readargs::Args;

/// How a check ends: a line of text says what is wrong.
pub type Check = Result<(), String>;

/// A check: what it tries, and the trying.
pub type Named = (&'static str, fn(&World) -> Check);

/// What checks need.
pub struct World {
    /// A session.
    pub network: Arc<Network>,
    /// The card's own address.
    pub own: Option<Address>,
    /// The gateway.
    pub gateway: Option<Address>,
}

/// Where we are ourselves.
pub const LOOPBACK: Address = Address::V4([127, 0, 0, 1]);

/// An end at the loopback address.
pub fn at(port: u16) -> Endpoint {
    Endpoint { address: LOOPBACK, port }
}

/// A deadline: long enough for a slow machine, short enough to fail.
pub fn soon() -> u64 {
    time::after(10 * time::SECOND)
}

/// Fails unless it holds.
pub fn expect(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

/// Fails unless it is this error.
pub fn expect_error<T>(result: Result<T, Error>, wanted: Error) -> Check {
    match result {
        Err(error) if error == wanted => Ok(()),
        Err(error) => Err(format!("{} instead of {}", error.name(), wanted.name())),
        Ok(_) => Err(format!("success instead of {}", wanted.name())),
    }
}

/// An error as text.
pub fn said(error: Error) -> String {
    error.name().into()
}

/// NETTEST.
pub fn nettest(args: &Args) -> Outcome {
    let network = Network::open().map_err(|error| Failure::new(error, "the network can't be opened"))?;
    let (mut own, mut gateway) = (None, None);
    for interface in libsys::net::interfaces()?.iter().filter(|interface| interface.name != "lo0") {
        own = interface.address.map(|(address, _)| address);
        gateway = interface.gateway;
    }
    let world = World { network, own, gateway };
    let groups: [(&str, &[Named]); 4] =
        [("basics", basics::CHECKS), ("udp", udp::CHECKS), ("tcp", streams::CHECKS), ("tls", tls::CHECKS)];
    if args.switch("LIST") {
        for (group, checks) in groups {
            checks.iter().for_each(|(name, _)| println!("{group}: {name}"));
        }
        return Ok(Status::OK);
    }
    let suites = args.many("SUITE");
    let chosen = |group: &str| suites.is_empty() || suites.iter().any(|suite| suite.eq_ignore_ascii_case(group));
    let (mut passed, mut failed) = (0, Vec::new());
    for (group, checks) in groups.into_iter().filter(|(group, _)| chosen(group)) {
        for (name, check) in checks {
            match check(&world) {
                Ok(()) => {
                    passed += 1;
                    println!("ok    {group}: {name}");
                }
                Err(why) => {
                    println!("WRONG {group}: {name}: {why}");
                    failed.push(*name);
                }
            }
        }
    }
    println!("nettest: {passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(Status::OK) } else { Ok(Status::ERROR) }
}

/// Bytes that tell where they belong.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}
