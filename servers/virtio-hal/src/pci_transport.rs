//! virtio over PCI (Virtual I/O Device 1.2, 4.1), without configuration space: its structures' places come from a copy.

use alloc::{rc::Rc, vec::Vec};

use libsys::{Error, Mapping};
use pci::virtio::{Place, Structure};
use virtio_drivers::{
    PhysAddr,
    transport::{DeviceStatus, DeviceType, InterruptStatus, Transport},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Registers of the common configuration (4.1.4.3).
mod common {
    pub const DEVICE_FEATURE_SELECT: usize = 0;
    pub const DEVICE_FEATURE: usize = 4;
    pub const DRIVER_FEATURE_SELECT: usize = 8;
    pub const DRIVER_FEATURE: usize = 12;
    pub const CONFIG_VECTOR: usize = 16;
    pub const STATUS: usize = 20;
    pub const GENERATION: usize = 21;
    pub const QUEUE_SELECT: usize = 22;
    pub const QUEUE_SIZE: usize = 24;
    pub const QUEUE_VECTOR: usize = 26;
    pub const QUEUE_ENABLE: usize = 28;
    pub const QUEUE_NOTIFY_OFFSET: usize = 30;
    pub const QUEUE_DESCRIPTORS: usize = 32;
    pub const QUEUE_DRIVER: usize = 40;
    pub const QUEUE_DEVICE: usize = 48;
    pub const LENGTH: u32 = 56;
}

/// Looks at the status register after a reset at most.
const PATIENCE: u32 = 100_000;

/// A structure's registers.
#[derive(Clone, Debug)]
struct Part {
    mapping: Rc<Mapping>,
    start: usize,
    length: usize,
}

/// All structures of a device.
#[derive(Clone, Debug)]
pub struct Structures {
    common: Part,
    notify: Part,
    notify_step: usize,
    interrupt: Part,
    device: Option<Part>,
}

impl Structures {
    /// Finds them in the mapped base addresses: `bar(index)` gives mapping, offset of the first register, and bytes.
    pub fn new(
        places: &[Place],
        mut bar: impl FnMut(u8) -> Option<(Rc<Mapping>, usize, u64)>,
    ) -> Result<Structures, Error> {
        let mut part = |wanted: fn(Structure) -> bool, least: u32| {
            let place = places.iter().find(|place| wanted(place.structure) && place.length >= least)?;
            let (mapping, start, bytes) = bar(place.bar)?;
            let end = u64::from(place.offset) + u64::from(place.length);
            let fits = end <= bytes && start as u64 + end <= mapping.len() as u64;
            fits.then(|| Part { mapping, start: start + place.offset as usize, length: place.length as usize })
        };
        let notify_step = places.iter().find_map(|place| match place.structure {
            Structure::Notify(step) => Some(step as usize),
            _ => None,
        });
        Ok(Structures {
            common: part(|s| s == Structure::Common, common::LENGTH).ok_or(Error::Device)?,
            notify: part(|s| matches!(s, Structure::Notify(_)), 2).ok_or(Error::Device)?,
            notify_step: notify_step.filter(|step| step.is_multiple_of(2)).ok_or(Error::Device)?,
            interrupt: part(|s| s == Structure::Interrupt, 1).ok_or(Error::Device)?,
            device: part(|s| s == Structure::Device, 1),
        })
    }
}

/// The transport. The device is reset when it is dropped.
#[derive(Debug)]
pub struct PciTransport {
    device_type: DeviceType,
    structures: Structures,
    /// MSI-X vectors; 0: the device uses its line.
    vectors: u16,
    /// Where each queue is told of, found when it was set up.
    notify_at: Vec<Option<usize>>,
}

impl Part {
    // Places were checked when the structure was found, so these fail only for a structure that is too short: it reads as all
    // ones, and writes are lost, as they are with hardware.
    fn at(&self, offset: usize, bytes: usize) -> usize {
        if offset + bytes <= self.length { self.start + offset } else { usize::MAX }
    }

    fn read8(&self, offset: usize) -> u8 {
        self.mapping.register8(self.at(offset, 1)).unwrap_or(u8::MAX)
    }

    fn read16(&self, offset: usize) -> u16 {
        self.mapping.register16(self.at(offset, 2)).unwrap_or(u16::MAX)
    }

    fn read32(&self, offset: usize) -> u32 {
        self.mapping.register(self.at(offset, 4)).unwrap_or(u32::MAX)
    }

    fn write8(&self, offset: usize, value: u8) {
        let _ = self.mapping.set_register8(self.at(offset, 1), value);
    }

    fn write16(&self, offset: usize, value: u16) {
        let _ = self.mapping.set_register16(self.at(offset, 2), value);
    }

    fn write32(&self, offset: usize, value: u32) {
        let _ = self.mapping.set_register(self.at(offset, 4), value);
    }

    fn write64(&self, offset: usize, value: u64) {
        self.write32(offset, value as u32);
        self.write32(offset + 4, (value >> 32) as u32);
    }
}

impl PciTransport {
    /// Over a device's structures. `vectors`: how many MSI-X vectors it has, 0 for a line.
    pub fn new(device_type: DeviceType, structures: Structures, vectors: u16) -> PciTransport {
        PciTransport { device_type, structures, vectors, notify_at: Vec::new() }
    }

    fn select(&self, queue: u16) -> &Part {
        self.structures.common.write16(common::QUEUE_SELECT, queue);
        &self.structures.common
    }

    fn reset(&self) {
        let status = &self.structures.common;
        status.write8(common::STATUS, 0);
        for _ in 0..PATIENCE {
            if status.read8(common::STATUS) == 0 {
                return;
            }
            libsys::relax();
        }
    }
}

impl Transport for PciTransport {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        let common = &self.structures.common;
        common.write32(common::DEVICE_FEATURE_SELECT, 0);
        let low = common.read32(common::DEVICE_FEATURE);
        common.write32(common::DEVICE_FEATURE_SELECT, 1);
        u64::from(low) | u64::from(common.read32(common::DEVICE_FEATURE)) << 32
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        let common = &self.structures.common;
        common.write32(common::DRIVER_FEATURE_SELECT, 0);
        common.write32(common::DRIVER_FEATURE, driver_features as u32);
        common.write32(common::DRIVER_FEATURE_SELECT, 1);
        common.write32(common::DRIVER_FEATURE, (driver_features >> 32) as u32);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.select(queue).read16(common::QUEUE_SIZE).into()
    }

    fn notify(&mut self, queue: u16) {
        let place = match self.notify_at.get(usize::from(queue)).copied().flatten() {
            Some(place) => place,
            None => self.find_notify(queue),
        };
        self.structures.notify.write16(place, queue);
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.structures.common.read8(common::STATUS).into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        if status.is_empty() {
            // A device may take its time, and must be left alone until it says that it is reset (4.1.4.3.2).
            self.reset();
            if self.vectors > 0 {
                self.structures.common.write16(common::CONFIG_VECTOR, 0);
            }
            return;
        }
        self.structures.common.write8(common::STATUS, status.bits() as u8);
    }

    fn set_guest_page_size(&mut self, _guest_page_size: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        let common = self.select(queue);
        common.write16(common::QUEUE_SIZE, size as u16);
        if self.vectors > 0 {
            common.write16(common::QUEUE_VECTOR, vector_of(queue, self.vectors));
        }
        common.write64(common::QUEUE_DESCRIPTORS, descriptors);
        common.write64(common::QUEUE_DRIVER, driver_area);
        common.write64(common::QUEUE_DEVICE, device_area);
        common.write16(common::QUEUE_ENABLE, 1);
        self.find_notify(queue);
    }

    fn queue_unset(&mut self, _queue: u16) {
        // A queue of a PCI device ends with the reset alone.
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.select(queue).read16(common::QUEUE_ENABLE) == 1
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        // Reading takes the line down. With MSI-X the register is of no use (4.1.4.5).
        InterruptStatus::from_bits_retain(self.structures.interrupt.read8(0).into())
    }

    fn read_config_generation(&self) -> u32 {
        self.structures.common.read8(common::GENERATION).into()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> virtio_drivers::Result<T> {
        let device = self.structures.device.as_ref().ok_or(virtio_drivers::Error::ConfigSpaceMissing)?;
        let mut value = T::new_zeroed();
        let bytes = value.as_mut_bytes();
        if offset.checked_add(bytes.len()).is_none_or(|end| end > device.length) {
            return Err(virtio_drivers::Error::ConfigSpaceTooSmall);
        }
        // Fields are read by their own width (4.1.3.1): what is of 64 bits in two halves.
        match bytes.len() {
            2 => bytes.copy_from_slice(&device.read16(offset).to_le_bytes()),
            n if n.is_multiple_of(4) => {
                for (i, word) in bytes.chunks_exact_mut(4).enumerate() {
                    word.copy_from_slice(&device.read32(offset + 4 * i).to_le_bytes());
                }
            }
            _ => bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = device.read8(offset + i)),
        }
        Ok(value)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> virtio_drivers::Result<()> {
        let device = self.structures.device.as_ref().ok_or(virtio_drivers::Error::ConfigSpaceMissing)?;
        let bytes = value.as_bytes();
        if offset.checked_add(bytes.len()).is_none_or(|end| end > device.length) {
            return Err(virtio_drivers::Error::ConfigSpaceTooSmall);
        }
        match *bytes {
            [a, b] => device.write16(offset, u16::from_le_bytes([a, b])),
            _ if bytes.len().is_multiple_of(4) => {
                for (i, word) in bytes.as_chunks().0.iter().enumerate() {
                    device.write32(offset + 4 * i, u32::from_le_bytes(*word));
                }
            }
            _ => bytes.iter().enumerate().for_each(|(i, byte)| device.write8(offset + i, *byte)),
        }
        Ok(())
    }
}

impl PciTransport {
    fn find_notify(&mut self, queue: u16) -> usize {
        let offset = usize::from(self.select(queue).read16(common::QUEUE_NOTIFY_OFFSET));
        let place = offset.saturating_mul(self.structures.notify_step).min(usize::MAX - 2);
        let queue = usize::from(queue);
        if self.notify_at.len() <= queue {
            self.notify_at.resize(queue + 1, None);
        }
        self.notify_at[queue] = Some(place);
        place
    }
}

impl Drop for PciTransport {
    fn drop(&mut self) {
        self.reset();
    }
}

/// Which of a device's interrupts tells of a queue: vector 0 is the configuration's, and that of the queues that are left
/// over.
pub const fn vector_of(queue: u16, vectors: u16) -> u16 {
    if queue + 1 < vectors { queue + 1 } else { 0 }
}
