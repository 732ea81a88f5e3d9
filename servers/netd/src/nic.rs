//! The card: virtio-net by interrupt.
//!
//! Frames lie in DMA memory, one a page: 64 wait to be received into, 64 to be sent. The stack writes a frame straight
//! into such a page, so a frame is copied once, by the device.

use alloc::{boxed::Box, vec::Vec};

use libsys::{
    Error, Interrupt, Notification,
    device::{Device, Devices},
    protocol::device::Messages,
};
use virtio_hal::{Buffer, Hal, Transport, virtio_drivers::device::net::VirtIONetRaw};

use crate::CARD;

/// Entries of a queue.
const QUEUE: usize = 64;

type Driver = VirtIONetRaw<Hal<0>, Transport, QUEUE>;
type Frame = Buffer<0>;

/// The card.
pub struct Nic {
    driver: Driver,
    interrupts: Vec<Interrupt>,
    line: bool,
    /// By the driver's token: what the device receives into.
    receiving: [Option<Frame>; QUEUE],
    /// By the driver's token: what the device sends, with its bytes.
    sending: [Option<(Frame, usize)>; QUEUE],
    spare: Vec<Frame>,
    _device: Device<'static>,
}

impl Nic {
    /// The first network card there is: [`Error::NotFound`].
    pub fn claim(notification: &Notification) -> Result<Nic, Error> {
        // The session has to last as long as the process: the device is lost with it.
        let devices: &'static Devices = Box::leak(Box::new(Devices::open()?));
        let card = devices.find("virtio-net")?;
        Nic::start(devices, card.id, notification).map_err(|error| devices.cause(error))
    }

    fn start(devices: &'static Devices, card: u32, notification: &Notification) -> Result<Nic, Error> {
        let device = devices.claim(card)?;
        let transport = virtio_hal::open::<0>(&device)?;
        let driver = Driver::new(transport).map_err(|_| Error::Device)?;
        let mut interrupts = Vec::new();
        for (index, bit) in (0..device.claimed.interrupts).zip(CARD) {
            let interrupt = device.interrupt(index as _)?;
            interrupt.bind(notification, bit)?;
            interrupts.push(interrupt);
        }
        let spare = (0..QUEUE / 2).map(|_| Frame::new(1)).collect::<Result<_, _>>()?;
        let line = device.claimed.messages == Messages::Line;
        let (receiving, sending) = ([const { None }; QUEUE], [const { None }; QUEUE]);
        let mut nic = Nic { driver, interrupts, line, receiving, sending, spare, _device: device };
        for _ in 0..QUEUE {
            nic.offer(Frame::new(1)?);
        }
        Ok(nic)
    }

    /// The card's address.
    pub fn mac(&self) -> [u8; 6] {
        self.driver.mac_address()
    }

    /// Lets interrupts come again whose bits these are. Call before [`Nic::receive`], so that nothing is missed.
    pub fn acknowledge(&mut self, bits: u64) {
        if self.line {
            self.driver.ack_interrupt();
        }
        for (interrupt, bit) in self.interrupts.iter().zip(CARD) {
            if bits & bit != 0 {
                let _ = interrupt.acknowledge();
            }
        }
    }

    /// Hands over what arrived, at most a queue's worth. Returns whether there may be more.
    pub fn receive(&mut self, mut take: impl FnMut(&[u8])) -> bool {
        for _ in 0..QUEUE {
            let Some(token) = self.driver.poll_receive() else { return false };
            let Some(mut frame) = self.receiving.get_mut(usize::from(token)).and_then(Option::take) else {
                return false;
            };
            // SAFETY: 1. `offer` began with this buffer under this token. 2. Nobody looked at it meanwhile: it was in
            // `receiving`, which only this function reads.
            let arrived = unsafe { self.driver.receive_complete(token, &mut frame) };
            if let Ok((start, length)) = arrived
                && let Some(bytes) = frame.get(start..start.saturating_add(length))
            {
                take(bytes);
            }
            self.offer(frame);
        }
        true
    }

    /// Gives the device a frame to receive into.
    fn offer(&mut self, mut frame: Frame) {
        // SAFETY: the buffer goes into `receiving` under its token and is left alone until `receive_complete`.
        if let Ok(token) = unsafe { self.driver.receive_begin(&mut frame) }
            && let Some(slot) = self.receiving.get_mut(usize::from(token))
        {
            *slot = Some(frame);
        }
    }

    /// Sends a frame that `fill` writes and says the length of. Returns false if there was none, or no room now: the
    /// interrupt of a frame that is out tells.
    pub fn send(&mut self, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        self.reclaim();
        if !self.driver.can_send() {
            return false;
        }
        let Some(mut frame) = self.spare.pop() else { return false };
        let header = self.driver.fill_buffer_header(&mut frame).unwrap_or(0);
        let Some(length) = frame.get_mut(header..).and_then(fill) else {
            self.spare.push(frame);
            return false;
        };
        let end = (header + length).min(frame.len());
        // SAFETY: the buffer goes into `sending` under its token and is left alone until `transmit_complete`.
        match unsafe { self.driver.transmit_begin(&frame[..end]) } {
            Ok(token) => {
                if let Some(slot) = self.sending.get_mut(usize::from(token)) {
                    *slot = Some((frame, end));
                }
            }
            Err(_) => self.spare.push(frame),
        }
        true
    }

    /// Takes back what the device has sent.
    fn reclaim(&mut self) {
        while let Some(token) = self.driver.poll_transmit() {
            let Some((frame, end)) = self.sending.get_mut(usize::from(token)).and_then(Option::take) else { return };
            // SAFETY: `send` began with these bytes of this buffer under this token.
            let _ = unsafe { self.driver.transmit_complete(token, &frame[..end]) };
            self.spare.push(frame);
        }
    }
}
