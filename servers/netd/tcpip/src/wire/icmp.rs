//! ICMP for IPv4 (RFC 792, RFC 1191).

use super::{Writer, checksum, patch_u16, u8_at, u16_at};

/// Bytes before the body.
pub const HEADER_LEN: usize = 8;
/// Code of "destination unreachable": network.
pub const CODE_NET: u8 = 0;
/// Code: host.
pub const CODE_HOST: u8 = 1;
/// Code: protocol.
pub const CODE_PROTOCOL: u8 = 2;
/// Code: port.
pub const CODE_PORT: u8 = 3;
/// Code: fragmentation needed and not allowed.
pub const CODE_FRAGMENTATION: u8 = 4;

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// Echo request.
    EchoRequest {
        /// Whose echo it is.
        ident: u16,
        /// Its number.
        sequence: u16,
        /// To be returned unchanged.
        data: &'a [u8],
    },
    /// Echo reply.
    EchoReply {
        /// As in the request.
        ident: u16,
        /// As in the request.
        sequence: u16,
        /// As in the request.
        data: &'a [u8],
    },
    /// Destination unreachable.
    Unreachable {
        /// Why.
        code: u8,
        /// The next hop's MTU with [`CODE_FRAGMENTATION`], 0 from old routers.
        mtu: u16,
        /// Header and first bytes of the packet.
        quoted: &'a [u8],
    },
    /// Time exceeded: code 0 in transit, 1 in reassembly.
    TimeExceeded {
        /// Where.
        code: u8,
        /// Header and first bytes of the packet.
        quoted: &'a [u8],
    },
    /// Parameter problem.
    ParameterProblem {
        /// Header and first bytes of the packet.
        quoted: &'a [u8],
    },
}

/// Parses a message whose checksum was verified. `None`: malformed, or a type the stack ignores.
pub fn parse(data: &[u8]) -> Option<Message<'_>> {
    let (kind, code) = (u8_at(data, 0)?, u8_at(data, 1)?);
    let (first, second) = (u16_at(data, 4)?, u16_at(data, 6)?);
    let body = data.get(HEADER_LEN..)?;
    match (kind, code) {
        (0, 0) => Some(Message::EchoReply { ident: first, sequence: second, data: body }),
        (8, 0) => Some(Message::EchoRequest { ident: first, sequence: second, data: body }),
        (3, code) => Some(Message::Unreachable { code, mtu: second, quoted: body }),
        (11, code) => Some(Message::TimeExceeded { code, quoted: body }),
        (12, _) => Some(Message::ParameterProblem { quoted: body }),
        _ => None,
    }
}

/// Writes `message` to the front of `buf`.
pub fn write(message: &Message<'_>, buf: &mut [u8]) -> Option<usize> {
    let (kind, code, first, second, body) = match *message {
        Message::EchoReply { ident, sequence, data } => (0, 0, ident, sequence, data),
        Message::EchoRequest { ident, sequence, data } => (8, 0, ident, sequence, data),
        Message::Unreachable { code, mtu, quoted } => (3, code, 0, mtu, quoted),
        Message::TimeExceeded { code, quoted } => (11, code, 0, 0, quoted),
        Message::ParameterProblem { quoted } => (12, 0, 0, 0, quoted),
    };
    let len = Writer::new(buf).u8(kind).u8(code).u16(0).u16(first).u16(second).bytes(body).finish()?;
    let sum = checksum::of(buf.get(..len)?);
    patch_u16(buf, 2, sum);
    Some(len)
}
