//! The PCI bus: found, placed, and what is done to its functions.

use alloc::{rc::Rc, vec::Vec};

use libsys::{Error, time};
use machine::tree::InterruptMap;
use pci::{
    Address, Bar, Config, Function, Kind, Msix, Windows, capability,
    config::{COMMAND_MASTER, COMMAND_MEMORY, COMMAND_NO_PIN, COMMAND_PORTS},
    msix::{self, State},
    virtio::{self, Structure},
};

use crate::{
    access::Access,
    space::{Registers, Space},
};

/// How long a device may take to reset: virtio, function level reset (PCI Express Base Specification 5.0, 6.6.2).
const RESET_VIRTIO_NS: u64 = 10 * time::MILLISECOND;
const RESET_FUNCTION_NS: u64 = 100 * time::MILLISECOND;

/// The bus with its functions.
pub struct Bus {
    access: Access,
    space: Rc<Space>,
    windows: Windows,
    interrupts: InterruptMap,
    /// All functions.
    pub functions: Vec<Function>,
}

impl Bus {
    /// Finds all functions and gives them addresses.
    pub fn new(mut access: Access, space: Rc<Space>, windows: Windows, interrupts: InterruptMap) -> Bus {
        let (first, last) = access.buses();
        let mut functions = pci::scan(&mut access, first, last);
        let mut free = windows.clone();
        let placed = pci::place(&mut access, &mut functions, &mut free);
        libsys::log!(
            Detail,
            "pci: {} functions, base addresses: {} kept, {} given, {} without room",
            functions.len(),
            placed.kept,
            placed.given,
            placed.without
        );
        Bus { access, space, windows, interrupts, functions }
    }

    /// The processor's address of a base address; none without one.
    pub fn address(&self, bar: &Bar) -> Option<u64> {
        if bar.address == 0 { None } else { self.windows.cpu(bar.address, bar.size) }
    }

    /// The line at which a function's wired interrupt arrives, where a table tells.
    pub fn line(&self, function: &Function) -> Option<machine::tree::Line> {
        let (at, pin) = function.interrupt?;
        self.interrupts.line(at.unit(), pin.number())
    }

    /// A copy of a function's first 256 bytes.
    pub fn snapshot(&self, at: Address) -> Vec<u8> {
        let words = (0..64).flat_map(|word| self.access.word(at, 4 * word).to_le_bytes());
        words.collect()
    }

    /// MSI-X of a function, if its table lies inside a base address that has one.
    pub fn messages(&self, function: &Function) -> Option<Msix> {
        let msix = Msix::read(&self.access, function.at)?;
        let bar = function.bars.iter().find(|bar| bar.index == msix.table_bar && bar.is_memory())?;
        let end = u64::from(msix.table_offset) + u64::from(msix.table_length());
        (bar.address != 0 && end <= bar.size).then_some(msix)
    }

    /// Has a function send these messages, one a vector; its other vectors stay masked.
    pub fn send_messages(&mut self, function: &Function, msix: &Msix, messages: &[(u64, u32)]) -> Result<(), Error> {
        let bar = function.bars.iter().find(|bar| bar.index == msix.table_bar).ok_or(Error::Device)?;
        let table = self.address(bar).ok_or(Error::Device)? + u64::from(msix.table_offset);
        let registers = self.space.map(table, msix.table_length().into())?;
        msix.set(&mut self.access, function.at, State::Masked);
        for vector in 0..msix.vectors {
            let at = registers.offset + usize::from(vector) * msix::ENTRY as usize;
            let message = messages.get(usize::from(vector)).copied();
            let (address, data) = message.unwrap_or_default();
            registers.mapping.set_register(at, address as u32)?;
            registers.mapping.set_register(at + 4, (address >> 32) as u32)?;
            registers.mapping.set_register(at + 8, data)?;
            registers.mapping.set_register(at + 12, if message.is_some() { 0 } else { msix::ENTRY_MASKED })?;
        }
        msix.set(&mut self.access, function.at, State::On);
        Ok(())
    }

