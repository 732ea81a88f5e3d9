//! What init hands to the server that `holds` the devices: devd.
//!
//! | named handle | what it is |
//! |---|---|
//! | `boot` | a frozen copy of the boot page, read by [`DeviceRoots::take`] |
//! | `dma` | one Memory of type DMA for all devices, with OWNER: it stays init's, so it outlives devd |
//! | `time` | the time page, writable |
//!
//! In the copy the seed is zeros, and of the roots only those of devices are left (tables, device addresses, lines,
//! messages, ports, command line); their handles are this process's.

use alloc::vec::Vec;
use core::mem::offset_of;

use abi::boot::{BootInfo, MAGIC, MAX_ROOTS, Machine, Root, RootKind, VERSION};
use protocol::Error;

use crate::{Frozen, Memory, OwnedHandle, env};

/// The machine as devd gets it.
#[derive(Debug)]
pub struct DeviceRoots {
    /// Which description there is.
    pub machine: Machine,
    /// Bytes of memory found.
    pub ram_total: u64,
    roots: Vec<Root>,
}

impl DeviceRoots {
    /// Takes the named handle `boot`, once, and reads it.
    pub fn take() -> Result<DeviceRoots, Error> {
        let memory = Memory::adopt(env::take_handle("boot")?);
        DeviceRoots::parse(&Frozen::map(&memory)?)
    }

    fn parse(page: &[u8]) -> Result<DeviceRoots, Error> {
        let magic = word(page, offset_of!(BootInfo, magic))?;
        if magic != MAGIC || word(page, offset_of!(BootInfo, version))? != VERSION {
            return Err(Error::Version);
        }
        let machine = offset_of!(BootInfo, machine);
        let count = word(page, offset_of!(BootInfo, root_count))? as usize;
        let roots = (0..count.min(MAX_ROOTS)).map(|i| root(page, offset_of!(BootInfo, roots) + i * size_of::<Root>()));
        Ok(DeviceRoots {
            machine: Machine {
                kind: word(page, machine + offset_of!(Machine, kind))?,
                lines: word(page, machine + offset_of!(Machine, lines))?,
                rsdp: double(page, machine + offset_of!(Machine, rsdp))?,
            },
            ram_total: double(page, offset_of!(BootInfo, ram_total))?,
            roots: roots.collect::<Result<_, _>>()?,
        })
    }

    /// The roots of a kind: base, length and handle.
    pub fn of(&self, kind: RootKind) -> impl Iterator<Item = Root> {
        self.roots.iter().copied().filter(move |root| root.kind == kind as u32)
    }
}

/// A second handle to a root, with all rights that this process has.
pub fn open(root: &Root) -> Result<OwnedHandle, Error> {
    crate::dup(root.handle().ok_or(Error::BadHandle)?, abi::Rights::all())
}

fn root(page: &[u8], at: usize) -> Result<Root, Error> {
    Ok(Root {
        kind: word(page, at + offset_of!(Root, kind))?,
        handle: word(page, at + offset_of!(Root, handle))?,
        base: double(page, at + offset_of!(Root, base))?,
        length: double(page, at + offset_of!(Root, length))?,
    })
}

fn word(page: &[u8], at: usize) -> Result<u32, Error> {
    page.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(Error::Malformed)
}

fn double(page: &[u8], at: usize) -> Result<u64, Error> {
    page.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or(Error::Malformed)
}
