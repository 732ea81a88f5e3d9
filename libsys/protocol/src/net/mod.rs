//! `net`: sockets by capability. A session's object 0 is the network, narrowed by the binding (`tcp 10.0.2.2:8443`).
//!
//! A connected socket has two byte rings (`contracts.md` §5) in a Memory of the session's pool: the client produces into the
//! first, netd into the second. They are attached at the first byte ([`Request::Rings`]). With TLS they carry plain text.
//!
//! ```text
//!  Connect ─► Connecting ─► (Handshaking) ─► Connected ─► Rings ─► bytes … Shutdown ─► Closed
//!  Listen ─► Accept … each answers a connected socket        any of them ─► Failed (State says why)
//! ```
//!
//! netd rings the session's doorbell at every change of any of its sockets; `State`, or the rings, tell which.

use serde::{Deserialize, Serialize};

use crate::{
    Id, Idempotent, List, Protocol, Text,
    flags::flags,
    session::{Attach, Attached, Data, Room, sessions},
};

mod address;
mod state;
mod tls;

pub use address::{Address, Endpoint};
pub use state::{
    ConnectionState, Counter, Failure, Interface, Neighbour, Origin, Peer, Route, SocketInfo, SocketState, Step,
    Transport,
};
pub use tls::{SystemRoots, TlsClient, TlsServer, Verify};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "net";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}
sessions!(Service, Request, Reply);

/// Bytes of a host name.
pub const MAX_HOST: usize = 253;
/// The smallest ring of a socket.
pub const MIN_RING: u32 = 16 << 10;
/// The largest ring of a socket.
pub const MAX_RING: u32 = 1 << 20;

/// A host name, or an address in text.
pub type Host = Text<MAX_HOST>;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remote {
    /// An address.
    Endpoint(Endpoint),
    /// A name, resolved by netd, and a port.
    Name(Host, u16),
}

/// What clients send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The session's shared memory; see [`Attach`]. Not idempotent.
    Attach(Attach),
    /// Closes an object: a connection in order (FIN), a listener at once. Not idempotent.
    Close {
        /// The object.
        id: Id,
    },
    /// A handle to a new session with this object as id 0: `Done` with it. Not idempotent.
    Share {
        /// The object.
        id: Id,
    },
    /// Opens a TCP connection: `Opened` at once; `State` tells how it goes on. Not idempotent.
    Connect {
        /// Where to.
        remote: Remote,
        /// TLS, or plain.
        tls: Option<TlsClient>,
        /// When to give up, ns since boot: `TimedOut`. `u64::MAX` leaves it to TCP.
        deadline: u64,
    },
    /// Listens: `Opened`. `AddressInUse`. Not idempotent.
    Listen {
        /// Address and port.
        local: Endpoint,
        /// Connections that wait to be accepted, 1–128.
        backlog: u16,
        /// TLS, or plain.
        tls: Option<TlsServer>,
    },
    /// Takes a connection of a listener: `Accepted`. May wait; `TimedOut` at the deadline. Not idempotent.
    Accept {
        /// The listener.
        id: Id,
        /// ns since boot; 0 polls.
        deadline: u64,
    },
    /// Gives a connected socket its rings: `Rings` with their Memory, made in the session's pool. Not idempotent.
    Rings {
        /// The connection.
        id: Id,
        /// Bytes of each ring, a power of two from [`MIN_RING`] to [`MAX_RING`].
        size: u32,
    },
    /// Waits until a connection is what the client waits for, or failed: `State`. `TimedOut`. Idempotent.
    Wait {
        /// The connection.
        id: Id,
        /// What for.
        event: Event,
        /// ns since boot; 0 polls.
        deadline: u64,
    },
    /// Says that no more bytes will come (FIN, close_notify) once the ring is empty: `Done`. Idempotent.
    Shutdown {
        /// The connection.
        id: Id,
    },
    /// How a socket is: `State`. Idempotent.
    State {
        /// The socket.
        id: Id,
    },
    /// The certificate a TLS peer showed: `Peer`. `NotFound` without TLS. Idempotent.
    Peer {
        /// The connection.
        id: Id,
    },
    /// Sets an option: `Done`. Idempotent.
    SetOption {
        /// The socket.
        id: Id,
        /// Which and how.
        option: SocketOption,
    },
    /// Binds a UDP socket: `Opened`. `AddressInUse`. Not idempotent.
    Bind {
        /// Address and port.
        local: Endpoint,
    },
    /// Sends a datagram: `Done`. Not idempotent.
    SendTo {
        /// The socket.
        id: Id,
        /// Where to.
        remote: Endpoint,
        /// What.
        data: Data,
    },
    /// Receives a datagram: `Datagram`. May wait. What does not fit is cut. Not idempotent.
    Receive {
        /// The socket.
        id: Id,
        /// Where to.
        room: Room,
        /// ns since boot; 0 polls.
        deadline: u64,
    },
    /// Addresses of a name: `Addresses`. May wait; `NameUnknown`, `TimedOut`. Idempotent.
    Resolve {
        /// The name.
        name: Host,
        /// What for.
        kind: RecordKind,
        /// Another server than the configured ones.
        server: Option<Endpoint>,
        /// ns since boot.
        deadline: u64,
    },
    /// Sends an echo request and waits: `Pong`. `TimedOut`, `NoRoute`. Idempotent.
    Ping {
        /// Whom.
        address: Address,
        /// Which.
        sequence: u16,
        /// Bytes of payload, ≤ 1,472.
        size: u16,
        /// ns since boot.
        deadline: u64,
    },
    /// Interfaces: `Interfaces`. Idempotent.
    Interfaces,
    /// Configures an interface. Right of the binding (`admin`). Idempotent.
    Configure {
        /// Its name.
        name: Text<16>,
        /// How.
        setting: Setting,
    },
    /// Sockets of the whole stack from the `skip`-th on: `Sockets`. Idempotent.
    Sockets {
        /// Sockets to skip.
        skip: u16,
    },
    /// Counters from the `skip`-th on: `Counters`. Idempotent.
    Counters {
        /// Counters to skip.
        skip: u16,
    },
    /// Neighbours (ARP): `Neighbours`. Idempotent.
    Neighbours {
        /// Entries to skip.
        skip: u16,
    },
    /// Routes: `Routes`. Idempotent.
    Routes,
    /// Sends an echo request that may reach so many hosts, the last one included, and waits: `Pong` from the address itself, `Hop`
    /// from the router where it ended. `TimedOut`, `NoRoute`. Idempotent.
    Probe {
        /// Whom.
        address: Address,
        /// From 1 on.
        hops: u8,
        /// ns since boot.
        deadline: u64,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        let about_one = matches!(self, Wait { .. } | Shutdown { .. } | State { .. } | Peer { .. } | SetOption { .. });
        let about_all = matches!(self, Interfaces | Configure { .. } | Sockets { .. } | Counters { .. } | Routes);
        about_one || about_all || matches!(self, Resolve { .. } | Ping { .. } | Probe { .. } | Neighbours { .. })
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The connection is up (with TLS: the handshake is done), or failed.
    Connected,
    /// The connection is over.
    Closed,
}

