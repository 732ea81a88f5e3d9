//! UDP sockets (RFC 768): two bounded queues.

use crate::addr::Endpoint;
use crate::error::Error;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Datagrams in one queue of a socket.
pub const MAX_DATAGRAMS: usize = 64;
/// Bytes in one queue of a socket; a single datagram may be as large.
pub const MAX_BYTES: usize = 128 * 1024;
/// Largest payload over IPv4.
pub const MAX_PAYLOAD: usize = 65_535 - 20 - 8;

/// A datagram in a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Where it came from or goes.
    pub remote: Endpoint,
    /// Our address that it came to or leaves by.
    pub local: IpAddr,
    /// Payload.
    pub data: Vec<u8>,
}

/// A bounded queue of datagrams.
#[derive(Debug, Default)]
struct Queue {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
}

impl Queue {
    fn fits(&self, len: usize) -> bool {
        self.datagrams.len() < MAX_DATAGRAMS && self.bytes + len <= MAX_BYTES
    }

    fn push(&mut self, datagram: Datagram) -> bool {
        let fits = self.fits(datagram.data.len());
        if fits {
            self.bytes += datagram.data.len();
            self.datagrams.push_back(datagram);
        }
        fits
    }

    fn pop(&mut self) -> Option<Datagram> {
        let datagram = self.datagrams.pop_front()?;
        self.bytes -= datagram.data.len();
        Some(datagram)
    }
}

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    /// Our port.
    pub port: u16,
    /// Only datagrams to this address, if given.
    pub address: Option<IpAddr>,
    /// Only datagrams from there, if given.
    pub remote: Option<Endpoint>,
    received: Queue,
    sending: Queue,
    error: Option<Error>,
    /// Datagrams dropped because the queue was full.
    pub dropped: u64,
}

impl UdpSocket {
    /// A socket at `port`.
    pub fn new(address: Option<IpAddr>, port: u16) -> UdpSocket {
        UdpSocket {
            port,
            address,
            remote: None,
            received: Queue::default(),
            sending: Queue::default(),
            error: None,
            dropped: 0,
        }
    }

    /// Whether a datagram from `remote` to `local` is this socket's.
    pub fn wants(&self, local: IpAddr, remote: Endpoint) -> bool {
        self.address.is_none_or(|address| address == local) && self.remote.is_none_or(|only| only == remote)
    }

    /// Queues a received datagram; `false` if it was dropped.
    pub fn deliver(&mut self, local: IpAddr, remote: Endpoint, data: &[u8]) -> bool {
        let fits = self.received.fits(data.len());
        if fits {
            self.received.push(Datagram { remote, local, data: data.to_vec() });
        } else {
            self.dropped += 1;
        }
        fits
    }

    /// Queues a datagram to send.
    pub fn send(&mut self, datagram: Datagram) -> Result<(), Error> {
        if self.sending.push(datagram) { Ok(()) } else { Err(Error::Limit) }
    }

    /// The next datagram to send.
    pub fn next_to_send(&mut self) -> Option<Datagram> {
        self.sending.pop()
    }

    /// The next received datagram, or an error that ICMP reported since the last call.
    pub fn receive(&mut self) -> Result<Option<Datagram>, Error> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.received.pop()),
        }
    }

    /// ICMP reported that nobody is at the other end.
    pub fn report(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Datagrams and bytes received and not read.
    pub fn queued(&self) -> (usize, usize) {
        (self.received.datagrams.len(), self.received.bytes)
    }
}
