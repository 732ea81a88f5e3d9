//! What a session may do.
//!
//! A binding carries narrowings, texts that only netd reads. Each is a list of clauses with commas between; what no clause
//! of it allows is refused, so that each narrowing can only shrink what the ones before it left:
//!
//! ```text
//! tcp                  connect anywhere        listen           listen at any port
//! tcp HOST:PORT        there alone             listen PORT      at this one
//! tcp HOST:*  tcp *:PORT                       udp              datagrams
//! resolve              names                   ping             echo requests
//! list                 the stack's state       admin            addresses of interfaces
//! ```
//!
//! HOST is an address or a name; a name allows connecting by that name, whatever it resolves to.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use protocol::Error;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Connect by TCP.
    Connect(Where<'a>, u16),
    /// Listen at a port; 0 is any.
    Listen(u16),
    /// Send and receive datagrams.
    Udp,
    /// Ask for a name's addresses.
    Resolve,
    /// Send an echo request.
    Ping,
    /// See the stack's state.
    List,
    /// Configure interfaces.
    Admin,
}

/// The other end as it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where<'a> {
    /// By address.
    Address(IpAddr),
    /// By name.
    Name(&'a str),
}

/// What a session may do: everything, less what its narrowings leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit(Vec<Vec<Clause>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Clause {
    Tcp(Host, Option<u16>),
    Listen(Option<u16>),
    Udp,
    Resolve,
    Ping,
    List,
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Address(IpAddr),
    Name(String),
}

impl Permit {
    /// From a binding's narrowings. A text that is none is [`Error::BadArgument`]: it is never taken for "everything".
    pub fn new<T: AsRef<str>>(narrowings: &[T]) -> Result<Permit, Error> {
        let layer = |text: &T| text.as_ref().split(',').map(clause).collect::<Option<Vec<Clause>>>();
        narrowings.iter().map(layer).collect::<Option<_>>().map(Permit).ok_or(Error::BadArgument)
    }

    /// [`Error::Denied`] unless every narrowing allows it.
    pub fn check(&self, action: Action<'_>) -> Result<(), Error> {
        let allowed = self.0.iter().all(|layer| layer.iter().any(|clause| clause.allows(action)));
        if allowed { Ok(()) } else { Err(Error::Denied) }
    }
}

impl Clause {
    fn allows(&self, action: Action<'_>) -> bool {
        match (self, action) {
            (Clause::Tcp(host, port), Action::Connect(to, at)) => host.is(to) && port.is_none_or(|port| port == at),
            (Clause::Listen(port), Action::Listen(at)) => port.is_none_or(|port| port == at),
            (Clause::Udp, Action::Udp) | (Clause::Resolve, Action::Resolve) | (Clause::Ping, Action::Ping) => true,
            (Clause::List, Action::List) | (Clause::Admin, Action::Admin) => true,
            _ => false,
        }
    }
}

impl Host {
    fn is(&self, to: Where<'_>) -> bool {
        match (self, to) {
            (Host::Any, _) => true,
            (Host::Address(host), Where::Address(to)) => *host == to,
            (Host::Name(host), Where::Name(to)) => host.eq_ignore_ascii_case(to),
            _ => false,
        }
    }
}

fn clause(text: &str) -> Option<Clause> {
    let mut words = text.split_ascii_whitespace();
    let (kind, rest) = (words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    Some(match (kind, rest) {
        ("tcp", None) => Clause::Tcp(Host::Any, None),
        ("tcp", Some(place)) => {
            let (host, port) = place.rsplit_once(':')?;
            Clause::Tcp(self::host(host)?, self::port(port)?)
        }
        ("listen", None) => Clause::Listen(None),
        ("listen", Some(at)) => Clause::Listen(port(at)?),
        ("udp", None) => Clause::Udp,
        ("resolve", None) => Clause::Resolve,
        ("ping", None) => Clause::Ping,
        ("list", None) => Clause::List,
        ("admin", None) => Clause::Admin,
        _ => return None,
    })
}

fn host(text: &str) -> Option<Host> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match (text, bare.parse()) {
        ("", _) => None,
        ("*", _) => Some(Host::Any),
        (_, Ok(address)) => Some(Host::Address(address)),
        _ => Some(Host::Name(text.into())),
    }
}

/// `Some(None)` is any port.
fn port(text: &str) -> Option<Option<u16>> {
    match text {
        "*" => Some(None),
        text => text.parse().ok().filter(|port| *port != 0).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(octets: [u8; 4]) -> Where<'static> {
        Where::Address(octets.into())
    }

    const HOME: [u8; 4] = [10, 0, 2, 2];

    #[test]
    fn without_narrowings_everything_is_allowed() {
        let all = Permit::default();
        for action in [Action::Connect(at(HOME), 1), Action::Listen(0), Action::Udp, Action::Admin, Action::List] {
            assert_eq!(all.check(action), Ok(()));
        }
    }

    #[test]
    fn a_host_and_port_allow_that_alone() {
        let permit = Permit::new(&["tcp 10.0.2.2:8443"]).unwrap();
        assert_eq!(permit.check(Action::Connect(at(HOME), 8443)), Ok(()));
        assert_eq!(permit.check(Action::Connect(at(HOME), 8444)), Err(Error::Denied));
        assert_eq!(permit.check(Action::Connect(at([10, 0, 2, 3]), 8443)), Err(Error::Denied));
        assert_eq!(permit.check(Action::Connect(Where::Name("10.0.2.2"), 8443)), Err(Error::Denied));
        for action in [Action::Listen(8443), Action::Udp, Action::Resolve, Action::Ping, Action::List, Action::Admin] {
            assert_eq!(permit.check(action), Err(Error::Denied));
        }
    }

    #[test]
    fn names_and_wildcards() {
        let permit = Permit::new(&["tcp Example.test:443, tcp *:80, resolve"]).unwrap();
        assert_eq!(permit.check(Action::Connect(Where::Name("example.TEST"), 443)), Ok(()));
        assert_eq!(permit.check(Action::Connect(at(HOME), 443)), Err(Error::Denied));
        assert_eq!(permit.check(Action::Connect(at(HOME), 80)), Ok(()));
        assert_eq!(permit.check(Action::Resolve), Ok(()));
    }

    #[test]
    fn each_further_narrowing_shrinks() {
        let permit = Permit::new(&["tcp, listen 80", "tcp *:443, listen"]).unwrap();
        assert_eq!(permit.check(Action::Listen(80)), Ok(()));
        assert_eq!(permit.check(Action::Listen(81)), Err(Error::Denied));
        assert_eq!(permit.check(Action::Listen(0)), Err(Error::Denied));
        assert_eq!(permit.check(Action::Connect(at(HOME), 443)), Ok(()));
        assert_eq!(permit.check(Action::Connect(at(HOME), 80)), Err(Error::Denied));
        assert_eq!(Permit::new(&["listen 80", "tcp"]).unwrap().check(Action::Listen(80)), Err(Error::Denied));
    }

    #[test]
    fn what_is_no_narrowing_is_refused() {
        for text in
            ["", "everything", "tcp 10.0.2.2", "tcp :80", "tcp a:b", "tcp a:0", "listen x", "udp 5", "tcp a:1 b"]
        {
            assert_eq!(Permit::new(&[text]), Err(Error::BadArgument), "{text}");
        }
    }
}
