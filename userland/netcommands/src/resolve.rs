//! RESOLVE.

use command::{About, Failure, Outcome};
use libsys::{
    Error, Status,
    net::{self, Endpoint, RecordKind},
    println, time,
};
use readargs::Args;

/// RESOLVE.
pub fn resolve(args: &Args) -> Outcome {
    let name = args.string_or("NAME", "");
    let kind = match args.string_or("TYPE", "A") {
        text if text.eq_ignore_ascii_case("A") => RecordKind::A,
        text if text.eq_ignore_ascii_case("AAAA") => RecordKind::Aaaa,
        text => {
            return Err(Failure::new(Error::BadArgument, alloc::format!("{text}: not a type; A and AAAA are known")));
        }
    };
    let server = match args.string("SERVER") {
        None => None,
        Some(text) => {
            let address: core::net::IpAddr =
                text.parse().map_err(|_| Failure::new(Error::BadArgument, alloc::format!("{text}: not an address")))?;
            Some(Endpoint::from((address, 53)))
        }
    };
    let resolved = net::resolve(name, kind, server, time::after(15 * time::SECOND)).about(name)?;
    for address in &resolved.addresses {
        println!("{address}");
    }
    Ok(Status::OK)
}
