//! A claimed device's transport, whichever it is.

use alloc::{collections::BTreeMap, rc::Rc};

use libsys::{
    Error, Mapping,
    device::{Device, Registers},
    protocol::device::Messages,
};
use pci::{Address, Config, config::Snapshot};
use virtio_drivers::{
    PhysAddr,
    transport::{DeviceStatus, DeviceType, InterruptStatus, Transport as VirtioTransport},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{Mmio, PciTransport, Share, Structures};

/// Over PCI or MMIO.
#[derive(Debug)]
pub enum Transport {
    /// PCI.
    Pci(PciTransport),
    /// MMIO.
    Mmio(Mmio),
}

/// The transport of a claimed device, whose whole DMA memory becomes share `N`.
///
/// [`Error::Device`] if it is no virtio device of version 1, [`Error::InUse`] if the share is.
pub fn open<const N: usize>(device: &Device<'_>) -> Result<Transport, Error> {
    let snapshot = device.configuration(0, 256).unwrap_or_default();
    let transport = if snapshot.len() < 64 {
        Transport::Mmio(Mmio::new(device.registers(0)?)?)
    } else {
        Transport::Pci(pci(device, &snapshot)?)
    };
    let (mapping, address) = device.dma(device.claimed.dma_pages)?;
    Share::<N>::give(mapping, address)?;
    Ok(transport)
}

fn pci(device: &Device<'_>, snapshot: &[u8]) -> Result<PciTransport, Error> {
    let (config, at) = (Snapshot(snapshot), Address::default());
    let (vendor, product) = (config.half(at, pci::config::VENDOR), config.half(at, pci::config::PRODUCT));
    let number = pci::virtio::device_type(vendor, product).ok_or(Error::Device)?;
    let device_type = DeviceType::try_from(number).map_err(|_| Error::Device)?;
    let mut mapped: BTreeMap<u8, Option<(Rc<Mapping>, usize, u64)>> = BTreeMap::new();
    let bar = |index: u8| {
        let map = || {
            let regions = device.claimed.regions.iter().enumerate();
            let (place, region) = regions.into_iter().find(|(_, region)| region.bar == index)?;
            match device.registers(place).ok()? {
                Registers::Memory(mapping, offset) => Some((Rc::new(mapping), offset, region.length)),
                Registers::Ports(_) => None,
            }
        };
        mapped.entry(index).or_insert_with(map).clone()
    };
    let structures = Structures::new(&pci::virtio::structures(&config, at), bar)?;
    let vectors = match device.claimed.messages {
        Messages::MsiX => device.claimed.interrupts.into(),
        Messages::Line => 0,
    };
    Ok(PciTransport::new(device_type, structures, vectors))
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($self:ident, $transport:ident => $call:expr) => {
        match $self {
            Transport::Pci($transport) => $call,
            Transport::Mmio(Mmio { transport: $transport, .. }) => $call,
        }
    };
}

impl VirtioTransport for Transport {
    fn device_type(&self) -> DeviceType {
        either!(self, t => t.device_type())
    }

    fn read_device_features(&mut self) -> u64 {
        either!(self, t => t.read_device_features())
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        either!(self, t => t.write_driver_features(driver_features))
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        either!(self, t => t.max_queue_size(queue))
    }

    fn notify(&mut self, queue: u16) {
        either!(self, t => t.notify(queue))
    }

    fn get_status(&self) -> DeviceStatus {
        either!(self, t => t.get_status())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        either!(self, t => t.set_status(status))
    }

    fn set_guest_page_size(&mut self, guest_page_size: u32) {
        either!(self, t => t.set_guest_page_size(guest_page_size))
    }

    fn requires_legacy_layout(&self) -> bool {
        either!(self, t => t.requires_legacy_layout())
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        either!(self, t => t.queue_set(queue, size, descriptors, driver_area, device_area))
    }

    fn queue_unset(&mut self, queue: u16) {
        either!(self, t => t.queue_unset(queue))
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        either!(self, t => t.queue_used(queue))
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        either!(self, t => t.ack_interrupt())
    }

    fn read_config_generation(&self) -> u32 {
        either!(self, t => t.read_config_generation())
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> virtio_drivers::Result<T> {
        either!(self, t => t.read_config_space(offset))
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> virtio_drivers::Result<()> {
        either!(self, t => t.write_config_space(offset, value))
    }
}
