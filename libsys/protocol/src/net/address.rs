//! Addresses, and how they relate to `core::net`.

use core::fmt;

use serde::{Deserialize, Serialize};

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
