//! The stack: frames and time in, frames and events out.
//!
//! ```text
//!   receive(frame) --> ethernet -> arp
//!                               -> ipv4 -> reassembly -> icmp, udp, tcp -> sockets --> next_event()
//!   user's calls ------------------------------------------------------> sockets
//!   next_frame(buf) <-- arp, ipv4 <- fragments <- outbox, sockets that are ready
//!   poll(now) / poll_at(): timers
//! ```
//!
//! The caller's loop: give every received frame to [`Stack::receive`]; call [`Stack::poll`] when [`Stack::poll_at`] has
//! passed; after either, and after its own calls, drain [`Stack::next_frame`] and [`Stack::next_event`]. Then sleep
//! until the device, a client or `poll_at` wakes it.
//!
//! * Sockets say that they have something to send by being in the ready queue once; a frame is written straight into the
//!   caller's buffer, so payload is copied once.
//! * Nothing grows without a bound ([`Limits`] and the constants of each module), and nothing panics on any input.
//! * Packets to ourselves never reach the device: they pass a bounded queue inside [`Stack::next_frame`].

mod datagram;
mod receive;
mod receive_icmp;
mod receive_tcp;
mod services;
mod socket;
mod tcp;
mod transmit;

pub use receive_tcp::RESERVED_SOCKETS;
pub use tcp::ListenerStatus;

use crate::addr::{FourTuple, MacAddr};
use crate::arp;
use crate::buffer::Buffers;
use crate::device::Features;
use crate::dhcp;
use crate::dns::{LookupId, Resolver};
use crate::icmp::RateLimit;
use crate::iface::{Iface, Ipv4Config};
use crate::reassembly::Reassembly;
use crate::rng::{Keyed, Map, Rng};
use crate::slab::{Slab, SocketId};
use crate::stats::Counters;
use crate::tcp::isn::IsnGenerator;
use crate::tcp::time_wait::Expiry;
use crate::tcp::{Notices, TcpConfig, TimeWait};
use crate::time::{Instant, earliest};
use crate::wire;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use socket::Entry;
use transmit::Fragmenting;

/// Bounds of the stack's tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sockets of all kinds, half-open and closing connections included.
    pub sockets: usize,
    /// Records of TIME-WAIT.
    pub time_waits: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { sockets: 4096, time_waits: 4096 }
    }
}

/// Where the interface's address comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addressing {
    /// Nowhere yet: only loopback works until [`Stack::set_ipv4`].
    None,
    /// Given.
    Static(Ipv4Config),
    /// From a DHCP server.
    Dhcp,
}

/// What a stack starts from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our Ethernet address.
    pub mac: MacAddr,
    /// Largest IP packet of the link, 576 to 65,535 bytes.
    pub mtu: u16,
    /// Told to the DHCP server; may be empty.
    pub hostname: String,
    /// Our address.
    pub addressing: Addressing,
    /// What the device can do.
    pub features: Features,
    /// Secret key of initial sequence numbers.
    pub isn_key: [u8; 16],
    /// Secret seed of ports, ids and hash maps.
    pub seed: [u8; 16],
    /// Bounds.
    pub limits: Limits,
    /// TCP's constants.
    pub tcp: TcpConfig,
}

impl Config {
    /// A usual configuration: DHCP over Ethernet. `seed` and `isn_key` must be secret and different at each start.
    pub fn new(mac: MacAddr, seed: [u8; 16], isn_key: [u8; 16]) -> Config {
        Config {
            mac,
            mtu: 1500,
            hostname: String::new(),
            addressing: Addressing::Dhcp,
            features: Features::default(),
            isn_key,
            seed,
            limits: Limits::default(),
            tcp: TcpConfig::default(),
        }
    }
}

/// What the caller should hear about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Something changed on a socket; several changes come as one event.
    Socket(SocketId, Notices),
    /// A lookup is done: [`Stack::take_lookup`].
    Resolved(LookupId),
    /// The interface got, changed or lost its address.
    AddressChanged(Option<Ipv4Config>),
    /// Another station uses our address.
    AddressConflict(MacAddr),
}

/// Where segments of a pair of endpoints go.
#[derive(Clone, Copy, Debug)]
enum Target {
    Connection(SocketId),
    TimeWait(TimeWait),
}

/// A TCP/IP stack over one Ethernet interface.
pub struct Stack<B: Buffers> {
    iface: Iface,
    features: Features,
    hostname: String,
    tcp_config: TcpConfig,
    limits: Limits,
    buffers: B,
    rng: Rng,
    isn: IsnGenerator,
    counters: Counters,
    identification: u16,

