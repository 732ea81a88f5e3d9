//! UDP headers (RFC 768).

use super::{Writer, checksum::Sum, ipv4, patch_u16, u16_at};
use core::net::IpAddr;

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;
/// Where the checksum is.
pub const CHECKSUM_OFFSET: u16 = 6;

/// The ports of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source port; 0 if no answer is wanted.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
}

/// Splits a datagram. `verify` is the pair of addresses, or `None` if the device has checked the sum already.
pub fn parse(data: &[u8], verify: Option<(IpAddr, IpAddr)>) -> Option<(Header, &[u8])> {
    let length = usize::from(u16_at(data, 4)?);
    let datagram = data.get(..length)?;
    let header = Header { src_port: u16_at(datagram, 0)?, dst_port: u16_at(datagram, 2)? };
    // A zero field means that the sender did not sum (IPv4 only).
    if u16_at(datagram, 6)? != 0
        && let Some((src, dst)) = verify
        && Sum::pseudo_header(src, dst, ipv4::UDP, length).with(datagram).finish() != 0
    {
        return None;
    }
    Some((header, datagram.get(HEADER_LEN..)?))
}

/// Writes header and payload to the front of `buf`.
pub fn write(header: Header, src: IpAddr, dst: IpAddr, payload: &[u8], buf: &mut [u8]) -> Option<usize> {
    let length = u16::try_from(HEADER_LEN.checked_add(payload.len())?).ok()?;
    let len = Writer::new(buf).u16(header.src_port).u16(header.dst_port).u16(length).u16(0).bytes(payload).finish()?;
    let sum = Sum::pseudo_header(src, dst, ipv4::UDP, len).with(buf.get(..len)?).finish();
    // Zero on the wire means "not summed": its equal in one's complement is sent instead.
    patch_u16(buf, usize::from(CHECKSUM_OFFSET), if sum == 0 { 0xffff } else { sum });
    Some(len)
}
