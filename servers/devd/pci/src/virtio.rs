//! virtio over PCI (Virtual I/O Device 1.2, 4.1): which device it is, and where its structures lie.

use alloc::vec::Vec;

use crate::{Address, Config, capability};

/// The vendor of all virtio devices.
pub const VENDOR: u16 = 0x1af4;

/// virtio's device type of a PCI function: the modern identities tell it, transitional ones by a table.
pub const fn device_type(vendor: u16, product: u16) -> Option<u32> {
    match (vendor, product) {
        (VENDOR, 0x1000) => Some(1),
        (VENDOR, 0x1001) => Some(2),
        (VENDOR, 0x1002) => Some(5),
        (VENDOR, 0x1003) => Some(3),
        (VENDOR, 0x1004) => Some(8),
        (VENDOR, 0x1005) => Some(4),
        (VENDOR, 0x1009) => Some(9),
        (VENDOR, 0x1041..=0x107f) => Some(product as u32 - 0x1040),
        _ => None,
    }
}

/// What a device type is called.
pub const fn kind_name(device_type: u32) -> Option<&'static str> {
    Some(match device_type {
        1 => "virtio-net",
        2 => "virtio-blk",
        3 => "virtio-console",
        4 => "virtio-rng",
        16 => "virtio-gpu",
        18 => "virtio-input",
        _ => return None,
    })
}

/// What a structure is (4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// Common configuration.
    Common,
    /// Notifications; with the multiplier of the queues' offsets.
    Notify(u32),
    /// Interrupt status.
    Interrupt,
    /// The device's own configuration.
    Device,
}

/// A structure's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What lies there.
    pub structure: Structure,
    /// In the memory of which base address register.
    pub bar: u8,
    /// First byte there.
    pub offset: u32,
    /// Bytes.
    pub length: u32,
}

/// All structures, the first of each kind being the one to use. Places that can't be are left out; whether they lie
/// inside their base address is for the caller to check.
pub fn structures(config: &impl Config, at: Address) -> Vec<Place> {
    let vendor = capability::capabilities(config, at).filter(|found| found.id == capability::VENDOR_SPECIFIC);
    vendor.filter_map(|found| structure(config, at, found.offset)).collect()
}

fn structure(config: &impl Config, at: Address, offset: u16) -> Option<Place> {
    let length = u16::from(config.byte(at, offset + 2));
    if length < 16 || offset + length > 256 {
        return None;
    }
    let structure = match config.byte(at, offset + 3) {
        1 => Structure::Common,
        2 if length >= 20 => Structure::Notify(config.word(at, offset + 16)),
        3 => Structure::Interrupt,
        4 => Structure::Device,
        _ => return None,
    };
    let (start, bytes) = (config.word(at, offset + 8), config.word(at, offset + 12));
    let bar = config.byte(at, offset + 4);
    (bar < 6 && start.checked_add(bytes).is_some()).then_some(Place { structure, bar, offset: start, length: bytes })
}

/// Offset of the device status in the common configuration: 0 resets.
pub const COMMON_STATUS: u32 = 20;
/// Bytes of the common configuration that every device has.
pub const COMMON_LENGTH: u32 = 56;
