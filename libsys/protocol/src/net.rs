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

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Bytes, Error, Id, Idempotent, List, Protocol, Text,
    flags::flags,
    session::{Attach, Attached, Data, Room, Span, sessions},
};

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

/// An IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Address {
    /// Version 4.
    V4([u8; 4]),
    /// Version 6.
    V6([u8; 16]),
}

impl Address {
    /// Any address, version 4.
    pub const ANY: Address = Address::V4([0; 4]);
}

impl From<core::net::IpAddr> for Address {
    fn from(address: core::net::IpAddr) -> Address {
        match address {
            core::net::IpAddr::V4(v4) => Address::V4(v4.octets()),
            core::net::IpAddr::V6(v6) => Address::V6(v6.octets()),
        }
    }
}

impl From<Address> for core::net::IpAddr {
    fn from(address: Address) -> core::net::IpAddr {
        match address {
            Address::V4(octets) => octets.into(),
            Address::V6(octets) => octets.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::net::IpAddr::from(*self).fmt(f)
    }
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The port, 0 for any.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::net::SocketAddr::new(self.address.into(), self.port).fmt(f)
    }
}

impl<A: Into<core::net::IpAddr>> From<(A, u16)> for Endpoint {
    fn from((address, port): (A, u16)) -> Endpoint {
        Endpoint { address: address.into().into(), port }
    }
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remote {
    /// An address.
    Endpoint(Endpoint),
    /// A name, resolved by netd, and a port.
    Name(Host, u16),
}

/// TLS for a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsClient {
    /// The name the certificate must have.
    pub server_name: Host,
    /// Further roots: certificates in PEM or DER, in the window at the time of the request; empty for none.
    pub roots: Span,
    /// Whether SYS:certs counts as well.
    pub system_roots: SystemRoots,
    /// Application protocols in order of preference (`http/1.1`).
    pub alpn: List<Text<32>, 4>,
    /// What is demanded of the certificate.
    pub verify: Verify,
}

/// Whether the system's roots count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemRoots {
    /// They do.
    #[default]
    Used,
    /// Only those given.
    Ignored,
}

/// What is demanded of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verify {
    /// Chain, name and dates.
    #[default]
    Full,
    /// Nothing: `INSECURE`, for looking at a server, never a default.
    Nothing,
}

/// TLS for a listener: both in PEM, in the window at the time of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsServer {
    /// The certificate chain, the server's own first.
    pub chain: Span,
    /// Its private key.
    pub key: Span,
    /// Application protocols.
    pub alpn: List<Text<32>, 4>,
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
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        let about_one = matches!(self, Wait { .. } | Shutdown { .. } | State { .. } | Peer { .. } | SetOption { .. });
        let about_all = matches!(self, Interfaces | Configure { .. } | Sockets { .. } | Counters { .. } | Routes);
        about_one || about_all || matches!(self, Resolve { .. } | Ping { .. } | Neighbours { .. })
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
}

/// How a connection is, in the words of RFC 9293 with what goes before and beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "RFC 9293 §3.3.2 has the texts")]
pub enum ConnectionState {
    /// The name is being resolved.
    Resolving,
    Listen,
    SynSent,
    SynReceived,
    /// TCP is up, TLS is not yet.
    Handshaking,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
    /// A UDP socket.
    Datagram,
}

/// How a socket is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketState {
    /// How its connection is.
    pub state: ConnectionState,
    /// Its own end.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Connections that wait to be accepted.
    pub waiting: u16,
    /// Rings are attached.
    pub rings: Switch,
}

/// Why a connection failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// At which step.
    pub step: Step,
    /// The error.
    pub error: Error,
    /// For people: `certificate expired on 2026-01-01`.
    pub detail: Text<160>,
}

/// The steps of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Finding the address.
    Name,
    /// TCP.
    Connect,
    /// TLS.
    Tls,
    /// Once it was up.
    Transfer,
}

/// A TLS peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// `TLS 1.3`.
    pub version: Text<16>,
    /// The cipher suite.
    pub suite: Text<48>,
    /// The application protocol agreed on, or empty.
    pub alpn: Text<32>,
    /// The certificate's subject: its common name, or first alternative name.
    pub subject: Text<128>,
    /// Its issuer.
    pub issuer: Text<128>,
    /// Valid from, seconds since 1970.
    pub not_before: i64,
    /// Valid to.
    pub not_after: i64,
    /// Whether the session was resumed.
    pub resumed: Switch,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `net0`.
    pub name: Text<16>,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Whether the link is up.
    pub link: Switch,
    /// Largest packet.
    pub mtu: u16,
    /// Address and prefix length, if it has one.
    pub address: Option<(Address, u8)>,
    /// The gateway.
    pub gateway: Option<Address>,
    /// Name servers.
    pub dns: List<Address, 4>,
    /// Where the address comes from.
    pub origin: Origin,
    /// Seconds the lease lasts.
    pub lease: u32,
    /// Packets and bytes received, then sent, then packets dropped.
    pub traffic: [u64; 5],
}

/// Where an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// There is none.
    None,
    /// DHCP is asking.
    DhcpPending,
    /// DHCP.
    Dhcp,
    /// Set by hand.
    Fixed,
}

/// A socket in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketInfo {
    /// TCP or UDP.
    pub transport: Transport,
    /// How it is.
    pub state: ConnectionState,
    /// Its own end.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
    /// Bytes to send, bytes to read.
    pub queued: [u32; 2],
    /// Retransmitted segments.
    pub retransmits: u32,
    /// The process it belongs to.
    pub process: u32,
}

/// A transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What is counted: `tcp.retransmits`.
    pub name: Text<40>,
    /// How many.
    pub value: u64,
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its address.
    pub address: Address,
    /// Its hardware address, if it answered.
    pub mac: Option<[u8; 6]>,
    /// Seconds since it was last confirmed.
    pub age: u32,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to: address and prefix length.
    pub destination: (Address, u8),
    /// By whom, or direct.
    pub gateway: Option<Address>,
    /// Through which interface.
    pub interface: Text<16>,
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

/// Bytes of a small block of data, for clients that copy.
pub type Small = Bytes<{ crate::session::INLINE }>;