    neighbours: arp::Cache,
    reassembly: Reassembly,
    icmp_limit: RateLimit,
    dhcp: Option<dhcp::Client>,
    resolver: Resolver,
    /// When we last defended our address against another station.
    defended: Option<Instant>,
    /// When DHCP gave us the address.
    leased_at: Option<Instant>,

    sockets: Slab<Entry<B>>,
    connections: Map<FourTuple, Target>,
    listeners: Map<u16, SocketId>,
    udp_ports: Map<u16, SocketId>,
    ping_idents: Map<u16, SocketId>,
    time_wait_expiry: Expiry,
    timers: BTreeSet<(Instant, SocketId)>,
    ready: VecDeque<SocketId>,

    events: VecDeque<SocketId>,
    address_changed: bool,
    conflict: Option<MacAddr>,

    arp_out: VecDeque<(MacAddr, wire::arp::Packet)>,
    outbox: VecDeque<arp::Packet>,
    outbox_bytes: usize,
    loopback: VecDeque<Vec<u8>>,
    loopback_bytes: usize,
    fragmenting: Option<Fragmenting>,
    /// `next_frame` returned before it had done all there was to do.
    unfinished: bool,
}

impl<B: Buffers> Stack<B> {
    /// A stack that makes connections' buffers with `buffers`.
    pub fn new(config: Config, buffers: B) -> Stack<B> {
        let mut rng = Rng::new(config.seed);
        let keyed = Keyed::new(&mut rng);
        let mut stack = Stack {
            iface: Iface { mac: config.mac, mtu: config.mtu.max(576), ipv4: None },
            features: config.features,
            tcp_config: config.tcp,
            limits: config.limits,
            buffers,
            isn: IsnGenerator::new(config.isn_key),
            counters: Counters::default(),
            identification: rng.next_u16(),
            rng,
            neighbours: arp::Cache::default(),
            reassembly: Reassembly::default(),
            icmp_limit: RateLimit::new(),
            dhcp: None,
            resolver: Resolver::default(),
            defended: None,
            leased_at: None,
            sockets: Slab::new(config.limits.sockets),
            connections: Map::with_hasher(keyed.clone()),
            listeners: Map::with_hasher(keyed.clone()),
            udp_ports: Map::with_hasher(keyed.clone()),
            ping_idents: Map::with_hasher(keyed),
            time_wait_expiry: Expiry::default(),
            timers: BTreeSet::new(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            address_changed: false,
            conflict: None,
            arp_out: VecDeque::new(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            loopback: VecDeque::new(),
            loopback_bytes: 0,
            fragmenting: None,
            unfinished: false,
            hostname: config.hostname,
        };
        match config.addressing {
            Addressing::None => {}
            Addressing::Static(ipv4) => stack.set_ipv4(Some(ipv4)),
            Addressing::Dhcp => stack.start_dhcp(),
        }
        stack
    }

    /// The interface.
    pub fn iface(&self) -> &Iface {
        &self.iface
    }

    /// Counters since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Neighbours, for `netstat`.
    pub fn neighbours(&self) -> impl Iterator<Item = arp::Neighbour> + '_ {
        self.neighbours.iter()
    }

    /// What makes the connections' buffers.
    pub fn buffers_mut(&mut self) -> &mut B {
        &mut self.buffers
    }

    /// Acts on everything that is due at `now`. Then drain [`Stack::next_frame`] and [`Stack::next_event`].
    pub fn poll(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            self.socket_timer(now, id);
        }
        self.expire_time_waits(now);
        self.expire_reassembly(now);
    }

    /// When [`Stack::poll`] has to be called, at the latest; it may be a little early. `Instant::ZERO`: at once.
    pub fn poll_at(&self) -> Option<Instant> {
        if self.unfinished {
            return Some(Instant::ZERO);
        }
        let sockets = self.timers.first().map(|(at, _)| *at);
        let tcp = earliest(sockets, self.time_wait_expiry.next());
        let ip = earliest(self.neighbours.poll_at(), self.reassembly.poll_at());
        let dhcp = self.dhcp.as_ref().and_then(dhcp::Client::poll_at);
        earliest(earliest(tcp, ip), earliest(dhcp, self.resolver.poll_at()))
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.address_changed) {
            return Some(Event::AddressChanged(self.iface.ipv4));
        }
        if let Some(mac) = self.conflict.take() {
            return Some(Event::AddressConflict(mac));
        }
        if let Some(id) = self.resolver.next_finished() {
            return Some(Event::Resolved(id));
        }
        while let Some(id) = self.events.pop_front() {
            if let Some(entry) = self.sockets.get_mut(id) {
                return Some(Event::Socket(id, entry.take_notices()));
            }
        }
        None
    }
}
