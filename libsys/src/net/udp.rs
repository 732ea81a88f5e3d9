//! Datagrams.

use alloc::sync::Arc;

use protocol::{
    Bytes, Error, Id,
    net::{Endpoint, Reply, Request},
    session::{Data, INLINE, Room, Span},
};

use super::Network;

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    network: Arc<Network>,
    id: Id,
    local: Endpoint,
}

impl UdpSocket {
    /// At an address and port; port 0 for any.
    pub fn bind(network: &Arc<Network>, local: Endpoint) -> Result<UdpSocket, Error> {
        match network.ask(&Request::Bind { local })? {
            Reply::Opened { id, local } => Ok(UdpSocket { network: network.clone(), id, local }),
            _ => Err(Error::Protocol),
        }
    }

    /// Where it is.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// Sends a datagram.
    pub fn send_to(&self, remote: Endpoint, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() <= INLINE {
            let data = Data::Inline(Bytes::new(bytes)?);
            return self.network.done(&Request::SendTo { id: self.id, remote, data });
        }
        self.network.with_window([bytes], |[span]| {
            self.network.done(&Request::SendTo { id: self.id, remote, data: Data::Window(span) })
        })
    }

    /// Receives a datagram; waits until the deadline (ns since boot): [`Error::TimedOut`]. Returns bytes and sender; what does
    /// not fit is cut.
    pub fn receive(&self, to: &mut [u8], deadline: u64) -> Result<(usize, Endpoint), Error> {
        if to.len() <= INLINE {
            let room = Room::Inline(to.len() as u16);
            return match self.network.ask(&Request::Receive { id: self.id, room, deadline })? {
                Reply::Datagram { remote, data: Data::Inline(bytes), .. } => {
                    to.get_mut(..bytes.len()).ok_or(Error::Protocol)?.copy_from_slice(&bytes);
                    Ok((bytes.len(), remote))
                }
                _ => Err(Error::Protocol),
            };
        }
        let _turn = self.network.window.lock();
        let window = &self.network.side.window;
        let length = to.len().min(window.size() as usize) as u32;
        let room = Room::Window(Span { offset: 0, length });
        match self.network.ask(&Request::Receive { id: self.id, room, deadline })? {
            Reply::Datagram { remote, data: Data::Window(span), .. } if span.offset == 0 && span.length <= length => {
                window.read(0, to.get_mut(..span.length as usize).unwrap_or_default())?;
                Ok((span.length as usize, remote))
            }
            _ => Err(Error::Protocol),
        }
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.network.close(self.id);
    }
}
