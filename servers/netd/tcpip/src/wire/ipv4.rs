//! IPv4 headers (RFC 791). Options are skipped on receive and never sent.

use super::{Writer, checksum, ipv4_at, patch_u16, u8_at, u16_at};
use core::net::Ipv4Addr;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Time to live of what we send (RFC 1700's recommendation).
pub const DEFAULT_TTL: u8 = 64;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// A header's fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
    /// Protocol number.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Names the datagram that a fragment belongs to.
    pub identification: u16,
    /// Routers must not fragment it.
    pub dont_fragment: bool,
    /// Another fragment follows.
    pub more_fragments: bool,
    /// Where this fragment's payload belongs, in bytes.
    pub fragment_offset: u16,
}

/// Why a packet was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Version, lengths or fragment fields contradict each other or the frame.
    Format,
    /// The header's checksum is wrong.
    Checksum,
}

impl Header {
    /// A header for an unfragmented datagram.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8) -> Header {
        Header {
            src,
            dst,
            protocol,
            ttl: DEFAULT_TTL,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
        }
    }

    /// Splits a packet into header and payload. The link's padding is cut off.
    pub fn parse(data: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let (header, header_len, payload) = Header::fields(data).ok_or(Malformed::Format)?;
        let whole = data.get(..header_len).ok_or(Malformed::Format)?;
        if !checksum::verify(whole) {
            return Err(Malformed::Checksum);
        }
        let payload = payload.ok_or(Malformed::Format)?;
        // A fragment must not reach beyond the largest datagram ("ping of death").
        if usize::from(header.fragment_offset) + payload.len() > 65_535 - HEADER_LEN {
            return Err(Malformed::Format);
        }
        Ok((header, payload))
    }

    /// The header of the packet an ICMP error quotes: its end, and so its checksum's payload, is missing.
    pub fn parse_quoted(data: &[u8]) -> Option<(Header, &[u8])> {
        let (header, header_len, _) = Header::fields(data)?;
        Some((header, data.get(header_len..)?))
    }

    fn fields(data: &[u8]) -> Option<(Header, usize, Option<&[u8]>)> {
        let version_ihl = u8_at(data, 0)?;
        let header_len = usize::from(version_ihl & 15) * 4;
        let total = usize::from(u16_at(data, 2)?);
        if version_ihl >> 4 != 4 || header_len < HEADER_LEN || total < header_len {
            return None;
        }
        let flags = u16_at(data, 6)?;
        let header = Header {
            src: ipv4_at(data, 12)?,
            dst: ipv4_at(data, 16)?,
            protocol: u8_at(data, 9)?,
            ttl: u8_at(data, 8)?,
            identification: u16_at(data, 4)?,
            dont_fragment: flags & 0x4000 != 0,
            more_fragments: flags & 0x2000 != 0,
            fragment_offset: (flags & 0x1fff) << 3,
        };
        Some((header, header_len, data.get(header_len..total)))
    }

    /// Whether this is a piece of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// Writes the header for `payload_len` bytes to the front of `buf`.
    pub fn write(&self, payload_len: usize, buf: &mut [u8]) -> Option<usize> {
        let total = u16::try_from(HEADER_LEN.checked_add(payload_len)?).ok()?;
        let mut flags = self.fragment_offset >> 3;
        if self.dont_fragment {
            flags |= 0x4000;
        }
        if self.more_fragments {
            flags |= 0x2000;
        }
        let len = Writer::new(buf)
            .u16(0x4500)
            .u16(total)
            .u16(self.identification)
            .u16(flags)
            .u8(self.ttl)
            .u8(self.protocol)
            .u16(0)
            .bytes(&self.src.octets())
            .bytes(&self.dst.octets())
            .finish()?;
        let sum = checksum::of(buf.get(..len)?);
        patch_u16(buf, 10, sum);
        Some(len)
    }
}
