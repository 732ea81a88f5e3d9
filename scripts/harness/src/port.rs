//! Ports of the host's loopback.
//!
//! Whether one is free is read, not tried: a socket bound to see whether that works listens for a moment, and for longer where
//! another thread starts a child just then, which has it until it executes its program. Who connects to the port meanwhile
//! talks to nobody, and QEMU could not have it.
//!
//! Source: proc(5), `/proc/net/tcp`.

use crate::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// The port that leads to the guest's web server, if it is free.
pub const FIRST: u16 = 8080;
/// How many ports are tried after it.
const TRIES: u16 = 200;
/// A listening socket's state.
const LISTEN: &str = "0A";

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

/// Whether nobody listens on `port` now, at any address of the host.
#[must_use]
pub fn is_free(port: u16) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|table| fs::read_to_string(table).ok());
    !tables.into_iter().any(|table| listening(&table).any(|taken| taken == port))
}

/// The ports on which a table's sockets listen.
fn listening(table: &str) -> impl Iterator<Item = u16> {
    table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next()?, words.nth(1)?);
        let (_, port) = local.rsplit_once(':')?;
        if state == LISTEN { u16::from_str_radix(port, 16).ok() } else { None }
    })
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
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    #[test]
    fn sockets_that_listen_are_told_from_others() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n\
                     0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000\n\
                     1: 0100007F:46B4 0100007F:D431 01 00000000:00000000 00:00000000\n\
                     2: 00000000000000000000000001000000:1F90 0000:0000 0A 00000000:00000000\n";
        assert_eq!(listening(table).collect::<Vec<_>>(), [2024, 8080]);
    }

    #[test]
    fn to_look_at_a_port_opens_none() {
        // None that the host gives to sockets without a port: one of those may connect to itself.
        let port = free_from(22_000).unwrap();
        // Beside a thread that starts children, as QEMUs are started.
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(Command::new("true").status().is_ok());
                }
            });
            for _ in 0..300 {
                let _ = is_free(port);
                let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
                if connected.is_ok() {
                    done.store(true, Ordering::Relaxed);
                }
                assert!(connected.is_err(), "somebody listened");
            }
            done.store(true, Ordering::Relaxed);
        });
    }

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
