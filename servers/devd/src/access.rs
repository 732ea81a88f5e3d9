//! How PCI configuration space is reached: ECAM where a table tells of one, else the ports of `pc`.

use alloc::{collections::BTreeMap, rc::Rc};
use core::cell::RefCell;

use libsys::{IoPorts, Mapping, Pool};
use pci::{Address, Config, Width};

use crate::space::Space;

/// Address and data (PCI Local Bus Specification 3.0, 3.2.2.3.2).
const PORT_ADDRESS: u64 = 0xcf8;
const PORT_COUNT: u64 = 8;
const DATA: u16 = 4;
/// Bytes of a bus in ECAM.
const BUS: u64 = 1 << 20;

/// A way to configuration space.
pub enum Access {
    /// Memory-mapped.
    Ecam(Ecam),
    /// Ports: 256 bytes a function.
    Ports(IoPorts),
}

/// Memory-mapped configuration space; a bus is mapped when it is first looked at.
pub struct Ecam {
    space: Rc<Space>,
    base: u64,
    first_bus: u8,
    last_bus: u8,
    buses: RefCell<BTreeMap<u8, Option<Mapping>>>,
}

impl Access {
    /// ECAM at a physical address.
    pub fn ecam(space: Rc<Space>, base: u64, buses: (u8, u8)) -> Access {
        let (first_bus, last_bus) = buses;
        Access::Ecam(Ecam { space, base, first_bus, last_bus, buses: RefCell::default() })
    }

    /// Ports, where they answer as PCI's address register does: it keeps what is written.
    pub fn ports(pool: &Pool, ports: &IoPorts) -> Option<Access> {
        let ports = ports.slice(pool, PORT_ADDRESS, PORT_COUNT).ok()?;
        ports.write(0, libsys::Width::Word, 1 << 31).ok()?;
        (ports.read(0, libsys::Width::Word).ok()? == 1 << 31).then_some(Access::Ports(ports))
    }

    /// First and last bus.
    pub fn buses(&self) -> (u8, u8) {
        match self {
            Access::Ecam(ecam) => (ecam.first_bus, ecam.last_bus),
            Access::Ports(_) => (0, 255),
        }
    }
}

impl Ecam {
    /// Does something with a bus's megabyte; none if that can't be mapped.
    fn with<R>(&self, at: Address, f: impl FnOnce(&Mapping, usize) -> R) -> Option<R> {
        if !(self.first_bus..=self.last_bus).contains(&at.bus) {
            return None;
        }
        let mut buses = self.buses.borrow_mut();
        let map = || {
            let base = self.base + u64::from(at.bus - self.first_bus) * BUS;
            self.space.map(base, BUS).ok().map(|registers| registers.mapping)
        };
        let bus = buses.entry(at.bus).or_insert_with(map).as_ref()?;
        Some(f(bus, at.ecam_offset(at.bus)?))
    }
}

impl Config for Access {
    fn read(&self, at: Address, offset: u16, width: Width) -> u32 {
        if offset >= self.size() {
            return u32::MAX;
        }
        let value = match self {
            Access::Ecam(ecam) => ecam.with(at, |bus, function| {
                let register = function + usize::from(offset);
                match width {
                    Width::Byte => bus.register8(register).map(u32::from).ok(),
                    Width::Half => bus.register16(register).map(u32::from).ok(),
                    Width::Word => bus.register(register).ok(),
                }
            }),
            Access::Ports(ports) => select(ports, at, offset).map(|offset| ports.read(offset, port_width(width)).ok()),
        };
        value.flatten().unwrap_or(u32::MAX)
    }

    fn write(&mut self, at: Address, offset: u16, width: Width, value: u32) {
        if offset >= self.size() {
            return;
        }
        // What can't be reached is lost, as the trait says.
        let _ = match self {
            Access::Ecam(ecam) => ecam.with(at, |bus, function| {
                let register = function + usize::from(offset);
                match width {
                    Width::Byte => bus.set_register8(register, value as u8),
                    Width::Half => bus.set_register16(register, value as u16),
                    Width::Word => bus.set_register(register, value),
                }
                .ok()
            }),
            Access::Ports(ports) => {
                select(ports, at, offset).map(|offset| ports.write(offset, port_width(width), value).ok())
            }
        };
    }

    fn size(&self) -> u16 {
        match self {
            Access::Ecam(_) => 4096,
            Access::Ports(_) => 256,
        }
    }
}

/// Writes the address; the data port's offset for this register.
fn select(ports: &IoPorts, at: Address, offset: u16) -> Option<u16> {
    let address = 1 << 31 | at.unit() | u32::from(offset & 0xfc);
    ports.write(0, libsys::Width::Word, address).ok()?;
    Some(DATA + (offset & 3))
}

const fn port_width(width: Width) -> libsys::Width {
    match width {
        Width::Byte => libsys::Width::Byte,
        Width::Half => libsys::Width::Half,
        Width::Word => libsys::Width::Word,
    }
}