/// Socket options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketOption {
    /// Send small segments at once.
    NoDelay(Switch),
    /// Probe idle connections after so many seconds; 0 never.
    KeepAlive(u32),
    /// Give up unacknowledged data after so many ms; 0 by TCP's rules.
    UserTimeout(u32),
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

/// Kinds of DNS records asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordKind {
    /// Addresses of version 4.
    A,
    /// Addresses of version 6.
    Aaaa,
    /// The name of an address.
    Pointer,
}

/// How an interface is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// Up, down.
    Link(Switch),
    /// By DHCP.
    Dhcp,
    /// Fixed: address, prefix length, gateway.
    Fixed(Address, u8, Option<Address>),
}

/// What netd answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// See [`Attach`].
    Attached(Attached),
    /// It is done.
    Done,
    /// A socket.
    Opened {
        /// To name it by.
        id: Id,
        /// Its own address and port, as far as known.
        local: Endpoint,
    },
    /// A connection came.
    Accepted {
        /// The new socket.
        id: Id,
        /// From whom.
        remote: Endpoint,
    },
    /// Where the rings lie in the Memory that comes with it: each a header page and its data. The client produces into the
    /// first.
    Rings {
        /// Bytes of each ring.
        size: u32,
        /// Offset of the sending ring's header.
        send: u32,
        /// Offset of the receiving ring's header.
        receive: u32,
        /// Pages of the Memory.
        pages: u32,
    },
    /// How a socket is.
    State(SocketState),
    /// A TLS peer.
    Peer(Peer),
    /// A datagram.
    Datagram {
        /// From whom.
        remote: Endpoint,
        /// What.
        data: Data,
        /// Its whole length.
        length: u32,
    },
    /// What a name resolves to.
    Addresses {
        /// The addresses, best first.
        addresses: List<Address, 16>,
        /// The canonical name, or that of `Pointer`.
        name: Host,
        /// Seconds it holds.
        ttl: u32,
        /// Who said so.
        server: Endpoint,
    },
    /// An echo came back.
    Pong {
        /// From whom.
        address: Address,
        /// ns it took.
        time_ns: u64,
        /// Its time to live.
        ttl: u8,
        /// Bytes of payload.
        size: u16,
    },
    /// Interfaces.
    Interfaces(List<Interface, 8>),
    /// Sockets; fewer than 32 is the end.
    Sockets(List<SocketInfo, 32>),
    /// Counters; fewer than 48 is the end.
    Counters(List<Counter, 48>),
    /// Neighbours; fewer than 48 is the end.
    Neighbours(List<Neighbour, 48>),
    /// Routes.
    Routes(List<Route, 16>),
    /// A router dropped the echo request, for its hops had ended.
    Hop {
        /// The router.
        address: Address,
        /// ns it took.
        time_ns: u64,
    },
}

flags! {
    /// What a binding of the network allows; netd makes it from the narrowings.
    pub struct Rights: u8 {
        /// Connect and resolve.
        const CONNECT = 1;
        /// Listen and bind.
        const LISTEN = 2;
        /// Ping.
        const PING = 4;
        /// See the stack's state.
        const LIST = 8;
        /// Configure interfaces.
        const ADMIN = 16;
    }
}
