//! Addresses: link-layer, internet, transport.
//!
//! Everything above IPv4 (TCP, UDP, the resolver) speaks [`IpAddr`], so that IPv6 adds a routing table and a wire
//! format, not a second stack. Today a V6 address is refused by routing with `NoRoute`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Every station on the link.
    pub const BROADCAST: MacAddr = MacAddr([0xff; 6]);
    /// What an ARP request carries where the answer belongs.
    pub const ZERO: MacAddr = MacAddr([0; 6]);

    /// One station: neither multicast nor all zeros.
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self != MacAddr::ZERO
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IPv4 address together with the length of its network's prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ipv4Cidr {
    /// The host's address.
    pub address: Ipv4Addr,
    /// Bits of the network part, at most 32.
    pub prefix: u8,
}

impl Ipv4Cidr {
    /// `address/prefix`; a prefix beyond 32 counts as 32.
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Ipv4Cidr {
        Ipv4Cidr { address, prefix: if prefix > 32 { 32 } else { prefix } }
    }

    /// From a netmask as DHCP gives it. `None` if the ones are not contiguous.
    pub fn from_netmask(address: Ipv4Addr, netmask: Ipv4Addr) -> Option<Ipv4Cidr> {
        let bits = netmask.to_bits();
        let prefix = bits.leading_ones();
        (bits.count_ones() == prefix).then(|| Ipv4Cidr::new(address, prefix as u8))
    }

    /// The netmask.
    pub fn netmask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0))
    }

    /// Whether `address` is in this network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = self.netmask().to_bits();
        address.to_bits() & mask == self.address.to_bits() & mask
    }

    /// The directed broadcast address; networks of /31 and /32 have none (RFC 3021).
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        (self.prefix < 31).then(|| Ipv4Addr::from_bits(self.address.to_bits() | !self.netmask().to_bits()))
    }
}

impl fmt::Display for Ipv4Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An internet address and a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The host.
    pub addr: IpAddr,
    /// The port; 0 means "any" where a call says so.
    pub port: u16,
}

impl Endpoint {
    /// `addr:port`.
    pub fn new(addr: impl Into<IpAddr>, port: u16) -> Endpoint {
        Endpoint { addr: addr.into(), port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            IpAddr::V4(addr) => write!(f, "{addr}:{}", self.port),
            IpAddr::V6(addr) => write!(f, "[{addr}]:{}", self.port),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What names a TCP connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FourTuple {
    /// Our end.
    pub local: Endpoint,
    /// The peer's end.
    pub remote: Endpoint,
}
