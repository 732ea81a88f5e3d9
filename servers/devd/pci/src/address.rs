//! Where a function sits.

use core::fmt;

/// Bus, device and function, of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Bus.
    pub bus: u8,
    /// Device, 0–31.
    pub device: u8,
    /// Function, 0–7.
    pub function: u8,
}

impl Address {
    /// An address; device and function are cut to their bits.
    pub const fn new(bus: u8, device: u8, function: u8) -> Address {
        Address { bus, device: device & 31, function: function & 7 }
    }

    /// Bus, device and function as 16 bits: a requester's identity.
    pub const fn requester(self) -> u16 {
        (self.bus as u16) << 8 | (self.device as u16) << 3 | self.function as u16
    }

    /// The first byte of its 4 KiB in an ECAM that starts with bus `first_bus`.
    pub const fn ecam_offset(self, first_bus: u8) -> Option<usize> {
        match self.bus.checked_sub(first_bus) {
            Some(bus) => Some((bus as usize) << 20 | (self.device as usize) << 15 | (self.function as usize) << 12),
            None => None,
        }
    }

    /// The first cell of a unit address in a device tree (IEEE 1275 PCI bus binding, 2.2.1.1): `phys.hi`.
    pub const fn unit(self) -> u32 {
        (self.requester() as u32) << 8
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// A wired interrupt: INTA to INTD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pin(u8);

impl Pin {
    /// From the register: 1 to 4; 0 is none.
    pub const fn from_register(value: u8) -> Option<Pin> {
        match value {
            1..=4 => Some(Pin(value)),
            _ => None,
        }
    }

    /// 1 to 4, as in the register and in a device tree.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The pin that a bridge raises on its own bus when the device behind it raises this one (PCI-to-PCI Bridge
    /// Architecture Specification 1.2, 9.1).
    #[must_use]
    pub const fn behind_bridge(self, device: u8) -> Pin {
        Pin((self.0 - 1 + device) % 4 + 1)
    }
}
