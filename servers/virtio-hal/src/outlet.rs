//! A queue that only sends: bytes go into DMA memory, the device takes them, an interrupt tells. For devices whose driver in
//! `virtio-drivers` waits for each buffer, where the process has other things to do meanwhile.

use alloc::vec::Vec;

use libsys::Error;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use crate::{Buffer, Hal, Transport};

/// Buffers that may be on their way.
const SLOTS: usize = 16;
/// virtio 1.2, 6: the only feature that is accepted.
const VERSION_1: u64 = 1 << 32;

/// The sending side of a device.
pub struct Outlet<const N: usize> {
    transport: Transport,
    queue: VirtQueue<Hal<N>, SLOTS>,
    number: u16,
    idle: Vec<Buffer<N>>,
    sending: Vec<(u16, Buffer<N>, usize)>,
}

impl<const N: usize> Outlet<N> {
    /// Starts the device with this queue as the only one. Its DMA memory is share `N`.
    pub fn new(mut transport: Transport, number: u16) -> Result<Self, Error> {
        transport.set_status(DeviceStatus::empty());
        transport.set_status(DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER);
        let features = transport.read_device_features() & VERSION_1;
        transport.write_driver_features(features);
        transport.set_status(DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER | DeviceStatus::FEATURES_OK);
        if features == 0 || !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            transport.set_status(DeviceStatus::FAILED);
            return Err(Error::Device);
        }
        let queue = VirtQueue::new(&mut transport, number, false, false).map_err(|_| Error::Device)?;
        let started =
            DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER | DeviceStatus::FEATURES_OK | DeviceStatus::DRIVER_OK;
        transport.set_status(started);
        let idle: Result<Vec<_>, Error> = (0..SLOTS).map(|_| Buffer::new(1)).collect();
        Ok(Outlet { transport, queue, number, idle: idle?, sending: Vec::new() })
    }

    /// Hands bytes to the device, as many as there is room for, and returns how many. What was taken is sent in order.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut taken = 0;
        while taken < bytes.len() {
            let Some(mut buffer) = self.idle.pop() else { break };
            let rest = &bytes[taken..];
            let part = &rest[..rest.len().min(buffer.len())];
            buffer[..part.len()].copy_from_slice(part);
            // SAFETY: 1. The buffer is moved into `sending` and neither touched nor dropped until `pop_used` has given its
            // token back; its bytes don't move with it. 2. If the outlet is dropped first, the queue is unset before.
            let token = match unsafe { self.queue.add(&[&buffer[..part.len()]], &mut []) } {
                Ok(token) => token,
                Err(_) => {
                    self.idle.push(buffer);
                    break;
                }
            };
            taken += part.len();
            self.sending.push((token, buffer, part.len()));
        }
        if taken > 0 && self.queue.should_notify() {
            self.transport.notify(self.number);
        }
        Ok(taken)
    }

    /// Takes back what the device has sent; call it at its interrupt. Whether everything is out.
    pub fn complete(&mut self) -> Result<bool, Error> {
        self.transport.ack_interrupt();
        while let Some(token) = self.queue.peek_used() {
            let at = self.sending.iter().position(|(sent, ..)| *sent == token).ok_or(Error::Device)?;
            let (_, buffer, length) = self.sending.swap_remove(at);
            // SAFETY: the same buffer and length that `add` returned this token for.
            unsafe { self.queue.pop_used(token, &[&buffer[..length]], &mut []) }.map_err(|_| Error::Device)?;
            self.idle.push(buffer);
        }
        Ok(self.sending.is_empty())
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.sending.is_empty()
    }
}

impl<const N: usize> Drop for Outlet<N> {
    fn drop(&mut self) {
        self.transport.queue_unset(self.number);
        self.transport.set_status(DeviceStatus::empty());
    }
}
