//! Devices: finding and claiming them at devd.

use alloc::{string::String, vec::Vec};

use protocol::{
    Error, Text,
    device::{Claimed, Info, RegionKind, Reply, Request, Service},
};

use crate::{Access, Channel, Handles, Interrupt, IoPorts, Mapping, Memory, names, pieces};

/// A session with devd.
#[derive(Debug)]
pub struct Devices(Channel<Service>);

impl Devices {
    /// Opens the name `device`.
    pub fn open() -> Result<Devices, Error> {
        Devices::open_named("device")
    }

    /// Opens another name of the service: `config` has options and files, and no devices.
    pub fn open_named(name: &str) -> Result<Devices, Error> {
        Ok(Devices(names::open(name)?))
    }

    /// All devices that this process may see.
    pub fn list(&self) -> Result<Vec<Info>, Error> {
        pieces::by_number(
            |device: &Info| device.id,
            |after| match self.0.call(&Request::List { after })? {
                Reply::Devices(some) => Ok(some),
                _ => Err(Error::Protocol),
            },
        )
    }

    /// The first device of a kind: [`Error::NotFound`].
    pub fn find(&self, kind: &str) -> Result<Info, Error> {
        self.list()?.into_iter().find(|info| info.kind == kind).ok_or(Error::NotFound)
    }

    /// Why something went wrong with a device: where devd died meanwhile, all of it went away, and that is why.
    pub fn cause(&self, error: Error) -> Error {
        self.list().err().unwrap_or(error)
    }

    /// Takes a device for as long as this session lasts.
    pub fn claim(&self, id: u32) -> Result<Device<'_>, Error> {
        match self.0.call(&Request::Claim { id })? {
            Reply::Claimed(claimed) => Ok(Device { devices: self, id, claimed }),
            _ => Err(Error::Protocol),
        }
    }

    /// The value of a `key=value` option.
    pub fn option(&self, key: &str) -> Result<Option<String>, Error> {
        match self.0.call(&Request::Option { key: Text::try_from(key)? })? {
            Reply::Option(value) => Ok(value.map(Text::into_string)),
            _ => Err(Error::Protocol),
        }
    }

    /// A whole file that the host gave, at most `limit` bytes.
    pub fn file(&self, name: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let name: Text<48> = Text::try_from(name)?;
        let mut all = Vec::new();
        loop {
            let offset = all.len() as u32;
            match self.0.call(&Request::File { name: name.clone(), offset })? {
                Reply::File { size, bytes } => {
                    if size as usize > limit {
                        return Err(Error::Limit);
                    }
                    if bytes.is_empty() && all.len() < size as usize {
                        return Err(Error::Protocol);
                    }
                    all.try_reserve(bytes.len()).map_err(|_| Error::NoMemory)?;
                    all.extend_from_slice(&bytes);
                    if all.len() >= size as usize {
                        return Ok(all);
                    }
                }
                _ => return Err(Error::Protocol),
            }
        }
    }

    /// Sets the clock.
    pub fn set_clock(&self, utc_ns: u64) -> Result<(), Error> {
        self.0.call(&Request::SetClock { utc_ns }).map(drop)
    }

    /// The channel, for requests that have no function here.
    pub fn channel(&self) -> &Channel<Service> {
        &self.0
    }
}

/// A claimed device.
#[derive(Debug)]
pub struct Device<'a> {
    devices: &'a Devices,
    /// Its id.
    pub id: u32,
    /// What it has.
    pub claimed: Claimed,
}

/// A device's registers.
#[derive(Debug)]
pub enum Registers {
    /// In memory: the mapping and where in it they start.
    Memory(Mapping, usize),
    /// I/O ports.
    Ports(IoPorts),
}

impl Device<'_> {
    /// Registers, by their index.
    pub fn registers(&self, index: usize) -> Result<Registers, Error> {
        let region = *self.claimed.regions.get(index).ok_or(Error::NotFound)?;
        let request = Request::Region { id: self.id, index: index as u8 };
        let (_, handle) = self.devices.0.call_for_handle(&request, Handles::none())?;
        Ok(match region.kind {
            RegionKind::Memory => {
                let memory = Memory::adopt(handle);
                Registers::Memory(memory.map(Access::READ | Access::WRITE)?, region.offset.into())
            }
            RegionKind::Ports => Registers::Ports(IoPorts::adopt(handle)),
        })
    }

    /// An interrupt, by its index.
    pub fn interrupt(&self, index: u8) -> Result<Interrupt, Error> {
        let request = Request::Interrupt { id: self.id, index };
        let (_, handle) = self.devices.0.call_for_handle(&request, Handles::none())?;
        Ok(Interrupt::adopt(handle))
    }

    /// Contiguous memory for the device, mapped here, with the address the device uses.
    pub fn dma(&self, pages: u32) -> Result<(Mapping, u64), Error> {
        let request = Request::Dma { id: self.id, pages };
        let (reply, handle) = self.devices.0.call_for_handle(&request, Handles::none())?;
        let Reply::Dma { address } = reply else { return Err(Error::Protocol) };
        let memory = Memory::adopt(handle);
        Ok((memory.map_part(0, pages as usize, Access::READ | Access::WRITE)?, address))
    }

    /// Configuration space as it stood at the claim.
    pub fn configuration(&self, offset: u16, length: u16) -> Result<Vec<u8>, Error> {
        match self.devices.0.call(&Request::Configuration { id: self.id, offset, length })? {
            Reply::Bytes(bytes) => Ok(bytes.into_vec()),
            _ => Err(Error::Protocol),
        }
    }

    /// Writes configuration space.
    pub fn configure(&self, offset: u16, size: u8, value: u32) -> Result<(), Error> {
        self.devices.0.call(&Request::Configure { id: self.id, offset, size, value }).map(drop)
    }

    /// Resets the device; its memory stays.
    pub fn reset(&self) -> Result<(), Error> {
        self.devices.0.call(&Request::Reset { id: self.id }).map(drop)
    }
}
