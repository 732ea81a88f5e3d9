//! A client's tickets, so that the next connection to a server needs no certificates and half the arithmetic.
//!
//! Bounded: so many servers, so many tickets each; the server longest unused is forgotten first. The store belongs to one
//! configuration, because a resumed session inherits the trust of the one before it.
//!
//! The lock is only ever tried. netd's threads have different priorities, and on one core a high thread that spins for a
//! low one waits for ever. A store that is busy remembers nothing, which costs a full handshake.

use alloc::{collections::VecDeque, vec::Vec};
use core::fmt;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use spin::Mutex;

const TICKETS_A_SERVER: usize = 4;

pub(crate) struct Sessions {
    capacity: usize,
    /// Most recently used last.
    servers: Mutex<Vec<Known>>,
}

struct Known {
    name: ServerName<'static>,
    group: Option<NamedGroup>,
    tickets: VecDeque<Tls13ClientSessionValue>,
}

impl Sessions {
    /// A store for `capacity` servers; 0 remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, servers: Mutex::new(Vec::new()) }
    }

    /// Gives the server's entry, made if need be and moved to the end, to `change`.
    fn with_entry(&self, name: ServerName<'static>, change: impl FnOnce(&mut Known)) {
        let Some(mut servers) = self.servers.try_lock() else { return };
        if self.capacity == 0 {
            return;
        }
        let mut entry = match servers.iter().position(|s| s.name == name) {
            Some(at) => servers.remove(at),
            None => Known { name, group: None, tickets: VecDeque::new() },
        };
        if servers.len() >= self.capacity {
            servers.remove(0);
        }
        change(&mut entry);
        servers.push(entry);
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions(at most {})", self.capacity)
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.with_entry(server, |entry| entry.group = Some(group));
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.servers.try_lock()?.iter().find(|s| s.name == *server)?.group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.with_entry(server, |entry| {
            if entry.tickets.len() == TICKETS_A_SERVER {
                entry.tickets.pop_front();
            }
            entry.tickets.push_back(ticket);
        });
    }

    /// The newest; each only once (RFC 8446 appendix C.4).
    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.servers.try_lock()?.iter_mut().find(|s| s.name == *server)?.tickets.pop_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServerName<'static> {
        ServerName::try_from(text).unwrap().to_owned()
    }

    #[test]
    fn the_server_longest_unused_is_forgotten_first() {
        let store = Sessions::new(2);
        store.set_kx_hint(name("a.test"), NamedGroup::X25519);
        store.set_kx_hint(name("b.test"), NamedGroup::secp256r1);
        store.set_kx_hint(name("a.test"), NamedGroup::secp384r1);
        store.set_kx_hint(name("c.test"), NamedGroup::X25519);
        assert_eq!(store.kx_hint(&name("a.test")), Some(NamedGroup::secp384r1));
        assert_eq!(store.kx_hint(&name("b.test")), None);
        assert_eq!(store.kx_hint(&name("c.test")), Some(NamedGroup::X25519));
    }

    #[test]
    fn a_busy_store_knows_nothing_and_waits_for_nobody() {
        let store = Sessions::new(2);
        store.set_kx_hint(name("a.test"), NamedGroup::X25519);
        let _held = store.servers.lock();
        assert_eq!(store.kx_hint(&name("a.test")), None);
        store.set_kx_hint(name("b.test"), NamedGroup::X25519);
    }
}
