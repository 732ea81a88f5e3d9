//! Formats on the wire: parsed into values, written from values.
//!
//! A parser takes bytes from the network and returns `None` for what the format forbids; it never panics and never
//! allocates. A writer fills the front of a buffer and returns the bytes used, or `None` if the buffer is too small.

pub mod arp;
pub mod checksum;
pub mod dhcp;
pub mod dns;
pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod tcp;
pub mod udp;

use core::net::Ipv4Addr;

/// `N` bytes at `at`.
pub(crate) fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The byte at `at`.
pub(crate) fn u8_at(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

/// The big-endian 16-bit word at `at`.
pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    array(data, at).map(u16::from_be_bytes)
}

/// The big-endian 32-bit word at `at`.
pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    array(data, at).map(u32::from_be_bytes)
}

/// The IPv4 address at `at`.
pub(crate) fn ipv4_at(data: &[u8], at: usize) -> Option<Ipv4Addr> {
    array::<4>(data, at).map(Ipv4Addr::from)
}

/// Writes fields one after the other; becomes `None` at the end if they didn't fit.
pub(crate) struct Writer<'a> {
    buf: &'a mut [u8],
    at: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Writer<'a> {
        Writer { buf, at: 0, overflow: false }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.at.saturating_add(bytes.len());
        match self.buf.get_mut(self.at..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.at = end;
            }
            None => self.overflow = true,
        }
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn zeros(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.u8(0);
        }
        self
    }

    /// Bytes written, if all of them fitted.
    pub(crate) fn finish(&self) -> Option<usize> {
        (!self.overflow).then_some(self.at)
    }
}

/// Overwrites the 16-bit word at `at`, if it is there.
pub(crate) fn patch_u16(buf: &mut [u8], at: usize, value: u16) {
    if let Some(place) = buf.get_mut(at..at.saturating_add(2)) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}
