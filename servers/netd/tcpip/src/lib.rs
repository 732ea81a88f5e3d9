//! A TCP/IP stack without input, output or clock.
//!
//! Frames and time go in, frames and events come out; [`Stack`] describes the caller's loop. The stack reads no clock,
//! makes no random number but from the seed it is given, and holds no global state, so that a test with two stacks and
//! a simulated wire repeats exactly.
//!
//! * [`wire`]: formats. [`device`]: what accompanies a frame. [`addr`], [`time`]: vocabulary.
//! * [`arp`], [`iface`], [`reassembly`], [`icmp`]: the internet layer. [`udp`], [`tcp`]: the transport layer.
//! * [`dhcp`], [`dns`]: the stack's own clients. [`stack`]: everything put together.
//! * [`buffer`]: where TCP's bytes are; in netd, rings shared with the client.
//!
//! Rules: every table and queue has a bound; what a peer sends never makes the stack panic, and makes it allocate only
//! within those bounds; every frame that is dropped is counted with its reason ([`stats`]).
//!
//! What it does not do yet: SACK, RACK, CUBIC, SYN cookies, DNS over TCP (a truncated answer without an address is a
//! failure), segmentation offload on transmit, IPv6, more than one interface.
//!
//! What a later extension adds: SACK and RACK in [`tcp::recovery`], CUBIC behind [`tcp::CongestionControl`], IPv6 beside
//! [`wire::ipv4`] and [`iface`] (addresses above are [`core::net::IpAddr`] already), segmentation offload in
//! [`device::FrameMeta`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod addr;
pub mod arp;
pub mod buffer;
pub mod device;
pub mod dhcp;
pub mod dns;
pub mod error;
pub mod icmp;
pub mod iface;
pub mod reassembly;
pub mod rng;
pub mod slab;
pub mod stack;
pub mod stats;
pub mod tcp;
pub mod time;
pub mod udp;
pub mod wire;

pub use addr::{Endpoint, FourTuple, Ipv4Cidr, MacAddr};
pub use buffer::{Buffers, OwnedBuffers, ReceiveBuffer, Ring, SendBuffer};
pub use device::{Features, FrameMeta, TxFrame};
pub use dns::{LookupId, ResolveError};
pub use error::Error;
pub use iface::Ipv4Config;
pub use slab::SocketId;
pub use stack::{Addressing, Config, Event, Limits, Stack};
pub use tcp::{Notices, SocketOptions, State, TcpConfig, TcpStatus};
pub use time::{Duration, Instant};
pub use wire::dns::RecordType;
