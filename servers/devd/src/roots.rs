//! What init hands over: the boot page's roots of devices (`libsys::roots`), memory for devices, the time page.

use alloc::vec::Vec;

use libsys::{
    Error, Interrupt, IoPorts, Memory,
    abi::boot::{Root as BootRoot, RootKind},
    env,
    roots::{self, DeviceRoots},
};

/// A root with the number that it starts with.
#[derive(Debug)]
pub struct Root<T> {
    /// Address, line or port.
    pub first: u64,
    /// Bytes, lines or ports.
    pub length: u64,
    /// The object.
    pub object: T,
}

/// Everything that was given. What is missing is missed only by what needs it.
#[derive(Debug)]
pub struct Roots {
    /// Registers of devices.
    pub devices: Vec<Root<Memory>>,
    /// The device tree, or memory with ACPI's tables.
    pub tables: Vec<Root<Memory>>,
    /// Lines.
    pub lines: Option<Root<Interrupt>>,
    /// Messages.
    pub messages: Option<Root<Interrupt>>,
    /// I/O ports.
    pub ports: Option<IoPorts>,
    /// The kernel's command line.
    pub command_line: Option<Root<Memory>>,
    /// Memory for devices.
    pub dma: Option<Memory>,
    /// The time page.
    pub time: Option<Memory>,
}

impl Roots {
    /// Takes all that init gave.
    pub fn take() -> Result<Roots, Error> {
        let boot = DeviceRoots::take()?;
        Ok(Roots {
            devices: all(&boot, RootKind::Devices)?,
            tables: all(&boot, RootKind::Tables)?,
            lines: all(&boot, RootKind::Lines)?.pop(),
            messages: all(&boot, RootKind::Messages)?.pop(),
            ports: all(&boot, RootKind::Ports)?.pop().map(|root| root.object),
            command_line: all(&boot, RootKind::CommandLine)?.pop(),
            dma: env::take_handle("dma").ok().map(Memory::adopt),
            time: env::take_handle("time").ok().map(Memory::adopt),
        })
    }
}

fn all<T: From<libsys::OwnedHandle>>(boot: &DeviceRoots, kind: RootKind) -> Result<Vec<Root<T>>, Error> {
    let open = |root: BootRoot| Ok(Root { first: root.base, length: root.length, object: roots::open(&root)?.into() });
    boot.of(kind).map(open).collect()
}
