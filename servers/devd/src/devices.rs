//! All devices of the machine.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use libsys::{
    Error, IoPorts, Pool, Width,
    protocol::{
        Text,
        device::{Bus as Where, Info, Messages},
    },
};
use machine::tree::{Board, Tree};
use pci::{Function, virtio};

use crate::{
    bus::{Bus, wait},
    claim::Claim,
    space::Space,
};

/// Registers of a virtio transport in memory (Virtual I/O Device 1.2, 4.2.2).
mod transport {
    pub const MAGIC: usize = 0;
    pub const DEVICE: usize = 8;
    pub const STATUS: usize = 0x70;
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"virt");
}

/// A PC's first serial port: ports, line, clock.
const SERIAL_FIRST: u16 = 0x3f8;
/// Ports of a serial port.
pub const SERIAL_COUNT: u16 = 8;
/// Its line.
pub const SERIAL_LINE: u32 = 4;
/// Its clock in Hz.
pub const SERIAL_HZ: u32 = 1_843_200;
/// The register that keeps what is written, if there is a serial port at all.
const SERIAL_SCRATCH: u16 = 7;

/// What a device is made of.
#[derive(Clone, Debug)]
pub enum Source {
    /// A PCI function.
    Pci(Function),
    /// A virtio transport in memory.
    Transport(Board),
    /// A PL011.
    Uart(Board),
    /// A 16550 at these ports.
    Serial(u16),
    /// devd's own: clock, fw_cfg.
    Own,
}

/// A device.
pub struct Device {
    /// Its number, from 1.
    pub id: u32,
    /// What it is.
    pub kind: String,
    /// What people see.
    pub name: String,
    /// Where it sits.
    pub place: Where,
    /// What it is made of.
    pub source: Source,
    /// Who has it.
    pub claim: Option<Claim>,
}

impl Device {
    /// What a permit calls it: the kinds of serial ports are one there.
    pub fn permit(&self) -> &str {
        match self.source {
            Source::Uart(_) | Source::Serial(_) => "uart",
            _ => &self.kind,
        }
    }

    /// For a list.
    pub fn info(&self) -> Info {
        Info {
            id: self.id,
            kind: Text::cut(&self.kind),
            name: Text::cut(&self.name),
            bus: self.place,
            claimed_by: self.claim.as_ref().map_or(0, |claim| claim.client),
            interrupts: self.claim.as_ref().map_or(0, |claim| claim.interrupts.len() as u8),
            messages: self.claim.as_ref().map_or(Messages::Line, |claim| claim.messages),
        }
    }
}

/// Puts the list together: what the board has, then PCI, then transports with a device behind them.
pub fn find(space: &Rc<Space>, tree: &Tree, bus: Option<&Bus>, ports: Option<&IoPorts>, pool: &Pool) -> Vec<Device> {
    let mut list = List(Vec::new());
    for uart in &tree.uarts {
        list.board("pl011", uart.registers.base, Source::Uart(*uart));
    }
    if let Some(range) = tree.clock {
        list.board("pl031", range.base, Source::Own);
    }
    if let Some(range) = tree.fw_cfg {
        list.board("fw_cfg", range.base, Source::Own);
    }
    if let Some(ports) = ports {
        if has_serial(pool, ports) {
            list.board("16550", SERIAL_FIRST.into(), Source::Serial(SERIAL_FIRST));
        }
        list.board("cmos", 0x70, Source::Own);
        list.board("fw_cfg", machine::fw_cfg::port::FIRST.into(), Source::Own);
    }
    for function in bus.iter().flat_map(|bus| &bus.functions) {
        list.pci(function);
    }
    for board in &tree.transports {
        if let Ok(Some(product)) = transport_device(space, board) {
            list.transport(board, product);
        }
    }
    list.0
}

struct List(Vec<Device>);

impl List {
    fn add(&mut self, kind: &str, name: String, place: Where, source: Source) {
        let id = self.0.len() as u32 + 1;
        self.0.push(Device { id, kind: kind.into(), name, place, source, claim: None });
    }

    fn board(&mut self, kind: &str, address: u64, source: Source) {
        self.add(kind, format!("{kind}@{address:x}"), Where::Board { address }, source);
    }

    fn pci(&mut self, function: &Function) {
        let virtio = virtio::device_type(function.vendor, function.product).and_then(virtio::kind_name);
        let name = match virtio {
            Some(kind) => format!("{kind}@{}", function.at),
            None => format!("pci@{} {:04x}:{:04x}", function.at, function.vendor, function.product),
        };
        let place = Where::Pci {
            bus: function.at.bus,
            device: function.at.device,
            function: function.at.function,
            vendor: function.vendor,
            product: function.product,
            class: function.class,
            subsystem: function.subsystem,
        };
        self.add(virtio.unwrap_or("pci"), name, place, Source::Pci(function.clone()));
    }

    fn transport(&mut self, board: &Board, product: u32) {
        let kind = virtio::kind_name(product).unwrap_or("virtio");
        let address = board.registers.base;
        let place = Where::VirtioMmio { address, product };
        self.add(kind, format!("{kind}@{address:x}"), place, Source::Transport(*board));
    }
}

/// The device behind a transport; none behind most.
fn transport_device(space: &Space, board: &Board) -> Result<Option<u32>, Error> {
    let registers = space.map(board.registers.base, board.registers.length)?;
    let read = |at| registers.mapping.register(registers.offset + at);
    let device = if read(transport::MAGIC)? == transport::MAGIC_VALUE { read(transport::DEVICE)? } else { 0 };
    Ok(Some(device).filter(|device| *device != 0))
}

/// Resets the device behind a transport.
pub fn reset_transport(space: &Space, board: &Board) -> Result<(), Error> {
    let registers = space.map(board.registers.base, board.registers.length)?;
    let status = registers.offset + transport::STATUS;
    registers.mapping.set_register(status, 0)?;
    wait(10 * libsys::time::MILLISECOND, || Ok(registers.mapping.register(status)? == 0))
}

fn has_serial(pool: &Pool, ports: &IoPorts) -> bool {
    let keeps = || -> Result<bool, Error> {
        let ports = ports.slice(pool, SERIAL_FIRST.into(), SERIAL_COUNT.into())?;
        let before = ports.read(SERIAL_SCRATCH, Width::Byte)?;
        ports.write(SERIAL_SCRATCH, Width::Byte, 0x5a)?;
        let kept = ports.read(SERIAL_SCRATCH, Width::Byte)? == 0x5a;
        ports.write(SERIAL_SCRATCH, Width::Byte, before)?;
        Ok(kept)
    };
    keeps().unwrap_or(false)
}
