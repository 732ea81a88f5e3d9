//! ARP for IPv4 over Ethernet (RFC 826).

use super::{Writer, array, ipv4_at, u8_at, u16_at};
use crate::addr::MacAddr;
use core::net::Ipv4Addr;

/// Bytes of a packet.
pub const LEN: usize = 28;

/// What a packet asks or tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender address is mine.
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Request or reply.
    pub operation: Operation,
    /// The sender's hardware address.
    pub sender_mac: MacAddr,
    /// The sender's protocol address; 0.0.0.0 in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address.
    pub target_mac: MacAddr,
    /// The target's protocol address.
    pub target_ip: Ipv4Addr,
}

impl Packet {
    /// Parses an EtherType 0x0806 payload.
    pub fn parse(data: &[u8]) -> Option<Packet> {
        let ethernet_ipv4 = u16_at(data, 0)? == 1 && u16_at(data, 2)? == super::ethernet::IPV4;
        let lengths = u8_at(data, 4)? == 6 && u8_at(data, 5)? == 4;
        let operation = match u16_at(data, 6)? {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return None,
        };
        (ethernet_ipv4 && lengths).then_some(())?;
        Some(Packet {
            operation,
            sender_mac: MacAddr(array(data, 8)?),
            sender_ip: ipv4_at(data, 14)?,
            target_mac: MacAddr(array(data, 18)?),
            target_ip: ipv4_at(data, 24)?,
        })
    }

    /// Writes the packet to the front of `buf`.
    pub fn write(&self, buf: &mut [u8]) -> Option<usize> {
        let operation = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        Writer::new(buf)
            .u16(1)
            .u16(super::ethernet::IPV4)
            .u8(6)
            .u8(4)
            .u16(operation)
            .bytes(&self.sender_mac.0)
            .bytes(&self.sender_ip.octets())
            .bytes(&self.target_mac.0)
            .bytes(&self.target_ip.octets())
            .finish()
    }
}
