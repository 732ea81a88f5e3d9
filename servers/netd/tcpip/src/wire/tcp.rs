//! TCP segments (RFC 9293 §3.1) and their options (RFC 9293 §3.2, RFC 7323).

use super::{Writer, checksum::Sum, ipv4, u8_at, u16_at, u32_at};
use crate::tcp::SeqNumber;
use bitflags::bitflags;
use core::net::IpAddr;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Bytes of the largest header.
pub const MAX_HEADER_LEN: usize = 60;
/// Where the checksum is.
pub const CHECKSUM_OFFSET: u16 = 16;

bitflags! {
    /// The control bits.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronise sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push.
        const PSH = 0x08;
        /// The acknowledgment field counts.
        const ACK = 0x10;
        /// The urgent pointer counts; it is ignored (RFC 6093).
        const URG = 0x20;
        /// ECN echo.
        const ECE = 0x40;
        /// Congestion window reduced.
        const CWR = 0x80;
    }
}

/// The timestamps option (RFC 7323 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// The latest `value` received, echoed.
    pub echo: u32,
}

/// The options that the stack understands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Maximum segment size (SYN only).
    pub mss: Option<u16>,
    /// Window scale (SYN only).
    pub window_scale: Option<u8>,
    /// SACK permitted (SYN only; RFC 2018).
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
}

/// A segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; counts with [`Flags::ACK`].
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as in the header, not scaled.
    pub window: u16,
    /// Options.
    pub options: Options,
    /// Payload.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Parses a segment. `verify` is the pair of addresses, or `None` if the device has checked the sum already.
    pub fn parse(data: &'a [u8], verify: Option<(IpAddr, IpAddr)>) -> Option<Segment<'a>> {
        let header_len = usize::from(u8_at(data, 12)? >> 4) * 4;
        let options = data.get(HEADER_LEN..header_len)?;
        if let Some((src, dst)) = verify
            && Sum::pseudo_header(src, dst, ipv4::TCP, data.len()).with(data).finish() != 0
        {
            return None;
        }
        Some(Segment {
            src_port: u16_at(data, 0)?,
            dst_port: u16_at(data, 2)?,
            seq: SeqNumber(u32_at(data, 4)?),
            ack: SeqNumber(u32_at(data, 8)?),
            flags: Flags::from_bits_retain(u8_at(data, 13)?),
            window: u16_at(data, 14)?,
            options: Options::parse(options),
            payload: data.get(header_len..)?,
        })
    }

    /// SEG.LEN: sequence numbers the segment occupies.
    pub fn len(&self) -> u32 {
        let controls = u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN));
        self.payload.len() as u32 + controls
    }

    /// Whether the segment occupies no sequence number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number behind the segment.
    pub fn end(&self) -> SeqNumber {
        self.seq + self.len()
    }

    /// Whether all of `flags` are set.
    pub fn has(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// Writes the header to the front of `buf`, the checksum field zero. The payload is the caller's to place.
    pub fn write_header(&self, buf: &mut [u8]) -> Option<usize> {
        let mut options = [0; MAX_HEADER_LEN - HEADER_LEN];
        let options_len = self.options.write(&mut options)?;
        let offset = ((HEADER_LEN + options_len) / 4) as u8;
        Writer::new(buf)
            .u16(self.src_port)
            .u16(self.dst_port)
            .u32(self.seq.0)
            .u32(self.ack.0)
            .u8(offset << 4)
            .u8(self.flags.bits())
            .u16(self.window)
            .u32(0)
            .bytes(options.get(..options_len)?)
            .finish()
    }

    /// Bytes of the header with its options.
    pub fn header_len(&self) -> usize {
        HEADER_LEN + self.options.len()
    }
}

impl Options {
    /// Reads what it understands and skips the rest; a broken length ends the list, as it does everywhere.
    fn parse(mut data: &[u8]) -> Options {
        let mut options = Options::default();
        while let Some(&kind) = data.first() {
            if kind == 0 {
                break;
            }
            if kind == 1 {
                data = data.get(1..).unwrap_or_default();
                continue;
            }
            let len = usize::from(data.get(1).copied().unwrap_or(0));
            let Some(option) = data.get(..len).filter(|option| option.len() >= 2) else { break };
            options.take(kind, option);
            data = data.get(len..).unwrap_or_default();
        }
        options
    }

    fn take(&mut self, kind: u8, option: &[u8]) {
        match (kind, option.len()) {
            (2, 4) => self.mss = u16_at(option, 2),
            // RFC 7323 §2.3: more than 14 counts as 14.
            (3, 3) => self.window_scale = u8_at(option, 2).map(|shift| shift.min(14)),
            (4, 2) => self.sack_permitted = true,
            (8, 10) => {
                if let (Some(value), Some(echo)) = (u32_at(option, 2), u32_at(option, 6)) {
                    self.timestamps = Some(Timestamps { value, echo });
                }
            }
            _ => {}
        }
    }

    /// Bytes the options take, a multiple of four.
    pub fn len(&self) -> usize {
        4 * (usize::from(self.mss.is_some())
            + usize::from(self.window_scale.is_some())
            + usize::from(self.sack_permitted))
            + 12 * usize::from(self.timestamps.is_some())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn write(&self, buf: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(buf);
        if let Some(mss) = self.mss {
            writer.u8(2).u8(4).u16(mss);
        }
        if let Some(shift) = self.window_scale {
            writer.u8(1).u8(3).u8(3).u8(shift);
        }
        if self.sack_permitted {
            writer.u8(1).u8(1).u8(4).u8(2);
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            writer.u8(1).u8(1).u8(8).u8(10).u32(value).u32(echo);
        }
        writer.finish()
    }
}
