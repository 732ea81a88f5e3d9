//! Access to configuration space, and its registers.

use crate::Address;

/// Width of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// In bytes.
    pub const fn bytes(self) -> u16 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }

    /// From bytes: 1, 2 or 4.
    pub const fn from_bytes(bytes: u8) -> Option<Width> {
        Some(match bytes {
            1 => Width::Byte,
            2 => Width::Half,
            4 => Width::Word,
            _ => return None,
        })
    }
}

/// How configuration space is reached. Offsets are multiples of the width; what is out of reach reads as all ones, and
/// writes to it are lost: so does hardware.
pub trait Config {
    /// Reads.
    fn read(&self, at: Address, offset: u16, width: Width) -> u32;
    /// Writes.
    fn write(&mut self, at: Address, offset: u16, width: Width, value: u32);
    /// Bytes of a function's configuration space that can be reached: 256 or 4,096.
    fn size(&self) -> u16;

    /// A byte.
    fn byte(&self, at: Address, offset: u16) -> u8 {
        self.read(at, offset, Width::Byte) as u8
    }

    /// Two bytes.
    fn half(&self, at: Address, offset: u16) -> u16 {
        self.read(at, offset, Width::Half) as u16
    }

    /// Four bytes.
    fn word(&self, at: Address, offset: u16) -> u32 {
        self.read(at, offset, Width::Word)
    }
}

/// A copy of one function's configuration space, to read structures from: the address doesn't matter, writes are lost.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a>(pub &'a [u8]);

impl Config for Snapshot<'_> {
    fn read(&self, _at: Address, offset: u16, width: Width) -> u32 {
        let (start, bytes) = (usize::from(offset), usize::from(width.bytes()));
        let mut word = [0xff; 4];
        if let Some(copied) = start.checked_add(bytes).and_then(|end| self.0.get(start..end)) {
            word = [0; 4];
            word[..bytes].copy_from_slice(copied);
        }
        u32::from_le_bytes(word)
    }

    fn write(&mut self, _at: Address, _offset: u16, _width: Width, _value: u32) {}

    fn size(&self) -> u16 {
        self.0.len().min(4096) as u16
    }
}

/// Vendor; all ones where there is no function.
pub const VENDOR: u16 = 0x00;
/// Device identity.
pub const PRODUCT: u16 = 0x02;
/// Command.
pub const COMMAND: u16 = 0x04;
/// Status.
pub const STATUS: u16 = 0x06;
/// Revision (low byte) and class code.
pub const CLASS: u16 = 0x08;
/// Header type.
pub const HEADER: u16 = 0x0e;
/// The first base address register.
pub const BAR0: u16 = 0x10;
/// Bridges: primary, secondary, subordinate bus.
pub const BUSES: u16 = 0x18;
/// Subsystem identity of an ordinary function.
pub const SUBSYSTEM: u16 = 0x2e;
/// The first capability.
pub const CAPABILITIES: u16 = 0x34;
/// Interrupt pin.
pub const PIN: u16 = 0x3d;

/// Command: answers I/O ports.
pub const COMMAND_PORTS: u16 = 1 << 0;
/// Command: answers memory.
pub const COMMAND_MEMORY: u16 = 1 << 1;
/// Command: may read and write memory itself, and send messages.
pub const COMMAND_MASTER: u16 = 1 << 2;
/// Command: raises no wired interrupt.
pub const COMMAND_NO_PIN: u16 = 1 << 10;
/// Status: there are capabilities.
pub const STATUS_CAPABILITIES: u16 = 1 << 4;

/// Changes bits of the command register. The status register beside it, whose bits are cleared by writing ones, is not
/// touched: the access is two bytes wide.
pub fn command(config: &mut impl Config, at: Address, set: u16, clear: u16) {
    let before = config.half(at, COMMAND);
    let after = (before & !clear) | set;
    if after != before {
        config.write(at, COMMAND, Width::Half, after.into());
    }
}

/// Whether a driver may write these bytes of its function's configuration space, through whoever holds it: cache line
/// size, latency timer, and no more. Command, base addresses, MSI and MSI-X, power and PCI Express control stay the
/// holder's, because by them a device could be made to answer or to write elsewhere.
pub const fn may_write(offset: u16, width: Width) -> bool {
    const CACHE_LINE: u16 = 0x0c;
    const LATENCY: u16 = 0x0d;
    matches!((offset, width), (CACHE_LINE | LATENCY, Width::Byte))
}
