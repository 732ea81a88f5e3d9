//! The network: connections, datagrams, names, and the stack's state.
//!
//! A [`Network`] is a session with netd. When netd died, its connections are gone ([`Error::ServerDied`]); questions are asked
//! again.

mod tasks;
mod tcp;
mod udp;

use alloc::{string::String, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

pub use protocol::net::{
    Address, ConnectionState, Counter, Endpoint, Failure, Interface, Neighbour, Origin, Peer, RecordKind, Remote,
    Route, Setting, SocketInfo, SocketOption, SocketState, Step, Switch, SystemRoots, Transport, Verify,
};
use protocol::{
    Error, Id, Idempotent, Text,
    net::{Host, Reply, Request, Service},
    session::{Attach, MAX_WINDOW, MIN_WINDOW, Span},
};
pub use tcp::{TcpListener, TcpStream, Tls, TlsIdentity};
pub use udp::UdpSocket;

use crate::{
    Channel, Handles, Mutex, Pool,
    names::{self, NameSpace, bits},
    pieces, server,
    window::ClientSide,
};

/// The name that the network is bound to.
pub const NAME: &str = "net";

/// A session with netd.
#[derive(Debug)]
pub struct Network {
    channel: Channel<Service>,
    side: ClientSide,
    /// Held while the window is in use.
    window: Mutex<()>,
    dead: AtomicBool,
}

/// What a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Addresses, best first.
    pub addresses: Vec<Address>,
    /// The canonical name.
    pub name: String,
    /// Seconds it holds.
    pub ttl: u32,
    /// Who said so.
    pub server: Endpoint,
}

/// An echo that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong {
    /// From whom.
    pub address: Address,
    /// ns it took.
    pub time_ns: u64,
    /// Its time to live.
    pub ttl: u8,
    /// Bytes of payload.
    pub size: u16,
}

/// A router on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its address.
    pub address: Address,
    /// ns until it answered.
    pub time_ns: u64,
}

impl Network {
    /// Opens the name `net` with a window of 64 KiB.
    pub fn open() -> Result<Arc<Network>, Error> {
        Network::open_with(MIN_WINDOW as usize)
    }

    /// Opens it with a window that holds so many bytes at least: certificates, or large datagrams.
    pub fn open_with(window: usize) -> Result<Arc<Network>, Error> {
        if window > MAX_WINDOW as usize {
            return Err(Error::Limit);
        }
        let window = (window as u32).max(MIN_WINDOW).next_multiple_of(4096);
        let channel = names::open(NAME)?;
        let request = Attach { window, slots: 0 };
        let side = ClientSide::attach(&channel, request, &Pool::own()?, bits::take_pair(), 0)?;
        Ok(Arc::new(Network { channel, side, window: Mutex::new(()), dead: AtomicBool::new(false) }))
    }

    /// The bits that netd rings at every change of any socket of this session: for event loops.
    pub fn pair(&self) -> bits::Pair {
        self.side.pair
    }

    /// To be told that the gone bit came, by who waits for bits elsewhere.
    pub fn note_bits(&self, came: u64) {
        if came & self.side.pair.gone != 0 {
            self.dead.store(true, Ordering::Relaxed);
        }
    }

    /// Whether netd is gone, and with it all sockets of this session.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Waits for something to happen, until the deadline: [`Error::TimedOut`]. Bits of `also` end the wait as well.
    fn wait(&self, deadline: u64, also: u64) -> Result<u64, Error> {
        if self.is_dead() {
            return Err(Error::ServerDied);
        }
        let came = server::wait_bits(self.side.pair.mask() | also, deadline);
        self.note_bits(came);
        if came == 0 { Err(Error::TimedOut) } else { Ok(came) }
    }

    fn ask(&self, request: &Request) -> Result<Reply, Error> {
        self.channel.call(request)
    }

    fn ask_with(&self, request: &Request, handles: Handles) -> Result<(Reply, Handles), Error> {
        self.channel.call_with(request, handles)
    }

