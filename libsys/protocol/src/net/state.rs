//! What the network tells about itself: sockets, peers, interfaces, counters, routes.

use serde::{Deserialize, Serialize};

use super::{Address, Endpoint, Switch};
use crate::{Error, List, Text};

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
