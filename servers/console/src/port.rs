//! The harness's port: a virtio console whose transmit queue carries records out. Nothing comes in by it: scripts come as a
//! file.

use alloc::collections::VecDeque;

use libsys::device::Devices;
use libsys::{Interrupt, Notification, Result};
use virtio_hal::Outlet;

/// virtio 1.2, 5.3.2: the first port's queue from driver to device.
const TRANSMIT_QUEUE: u16 = 1;

/// The claimed port.
pub struct Port {
    outlet: Outlet<0>,
    interrupt: Interrupt,
}

impl Port {
    /// Claims the port and has its interrupts set a bit.
    pub fn claim(devices: &Devices, notification: &Notification, bit: u64) -> Result<Port> {
        let device = devices.claim(devices.find("virtio-console")?.id)?;
        let outlet = Outlet::new(virtio_hal::open::<0>(&device)?, TRANSMIT_QUEUE)?;
        // The transmit queue's own vector, or the last, which is for all queues without.
        let last = device.claimed.interrupts.saturating_sub(1);
        let interrupt = device.interrupt(last.min(TRANSMIT_QUEUE as u8 + 1))?;
        interrupt.bind(notification, bit)?;
        Ok(Port { outlet, interrupt })
    }

    /// Takes back what was sent, and lets the interrupt come again.
    pub fn acknowledge(&mut self) -> Result<()> {
        self.outlet.complete()?;
        self.interrupt.acknowledge()?;
        // What was used between the two has no interrupt of its own.
        self.outlet.complete().map(drop)
    }

    /// Sends as much as the device takes.
    pub fn send(&mut self, queue: &mut VecDeque<u8>) -> Result<()> {
        while !queue.is_empty() {
            let (front, _) = queue.as_slices();
            let taken = self.outlet.send(front)?;
            if taken == 0 {
                return Ok(());
            }
            queue.drain(..taken);
        }
        Ok(())
    }

    /// Whether nothing is on its way any more.
    pub fn is_idle(&self) -> bool {
        self.outlet.is_idle()
    }
}