    fn done(&self, request: &Request) -> Result<(), Error> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(Error::Protocol),
        }
    }

    /// Puts several byte strings into the window, one after the other, and runs a request that names them.
    fn with_window<T, const N: usize>(
        &self,
        parts: [&[u8]; N],
        run: impl FnOnce([Span; N]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _turn = self.window.lock();
        let mut spans = [Span::default(); N];
        let mut offset = 0_u32;
        for (span, part) in spans.iter_mut().zip(parts) {
            let length = u32::try_from(part.len()).map_err(|_| Error::Limit)?;
            let place = Span { offset, length };
            *span = place.within(self.side.window.size()).map_err(|_| Error::Limit)?;
            self.side.window.write(offset, part)?;
            offset += length;
        }
        run(spans)
    }

    fn close(&self, id: Id) {
        let _ = self.ask(&Request::Close { id });
    }
}

/// Asks a session of its own; what may be repeated is, if netd died meanwhile.
fn ask(request: &Request) -> Result<Reply, Error> {
    let mut tries = 0;
    loop {
        let channel: Channel<Service> = NameSpace::own().open(NAME)?;
        match channel.call(request) {
            Err(Error::ServerDied) if tries < names::RETRIES && request.idempotent() => tries += 1,
            result => return result,
        }
    }
}

/// Addresses of a name. `deadline` is in ns since boot.
pub fn resolve(name: &str, kind: RecordKind, server: Option<Endpoint>, deadline: u64) -> Result<Resolved, Error> {
    match ask(&Request::Resolve { name: host(name)?, kind, server, deadline })? {
        Reply::Addresses { addresses, name, ttl, server } => {
            Ok(Resolved { addresses: addresses.into_vec(), name: name.into_string(), ttl, server })
        }
        _ => Err(Error::Protocol),
    }
}

/// An address from its text, or the first one of a name.
pub fn lookup(host: &str, deadline: u64) -> Result<Address, Error> {
    if let Ok(address) = host.parse::<core::net::IpAddr>() {
        return Ok(address.into());
    }
    let resolved = resolve(host, RecordKind::A, None, deadline)?;
    resolved.addresses.first().copied().ok_or(Error::NameUnknown)
}

/// Sends an echo request and waits for the answer. `deadline` is in ns since boot.
pub fn ping(address: Address, sequence: u16, size: u16, deadline: u64) -> Result<Pong, Error> {
    match ask(&Request::Ping { address, sequence, size, deadline })? {
        Reply::Pong { address, time_ns, ttl, size } => Ok(Pong { address, time_ns, ttl, size }),
        _ => Err(Error::Protocol),
    }
}

/// Asks who stands so many hops away on the way to an address: `Ok(Err(router))`, or the host itself. `deadline` is in ns since
/// boot.
pub fn probe(address: Address, hops: u8, deadline: u64) -> Result<Result<Pong, Hop>, Error> {
    match ask(&Request::Probe { address, hops, deadline })? {
        Reply::Pong { address, time_ns, ttl, size } => Ok(Ok(Pong { address, time_ns, ttl, size })),
        Reply::Hop { address, time_ns } => Ok(Err(Hop { address, time_ns })),
        _ => Err(Error::Protocol),
    }
}

/// All interfaces.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    match ask(&Request::Interfaces)? {
        Reply::Interfaces(all) => Ok(all.into_vec()),
        _ => Err(Error::Protocol),
    }
}

/// Configures an interface.
pub fn configure(name: &str, setting: Setting) -> Result<(), Error> {
    ask(&Request::Configure { name: Text::try_from(name)?, setting }).map(drop)
}

/// All routes.
pub fn routes() -> Result<Vec<Route>, Error> {
    match ask(&Request::Routes)? {
        Reply::Routes(all) => Ok(all.into_vec()),
        _ => Err(Error::Protocol),
    }
}

/// Lists in pieces.
macro_rules! listed {
    ($(#[$meta:meta])* $name:ident -> $item:ty, $variant:ident) => {
        $(#[$meta])*
        pub fn $name() -> Result<Vec<$item>, Error> {
            pieces::by_place(16_384, |skip| match ask(&Request::$variant { skip })? {
                Reply::$variant(some) => Ok(some),
                _ => Err(Error::Protocol),
            })
        }
    };
}

listed! {
    /// All sockets of the stack.
    sockets -> SocketInfo, Sockets
}
listed! {
    /// The stack's counters.
    counters -> Counter, Counters
}
listed! {
    /// Known neighbours.
    neighbours -> Neighbour, Neighbours
}

fn host(name: &str) -> Result<Host, Error> {
    Text::try_from(name).map_err(|_| Error::NameUnknown)
}
