//! The DHCP client (RFC 2131 §4.4).
//!
//! ```text
//!  INIT -- DISCOVER --> SELECTING -- OFFER --> REQUESTING -- ACK --> BOUND
//!   ^                                  NAK |                         | T1
//!   +--------------------------------------+          ACK <------ RENEWING (to the server)
//!   +-- lease over, NAK -- REBINDING (to all) <------------- T2 ------+
//! ```
//!
//! An address is used as soon as it is acknowledged, and probed for by ARP at the same time: a conflict makes the
//! client decline it and begin again (RFC 2131 §3.1 step 5, without the seconds of waiting of RFC 5227).

use crate::addr::{Ipv4Cidr, MacAddr};
use crate::iface::Ipv4Config;
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::wire::dhcp::{Kind, MAX_LEN, Message};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Requests for an offered address before the client begins again.
const MAX_REQUESTS: u32 = 4;
/// Pause after a NAK, so that a confused server isn't asked in a loop.
const NAK_PAUSE: Duration = Duration::from_secs(1);
/// Pause after DECLINE (RFC 2131 §3.1 step 5).
const DECLINE_PAUSE: Duration = Duration::from_secs(10);
/// Shorter leases count as this.
const MIN_LEASE: u32 = 60;
/// Shortest time between two requests for renewal (RFC 2131 §4.4.5).
const MIN_RENEWAL: Duration = Duration::from_secs(60);

/// What the client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send this message from port 68 to port 67.
    Send {
        /// The message.
        bytes: Vec<u8>,
        /// Source address.
        src: Ipv4Addr,
        /// Destination address.
        dst: Ipv4Addr,
    },
    /// The lease is over: the address must not be used any more.
    Lost,
}

/// What a server's message changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The message was not for us, or means nothing now.
    Ignored,
    /// The exchange went on.
    Progress,
    /// A new lease, or an old one prolonged.
    Bound(Ipv4Config),
    /// The server took the address back.
    Lost,
}

/// A state's name, for `ifconfig`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// About to begin.
    Init,
    /// Looking for a server.
    Selecting,
    /// Asking for the offered address.
    Requesting,
    /// The address is ours.
    Bound,
    /// Asking our server to prolong.
    Renewing,
    /// Asking any server to prolong.
    Rebinding,
    /// Given back.
    Released,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lease {
    config: Ipv4Config,
    server: Ipv4Addr,
    t1: Instant,
    t2: Instant,
    expires: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Init,
    Selecting,
    Requesting { address: Ipv4Addr, server: Ipv4Addr },
    Bound(Lease),
    Renewing(Lease),
    Rebinding(Lease),
    Released,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    mac: MacAddr,
    hostname: String,
    state: State,
    xid: u32,
    began: Instant,
    tries: u32,
    next: Instant,
    farewell: Option<(Kind, Ipv4Addr, Ipv4Addr)>,
    /// The address goes once the farewell is sent.
    going: bool,
}

impl Client {
    /// A client that begins at once.
    pub fn new(mac: MacAddr, hostname: &str) -> Client {
        Client {
            mac,
            hostname: String::from(hostname),
            state: State::Init,
            xid: 0,
            began: Instant::ZERO,
            tries: 0,
            next: Instant::ZERO,
            farewell: None,
            going: false,
        }
    }

