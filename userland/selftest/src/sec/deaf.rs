//! Connections whose ends never read: each keeps what it is sent until its rings and windows are full, and no byte more. netd waits for
//! none of them.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use libsys::net::{Address, Endpoint, Network, Remote, TcpListener, TcpStream};
use libsys::{Error, time, wait_bits};

use super::scribble::{another, netd};
use crate::checks::Checks;

/// Connections, each with two ends that send.
const CONNECTIONS: usize = 8;
/// Bytes of a ring.
const RING: u32 = 16 << 10;
/// What a connection may take at most, in both directions: rings on both sides, and what TCP has on its way besides.
const MOST: usize = 2 * (2 * RING as usize + (256 << 10));
/// Looks, some time apart, in which nothing more fits: it is full.
const QUIET: u32 = 5;
/// How long a step may take.
const SOON_NS: u64 = 5 * time::SECOND;

/// Connections that are full, for as long as this is kept.
pub struct Deaf {
    _ends: Vec<TcpStream>,
    /// What is on its way.
    pub bytes: usize,
}

impl Deaf {
    /// Opens and fills them.
    pub fn new(network: &Arc<Network>) -> Result<Deaf, Error> {
        let here = Endpoint { address: Address::V4([127, 0, 0, 1]), port: 0 };
        let mut listener = TcpListener::bind(network, here, CONNECTIONS as u16, None)?;
        listener.set_ring(RING);
        let there = Remote::Endpoint(Endpoint { port: listener.local().port, ..here });
        let mut ends = Vec::new();
        for _ in 0..CONNECTIONS {
            let until = time::after(SOON_NS);
            ends.push(TcpStream::connect(network, there.clone(), None, until).map_err(|failure| failure.error)?);
            ends.push(listener.accept(until)?);
        }
        let (mut bytes, mut quiet) = (0, 0);
        while quiet < QUIET {
            let mut more = 0;
            for end in &mut ends {
                more += end.poll_write(&[0xd5; 4096])?;
            }
            bytes += more;
            quiet = if more == 0 { quiet + 1 } else { 0 };
            if more == 0 {
                wait_bits(0, time::after(20 * time::MILLISECOND));
            }
        }
        Ok(Deaf { _ends: ends, bytes })
    }
}

/// Others are served beside them, and after them.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let before = netd()?;
    let network = Network::open()?;
    let deaf = Deaf::new(&network)?;
    let most = CONNECTIONS * MOST;
    checks.holds(format!("{} bytes that nobody reads, at most {most}", deaf.bytes), (1..=most).contains(&deaf.bytes));
    let beside = |n: u32| (n, another().map_err(|error| format!("{error}")));
    checks.all("connections of others beside them", (0..4).map(beside).collect::<Vec<(u32, Result<(), String>)>>());
    drop(deaf);
    checks.check("and afterwards", another().map_err(|error| format!("{error}")));
    checks.equal("netd is the one it was", netd()?, before);
    Ok(())
}
