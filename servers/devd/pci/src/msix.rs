//! MSI-X (PCI Local Bus Specification 3.0, 6.8.2).

use crate::{Address, Config, Width, capability};

/// Bytes of a table entry: address (two words), data, control.
pub const ENTRY: u32 = 16;
/// Control of an entry: masked.
pub const ENTRY_MASKED: u32 = 1;
const ENABLE: u16 = 1 << 15;
const MASK_ALL: u16 = 1 << 14;

/// A function's MSI-X capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msix {
    /// Its first byte in configuration space.
    pub offset: u16,
    /// Vectors, 1 to 2,048.
    pub vectors: u16,
    /// The base address register whose memory has the table.
    pub table_bar: u8,
    /// The table's first byte there.
    pub table_offset: u32,
    /// The base address register whose memory has the pending bits.
    pub pending_bar: u8,
    /// The pending bits' first byte there.
    pub pending_offset: u32,
}

impl Msix {
    /// Reads it; none where there is none, or where it points to a base address register that can't be.
    pub fn read(config: &impl Config, at: Address) -> Option<Msix> {
        let offset = capability::find(config, at, capability::MSIX).filter(|offset| *offset <= 0xf4)?;
        let control = config.half(at, offset + 2);
        let (table, pending) = (config.word(at, offset + 4), config.word(at, offset + 8));
        let msix = Msix {
            offset,
            vectors: (control & 0x7ff) + 1,
            table_bar: (table & 7) as u8,
            table_offset: table & !7,
            pending_bar: (pending & 7) as u8,
            pending_offset: pending & !7,
        };
        (msix.table_bar < 6 && msix.pending_bar < 6).then_some(msix)
    }

    /// Bytes of the table.
    pub const fn table_length(&self) -> u32 {
        self.vectors as u32 * ENTRY
    }

    /// Turns it on, with all entries deaf where `quiet`, or off.
    pub fn set(&self, config: &mut impl Config, at: Address, state: State) {
        let before = config.half(at, self.offset + 2) & !(ENABLE | MASK_ALL);
        let bits = match state {
            State::Off => 0,
            State::Masked => ENABLE | MASK_ALL,
            State::On => ENABLE,
        };
        config.write(at, self.offset + 2, Width::Half, (before | bits).into());
    }
}

/// Whether messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No messages; the wired interrupt is used.
    Off,
    /// Messages, all masked: while the table is written.
    Masked,
    /// Messages.
    On,
}
