//! Ports of the host's loopback.

use crate::Failure;
use std::net::{Ipv4Addr, TcpListener};

/// The port that leads to the guest's web server, if it is free.
pub const FIRST: u16 = 8080;
/// How many ports are tried after it.
const TRIES: u16 = 200;

/// The first free port from `first` on.
///
/// # Errors
/// All of the tried ones are taken.
pub fn free_from(first: u16) -> Result<u16, Failure> {
    let last = first.saturating_add(TRIES);
    (first..=last)
        .find(|&port| is_free(port))
        .ok_or_else(|| Failure::new(format!("no free port of the host from {first} to {last}")))
}

/// Whether a listener could have `port` now.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert!(free_from(port).is_ok_and(|next| next > port));
    }
}