    /// What the client is doing.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Init => Phase::Init,
            State::Selecting => Phase::Selecting,
            State::Requesting { .. } => Phase::Requesting,
            State::Bound(_) => Phase::Bound,
            State::Renewing(_) => Phase::Renewing,
            State::Rebinding(_) => Phase::Rebinding,
            State::Released => Phase::Released,
        }
    }

    /// End of the lease, if there is one.
    pub fn lease_expires(&self) -> Option<Instant> {
        self.lease().map(|lease| lease.expires)
    }

    fn lease(&self) -> Option<Lease> {
        match self.state {
            State::Bound(lease) | State::Renewing(lease) | State::Rebinding(lease) => Some(lease),
            _ => None,
        }
    }

    /// When [`Client::poll`] has something to do.
    pub fn poll_at(&self) -> Option<Instant> {
        if self.farewell.is_some() || self.going {
            return Some(Instant::ZERO);
        }
        (self.state != State::Released).then_some(self.next)
    }

    /// Does the next thing that is due.
    pub fn poll(&mut self, now: Instant, rng: &mut Rng) -> Option<Action> {
        if let Some((kind, address, server)) = self.farewell.take() {
            return self.send_farewell(kind, address, server);
        }
        if core::mem::take(&mut self.going) {
            return Some(Action::Lost);
        }
        if self.next > now {
            return None;
        }
        match self.state {
            State::Released => None,
            State::Init => {
                self.xid = rng.next_u32();
                self.began = now;
                self.tries = 0;
                self.state = State::Selecting;
                self.send_discover(now, rng)
            }
            State::Selecting => self.send_discover(now, rng),
            State::Requesting { address, server } => {
                if self.tries >= MAX_REQUESTS {
                    self.state = State::Init;
                    return self.poll(now, rng);
                }
                self.back_off(now, rng);
                let mut request = self.message(now, Kind::Request);
                request.requested_ip = Some(address);
                request.server_id = Some(server);
                send(&request, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
            }
            State::Bound(lease) | State::Renewing(lease) | State::Rebinding(lease) => self.prolong(now, rng, lease),
        }
    }

    fn send_discover(&mut self, now: Instant, rng: &mut Rng) -> Option<Action> {
        self.back_off(now, rng);
        send(&self.message(now, Kind::Discover), Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
    }

    /// Renewing, rebinding, and the end of the lease.
    fn prolong(&mut self, now: Instant, rng: &mut Rng, lease: Lease) -> Option<Action> {
        if now >= lease.expires {
            self.state = State::Init;
            self.next = now;
            return Some(Action::Lost);
        }
        if matches!(self.state, State::Bound(_)) {
            self.xid = rng.next_u32();
            self.began = now;
        }
        let (state, deadline, dst) = if now < lease.t2 {
            (State::Renewing(lease), lease.t2, lease.server)
        } else {
            (State::Rebinding(lease), lease.expires, Ipv4Addr::BROADCAST)
        };
        self.state = state;
        self.next = deadline.min(now + MIN_RENEWAL.max(deadline.since(now).scaled(1, 2)));
        let mut request = self.message(now, Kind::Request);
        request.client_ip = lease.config.address.address;
        send(&request, request.client_ip, dst)
    }

    /// 4, 8, 16, 32, 64 seconds, give or take one (RFC 2131 §4.1).
    fn back_off(&mut self, now: Instant, rng: &mut Rng) {
        let base = Duration::from_secs(4 << self.tries.min(4));
        let jitter = Duration::from_micros(u64::from(rng.below(2_000_000)));
        self.next = now + base + jitter - Duration::from_secs(1);
        self.tries += 1;
    }

    fn message(&self, now: Instant, kind: Kind) -> Message<'_> {
        let mut message = Message::new(kind, self.xid, self.mac);
        message.secs = u16::try_from(now.since(self.began).secs()).unwrap_or(u16::MAX);
        message.hostname = &self.hostname;
        message
    }

    /// Takes the payload of a datagram to port 68.
    pub fn receive(&mut self, now: Instant, payload: &[u8]) -> Change {
        let Some(message) = Message::parse(payload) else { return Change::Ignored };
        if message.xid != self.xid || message.client_mac != self.mac {
            return Change::Ignored;
        }
        match (self.state, message.kind) {
            (State::Selecting, Kind::Offer) => self.on_offer(now, &message),
            (State::Requesting { server, .. }, Kind::Ack) if message.server_id == Some(server) => {
                self.on_ack(now, &message, server)
            }
            (State::Renewing(lease) | State::Rebinding(lease), Kind::Ack) => {
                self.on_ack(now, &message, message.server_id.unwrap_or(lease.server))
            }
            (State::Requesting { server, .. }, Kind::Nak) if message.server_id == Some(server) => {
                self.begin_again(now + NAK_PAUSE);
                Change::Progress
            }
            (State::Renewing(_) | State::Rebinding(_), Kind::Nak) => {
                self.begin_again(now + NAK_PAUSE);
                Change::Lost
            }
            _ => Change::Ignored,
        }
    }

    fn on_offer(&mut self, now: Instant, offer: &Message<'_>) -> Change {
        let Some(server) = offer.server_id.filter(|_| is_host(offer.your_ip)) else { return Change::Ignored };
        self.state = State::Requesting { address: offer.your_ip, server };
        self.tries = 0;
        self.next = now;
        Change::Progress
    }

    fn on_ack(&mut self, now: Instant, ack: &Message<'_>, server: Ipv4Addr) -> Change {
        let (Some(seconds), true) = (ack.lease, is_host(ack.your_ip)) else { return Change::Ignored };
        let Some(address) = Ipv4Cidr::from_netmask(ack.your_ip, ack.netmask.unwrap_or(Ipv4Addr::new(255, 255, 255, 0)))
        else {
            return Change::Ignored;
        };
        let lease = Duration::from_secs(u64::from(seconds.max(MIN_LEASE)));
        let given = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
        // Times out of order are replaced by the RFC's: half, and seven eighths (§4.4.5).
        let t2 = given(ack.rebinding).filter(|t2| *t2 < lease).unwrap_or(lease.scaled(7, 8));
        let t1 = given(ack.renewal).filter(|t1| *t1 < t2 && *t1 > Duration::ZERO).unwrap_or(lease.scaled(1, 2).min(t2));
        let forever = seconds == u32::MAX;
        let at = |time: Duration| now + if forever { Duration::MAX } else { time };
        let config = Ipv4Config { address, gateway: ack.router.filter(|router| is_host(*router)), dns: ack.dns };
        self.state = State::Bound(Lease { config, server, t1: at(t1), t2: at(t2), expires: at(lease) });
        self.next = at(t1);
        Change::Bound(config)
    }

    fn begin_again(&mut self, at: Instant) {
        self.state = State::Init;
        self.next = at;
    }

    /// Another station has the address: the server is told, and the client begins again after a pause.
    pub fn decline(&mut self, now: Instant) {
        if let Some(lease) = self.lease() {
            self.farewell = Some((Kind::Decline, lease.config.address.address, lease.server));
            self.going = true;
            self.begin_again(now + DECLINE_PAUSE);
        }
    }

    /// Gives the lease back and stops.
    pub fn release(&mut self) {
        if let Some(lease) = self.lease() {
            self.farewell = Some((Kind::Release, lease.config.address.address, lease.server));
        }
        self.going = true;
        self.state = State::Released;
    }

    fn send_farewell(&mut self, kind: Kind, address: Ipv4Addr, server: Ipv4Addr) -> Option<Action> {
        let mut message = Message::new(kind, self.xid, self.mac);
        message.server_id = Some(server);
        if kind == Kind::Release {
            message.client_ip = address;
            return send(&message, address, server);
        }
        message.requested_ip = Some(address);
        send(&message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
    }
}

fn send(message: &Message<'_>, src: Ipv4Addr, dst: Ipv4Addr) -> Option<Action> {
    let mut bytes = vec![0; MAX_LEN];
    let len = message.write(&mut bytes)?;
    bytes.truncate(len);
    Some(Action::Send { bytes, src, dst })
}

fn is_host(address: Ipv4Addr) -> bool {
    !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() && address.octets()[0] < 240
}
