//! Ports of the host's loopback.

use crate::Failure;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// The port that leads to the guest's web server, if it is free.
pub const FIRST: u16 = 8080;
/// How many ports are tried after it.
const TRIES: u16 = 200;

/// The ports that this process has chosen, each with a name that only one process of the host can have: between choosing a
/// port and QEMU's listening on it, no other run takes the same.
static CHOSEN: Mutex<BTreeMap<u16, UnixListener>> = Mutex::new(BTreeMap::new());

/// The first free port from `first` on. It is this process's until it ends.
///
/// # Errors
/// All of the tried ones are taken.
pub fn free_from(first: u16) -> Result<u16, Failure> {
    let last = first.saturating_add(TRIES);
    (first..=last)
        .find(|&port| is_free(port) && choose(port))
        .ok_or_else(|| Failure::new(format!("no free port of the host from {first} to {last}")))
}

/// Whether a listener could have `port` now.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Makes the port this process's. False if another has it.
fn choose(port: u16) -> bool {
    let Ok(mut chosen) = CHOSEN.lock() else { return false };
    if chosen.contains_key(&port) {
        return true;
    }
    let Some(name) = claim(port) else { return false };
    chosen.insert(port, name);
    true
}

fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("viaether-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
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

    #[test]
    fn a_chosen_port_is_no_other_processes() {
        let port = free_from(21_000).unwrap();
        assert!(claim(port).is_none(), "another process would find it taken");
        assert_eq!(free_from(port), Ok(port), "it stays this one's");
        let another = claim(port + 1).unwrap();
        assert!(free_from(port + 1).unwrap() > port + 1);
        drop(another);
    }
}