    /// A driver is about to have the function: it answers and may master the bus. Of `COMMAND_PORTS` and `COMMAND_NO_PIN` the
    /// given bits are set and the others cleared.
    pub fn enable(&mut self, function: &Function, bits: u16) {
        let clear = !bits & (COMMAND_PORTS | COMMAND_NO_PIN);
        pci::config::command(&mut self.access, function.at, COMMAND_MEMORY | COMMAND_MASTER | bits, clear);
    }

    /// No driver has it any more: it masters nothing, sends nothing, and is reset.
    pub fn quiet(&mut self, function: &Function) -> Result<(), Error> {
        pci::config::command(&mut self.access, function.at, COMMAND_NO_PIN, COMMAND_MASTER);
        if let Some(msix) = Msix::read(&self.access, function.at) {
            msix.set(&mut self.access, function.at, State::Off);
        }
        self.reset(function)
    }

    /// Resets a function: virtio's way, else by a function level reset; others only stop mastering the bus.
    pub fn reset(&mut self, function: &Function) -> Result<(), Error> {
        if virtio::device_type(function.vendor, function.product).is_some() {
            return self.reset_virtio(function);
        }
        match capability::function_reset(&self.access, function.at) {
            Some(control) if function.kind == Kind::Device => self.reset_function(function, control),
            _ => Ok(()),
        }
    }

    fn reset_virtio(&mut self, function: &Function) -> Result<(), Error> {
        let registers = self.status_page(function).ok_or(Error::Device)?;
        let status = registers.offset + virtio::COMMON_STATUS as usize;
        registers.mapping.set_register8(status, 0)?;
        wait(RESET_VIRTIO_NS, || Ok(registers.mapping.register8(status)? == 0))
    }

    /// The common configuration's registers.
    fn status_page(&self, function: &Function) -> Option<Registers> {
        let places = virtio::structures(&self.access, function.at);
        let common = places.iter().find(|place| place.structure == Structure::Common)?;
        let bar = function.bars.iter().find(|bar| bar.index == common.bar && bar.is_memory())?;
        let end = u64::from(common.offset) + u64::from(virtio::COMMON_LENGTH);
        let start = self.address(bar).filter(|_| end <= bar.size)?;
        self.space.map(start + u64::from(common.offset), virtio::COMMON_LENGTH.into()).ok()
    }

    /// The reset takes base addresses and command with it.
    fn reset_function(&mut self, function: &Function, control: u16) -> Result<(), Error> {
        let command = self.access.half(function.at, pci::config::COMMAND);
        capability::start_function_reset(&mut self.access, function.at, control);
        wait(RESET_FUNCTION_NS, || Ok(self.access.half(function.at, pci::config::VENDOR) == function.vendor))?;
        for bar in &function.bars {
            pci::bar::write(&mut self.access, function.at, bar, bar.address);
        }
        pci::config::command(&mut self.access, function.at, command, !command & (COMMAND_MASTER | COMMAND_MEMORY));
        Ok(())
    }

    /// Writes configuration space for a driver.
    pub fn configure(&mut self, at: Address, offset: u16, size: u8, value: u32) -> Result<(), Error> {
        let width = pci::Width::from_bytes(size).ok_or(Error::BadArgument)?;
        if !offset.is_multiple_of(width.bytes()) {
            return Err(Error::BadArgument);
        }
        if !pci::config::may_write(offset, width) {
            return Err(Error::Denied);
        }
        self.access.write(at, offset, width, value);
        Ok(())
    }
}

/// Looks until it is so, or the time is over: [`Error::Device`].
pub fn wait(ns: u64, mut done: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    let deadline = time::after(ns);
    loop {
        if done()? {
            return Ok(());
        }
        if time::now_ns() >= deadline {
            return Err(Error::Device);
        }
        libsys::relax();
    }
}
