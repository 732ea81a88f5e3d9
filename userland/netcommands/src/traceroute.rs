//! TRACEROUTE: 0 if the host answered, 10 if it did not within the hops it was given.
//!
//! ```text
//! hops 1 ─► the first router drops the echo request, and says so
//! hops 2 ─► the second one …                             until the host itself answers
//! ```

use command::{About, Failure, Outcome};
use libsys::{Error, Status, net, print, println, time};
use readargs::Args;

use crate::ping::{Ms, NAME_PATIENCE, PATIENCE};

/// TRACEROUTE.
pub fn traceroute(args: &Args) -> Outcome {
    let host = args.string_or("HOST", "");
    let most = args.within("HOPS", 1..=255)?.unwrap_or(30) as u8;
    let probes = args.within("PROBES", 1..=10)?.unwrap_or(3);
    let address = net::lookup(host, time::after(NAME_PATIENCE)).about(host)?;
    println!("the way to {host} ({address}), {most} hops at most");
    for hops in 1..=most {
        print!("{hops:>3} ");
        let mut named = None;
        let mut there = false;
        for _ in 0..probes {
            let (from, ns) = match net::probe(address, hops, time::after(PATIENCE)) {
                Ok(Ok(pong)) => {
                    there = true;
                    (pong.address, pong.time_ns)
                }
                Ok(Err(hop)) => (hop.address, hop.time_ns),
                Err(Error::TimedOut) => {
                    print!(" *");
                    continue;
                }
                Err(error) => {
                    println!(" {}", error.text());
                    return Err(Failure::about(host, error));
                }
            };
            if named.replace(from) != Some(from) {
                print!(" {from}");
            }
            print!("  {}", Ms(ns));
        }
        println!("");
        if there {
            return Ok(Status::OK);
        }
    }
    Err(Failure::new(Error::TimedOut, alloc::format!("{host}: not reached within {most} hops")))
}
