//! fw_cfg: options, script and files that the host gave.

use alloc::{string::String, vec, vec::Vec};

use libsys::{Error, IoPorts, Pool, Width, abi::PAGE_SIZE, device_fence};
use machine::fw_cfg::{self, COMMAND, DIRECTORY, ENTRY, FAILED, FEATURE_DMA, FEATURES, File, Operation};
use machine::options;

use crate::{
    dma::{Dma, Part},
    space::Registers,
};

/// Names that are served start with this.
const PREFIX: &str = "opt/viaether/";
/// Looks at a command at most until it is done; QEMU is done before the first.
const PATIENCE: u32 = 10_000_000;

/// The registers.
pub enum Way {
    /// In memory.
    Memory(Registers),
    /// Ports.
    Ports(IoPorts),
}

/// The device with its directory.
pub struct Firmware {
    way: Way,
    /// Two pages: command, data.
    buffer: Part,
    address: u64,
    files: Vec<File>,
    /// Which file is being read, and how far: the next part of it needs no search.
    position: Option<(u16, u32)>,
    options: String,
}

impl Way {
    /// The ports.
    pub fn ports(pool: &Pool, ports: &IoPorts) -> Result<Way, Error> {
        Ok(Way::Ports(ports.slice(pool, fw_cfg::port::FIRST.into(), fw_cfg::port::COUNT.into())?))
    }

    /// Tells the device where a command is: two halves, big-endian, the second one starts it.
    fn start(&self, address: u64) -> Result<(), Error> {
        let (high, low) = (((address >> 32) as u32).swap_bytes(), (address as u32).swap_bytes());
        device_fence();
        match self {
            Way::Memory(registers) => {
                let at = registers.offset + fw_cfg::memory::DMA;
                registers.mapping.set_register(at, high)?;
                registers.mapping.set_register(at + 4, low)
            }
            Way::Ports(ports) => {
                ports.write(fw_cfg::port::DMA, Width::Word, high)?;
                ports.write(fw_cfg::port::DMA + 4, Width::Word, low)
            }
        }
    }

    /// The first bytes of an entry, without DMA.
    fn bytes<const N: usize>(&self, key: u16) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        match self {
            Way::Memory(registers) => {
                let selector = registers.offset + fw_cfg::memory::SELECTOR;
                registers.mapping.set_register16(selector, key.swap_bytes())?;
                for byte in &mut bytes {
                    *byte = registers.mapping.register8(registers.offset + fw_cfg::memory::DATA)?;
                }
            }
            Way::Ports(ports) => {
                ports.write(fw_cfg::port::SELECTOR, Width::Half, key.into())?;
                for byte in &mut bytes {
                    *byte = ports.read(fw_cfg::port::DATA, Width::Byte)? as u8;
                }
            }
        }
        Ok(bytes)
    }
}

impl Firmware {
    /// Finds the device, and reads directory and options. [`Error::NotFound`] where there is none.
    pub fn open(way: Way, dma: &mut Dma) -> Result<Firmware, Error> {
        let features = u32::from_le_bytes(way.bytes(FEATURES)?);
        if way.bytes(fw_cfg::SIGNATURE)? != fw_cfg::MAGIC || features & FEATURE_DMA == 0 {
            return Err(Error::NotFound);
        }
        let (buffer, address) = dma.take(2)?;
        let options = String::new();
        let mut firmware = Firmware { way, buffer, address, files: Vec::new(), position: None, options };
        let count = fw_cfg::entry_count(firmware.way.bytes(DIRECTORY)?);
        let mut directory = vec![0; 4 + count as usize * ENTRY];
        firmware.read(dma, DIRECTORY, 0, &mut directory)?;
        firmware.files = fw_cfg::directory(&directory);
        firmware.files.retain(|file| file.name.starts_with(PREFIX));
        let text = firmware.whole(dma, "options", options::MAX_TEXT).unwrap_or_default();
        firmware.options = String::from_utf8(text).unwrap_or_default();
        Ok(firmware)
    }

    /// The names and sizes of what is served.
    pub fn files(&self) -> impl Iterator<Item = (&str, u32)> {
        self.files.iter().map(|file| (file.name.strip_prefix(PREFIX).unwrap_or_default(), file.size))
    }

    /// The value of an option.
    pub fn option(&self, key: &str) -> Option<&str> {
        options::in_lines(&self.options, key)
    }

    /// A part of a file, and the size of the whole: [`Error::NotFound`].
    pub fn part(&mut self, dma: &Dma, name: &str, offset: u32, most: usize) -> Result<(u32, Vec<u8>), Error> {
        let (key, size) = self.file(name)?;
        let length = size.saturating_sub(offset).min(most as u32);
        let mut bytes = vec![0; length as usize];
        self.read(dma, key, offset, &mut bytes)?;
        Ok((size, bytes))
    }

    fn whole(&mut self, dma: &Dma, name: &str, most: usize) -> Result<Vec<u8>, Error> {
        let (key, size) = self.file(name)?;
        let mut bytes = vec![0; most.min(size as usize)];
        self.read(dma, key, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn file(&self, name: &str) -> Result<(u16, u32), Error> {
        let mut files = self.files.iter();
        let file = files.find(|file| file.name.strip_prefix(PREFIX) == Some(name)).ok_or(Error::NotFound)?;
        Ok((file.key, file.size))
    }

    /// Reads from a place on, a page at a time.
    fn read(&mut self, dma: &Dma, key: u16, offset: u32, into: &mut [u8]) -> Result<(), Error> {
        if self.position != Some((key, offset)) {
            self.run(dma, Some(key), Operation::Skip, offset)?;
        }
        let mut at = offset;
        for page in into.chunks_mut(PAGE_SIZE) {
            self.run(dma, None, Operation::Read, page.len() as u32)?;
            dma.mapping().read(Dma::offset(self.buffer) + PAGE_SIZE, page)?;
            at += page.len() as u32;
        }
        self.position = Some((key, at));
        Ok(())
    }

    fn run(&mut self, dma: &Dma, key: Option<u16>, operation: Operation, length: u32) -> Result<(), Error> {
        // Unknown until the command has done well.
        self.position = None;
        let command: [u8; COMMAND] = fw_cfg::command(key, operation, length, self.address + PAGE_SIZE as u64);
        let place = Dma::offset(self.buffer);
        dma.mapping().write(place, &command)?;
        self.way.start(self.address)?;
        for _ in 0..PATIENCE {
            let mut state = [0; 4];
            dma.mapping().read(place, &mut state)?;
            match u32::from_be_bytes(state) {
                0 => return Ok(()),
                state if state & FAILED != 0 => return Err(Error::Device),
                _ => libsys::relax(),
            }
        }
        Err(Error::TimedOut)
    }
}
