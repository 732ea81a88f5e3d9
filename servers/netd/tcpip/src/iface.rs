//! The interface's addresses, and where a packet goes.
//!
//! One interface now. Routing is a function of its addresses alone; a table of routes and a second interface change
//! [`Iface::route`] and nothing around it.

use crate::addr::{Ipv4Cidr, MacAddr};
use core::net::{IpAddr, Ipv4Addr};

pub use crate::wire::dhcp::MAX_DNS;

/// An interface's IPv4 configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Config {
    /// Our address and network.
    pub address: Ipv4Cidr,
    /// The default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: [Option<Ipv4Addr>; MAX_DNS],
}

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Back to ourselves.
    Local,
    /// To every station.
    Broadcast,
    /// To the multicast group's stations.
    Multicast(MacAddr),
    /// To this neighbour.
    Neighbour(Ipv4Addr),
}

/// The interface.
#[derive(Clone, Debug)]
pub struct Iface {
    /// Our Ethernet address.
    pub mac: MacAddr,
    /// Largest IP packet.
    pub mtu: u16,
    /// The configuration, once there is one.
    pub ipv4: Option<Ipv4Config>,
}

impl Iface {
    /// Our address.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.ipv4.map(|config| config.address.address)
    }

    /// Whether `address` is ours, loopback included.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        address.is_loopback() || self.address() == Some(address)
    }

    /// Whether `address` means every station of this link.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.ipv4.is_some_and(|config| config.address.broadcast() == Some(address))
    }

    /// Whether `address` can be a single host other than ourselves: what a packet from the wire may come from.
    pub fn is_foreign_host(&self, address: Ipv4Addr) -> bool {
        !address.is_unspecified()
            && !address.is_multicast()
            && !self.is_broadcast(address)
            && !self.is_local(address)
            && address.octets()[0] < 240
    }

    /// Where a packet to `address` goes; `None` without a route.
    pub fn route(&self, address: Ipv4Addr) -> Option<Route> {
        if self.is_local(address) {
            return Some(Route::Local);
        }
        if self.is_broadcast(address) {
            return Some(Route::Broadcast);
        }
        if address.is_multicast() {
            let [_, b, c, d] = address.octets();
            return Some(Route::Multicast(MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d])));
        }
        let config = self.ipv4?;
        if address.is_unspecified() {
            return None;
        }
        if config.address.contains(address) {
            return Some(Route::Neighbour(address));
        }
        config.gateway.map(Route::Neighbour)
    }

    /// The source address of packets to `remote`; `None` without a route or address.
    pub fn source_for(&self, remote: IpAddr) -> Option<IpAddr> {
        let IpAddr::V4(remote) = remote else { return None };
        self.route(remote)?;
        let source = if remote.is_loopback() { Ipv4Addr::LOCALHOST } else { self.address()? };
        Some(IpAddr::V4(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iface() -> Iface {
        let config = Ipv4Config {
            address: Ipv4Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24),
            gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
            dns: [None; MAX_DNS],
        };
        Iface { mac: MacAddr([2, 0, 0, 0, 0, 1]), mtu: 1500, ipv4: Some(config) }
    }

    #[test]
    fn routes_go_home_to_neighbours_and_by_the_gateway() {
        let iface = iface();
        let route = |a, b, c, d| iface.route(Ipv4Addr::new(a, b, c, d));
        assert_eq!(route(127, 1, 2, 3), Some(Route::Local));
        assert_eq!(route(10, 0, 2, 15), Some(Route::Local));
        assert_eq!(route(10, 0, 2, 255), Some(Route::Broadcast));
        assert_eq!(route(255, 255, 255, 255), Some(Route::Broadcast));
        assert_eq!(route(10, 0, 2, 9), Some(Route::Neighbour(Ipv4Addr::new(10, 0, 2, 9))));
        assert_eq!(route(8, 8, 8, 8), Some(Route::Neighbour(Ipv4Addr::new(10, 0, 2, 2))));
        assert_eq!(route(224, 0, 0, 251), Some(Route::Multicast(MacAddr([1, 0, 0x5e, 0, 0, 251]))));
        assert_eq!(route(0, 0, 0, 0), None);
    }

    #[test]
    fn without_an_address_only_loopback_has_a_source() {
        let mut iface = iface();
        iface.ipv4 = None;
        let source = |a: [u8; 4]| iface.source_for(IpAddr::from(a));
        assert_eq!(source([10, 0, 2, 2]), None);
        assert_eq!(source([127, 0, 0, 1]), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(iface.source_for(IpAddr::V6(core::net::Ipv6Addr::LOCALHOST)), None);
    }

    #[test]
    fn what_is_no_host_is_no_source() {
        let iface = iface();
        for octets in [[0, 0, 0, 0], [127, 0, 0, 1], [10, 0, 2, 15], [10, 0, 2, 255], [224, 0, 0, 1], [250, 0, 0, 1]] {
            assert!(!iface.is_foreign_host(octets.into()), "{octets:?}");
        }
        assert!(iface.is_foreign_host([10, 0, 2, 2].into()));
    }
}
