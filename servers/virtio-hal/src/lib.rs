//! virtio devices for user drivers: what `virtio-drivers` wants of the machine, over what devd gives.
//!
//! * [`Hal`]: DMA memory, a [`Share`] of it for each device that a process drives.
//! * [`Transport`]: the device's registers, over PCI or MMIO. Configuration space is never touched: its structures are
//!   found in devd's copy, and MSI-X is set up already.
//! * [`Buffer`]: bytes in DMA memory, which a device gets without a copy.
//!
//! ```ignore
//! let devices = Devices::open()?;
//! let device = devices.claim(devices.find("virtio-net")?.id)?;
//! let transport = virtio_hal::open::<0>(&device)?;              // share 0: all DMA pages that the manifest allows
//! let mut net = VirtIONetRaw::<Hal<0>, _, 64>::new(transport)?;
//! let interrupt = device.interrupt(0)?;
//! interrupt.bind(&Notification::own()?, bits::INTERRUPT)?;
//! // … at the bit: serve the queues, `net.ack_interrupt()` where the interrupt is a line, `interrupt.acknowledge()`
//! ```
//!
//! With MSI-X, vector 0 tells of configuration changes and, where there are fewer vectors than queues, of all queues without
//! one; queue n has vector n + 1 as far as there are vectors. With a line there is one interrupt for all.
#![no_std]

extern crate alloc;

mod arena;
mod buffer;
pub mod entropy;
mod hal;
mod mmio;
mod outlet;
mod pci_transport;
mod transport;

pub use buffer::Buffer;
pub use hal::{Hal, SHARES, Share};
pub use mmio::Mmio;
pub use outlet::Outlet;
pub use pci_transport::{PciTransport, Structures};
pub use transport::{Transport, open};
pub use virtio_drivers;
