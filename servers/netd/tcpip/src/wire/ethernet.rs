//! Ethernet II frames.

use super::{Writer, array, u16_at};
use crate::addr::MacAddr;

/// Bytes of the header.
pub const HEADER_LEN: usize = 14;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;

/// A frame's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Destination.
    pub dst: MacAddr,
    /// Source.
    pub src: MacAddr,
    /// EtherType; values below 0x600 are IEEE 802.3 lengths, which nothing here speaks.
    pub ethertype: u16,
}

impl Header {
    /// Splits a frame into header and payload (with the link's padding).
    pub fn parse(frame: &[u8]) -> Option<(Header, &[u8])> {
        let header =
            Header { dst: MacAddr(array(frame, 0)?), src: MacAddr(array(frame, 6)?), ethertype: u16_at(frame, 12)? };
        Some((header, frame.get(HEADER_LEN..)?))
    }

    /// Writes the header to the front of `buf`.
    pub fn write(&self, buf: &mut [u8]) -> Option<usize> {
        Writer::new(buf).bytes(&self.dst.0).bytes(&self.src.0).u16(self.ethertype).finish()
    }
}
