//! Base address registers (PCI Local Bus Specification 3.0, 6.2.5.1).

use alloc::vec::Vec;

use crate::{Address, Config, Width, config};

/// What a base address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// Memory below 4 GiB.
    Memory32,
    /// Memory anywhere.
    Memory64,
    /// I/O ports.
    Ports,
}

/// A base address register that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its number: one of 64 bits takes two registers and is named by the first.
    pub index: u8,
    /// What it is for.
    pub kind: BarKind,
    /// Whether the memory has no side effects.
    pub prefetchable: bool,
    /// The address on the bus, 0 where none was given.
    pub address: u64,
    /// Bytes or ports: a power of two.
    pub size: u64,
}

impl Bar {
    /// Whether it is memory.
    pub const fn is_memory(&self) -> bool {
        !matches!(self.kind, BarKind::Ports)
    }

    /// The register.
    pub const fn register(&self) -> u16 {
        config::BAR0 + 4 * self.index as u16
    }
}

/// Reads the first `count` base address registers (6 of an ordinary function, 2 of a bridge) with their sizes. While
/// the sizes are found the function answers nothing.
///
/// A size that is no power of two, or wraps, is hostile or broken: that register is left out.
pub fn read(config: &mut impl Config, at: Address, count: u8) -> Vec<Bar> {
    let command = config.half(at, config::COMMAND);
    let quiet = command & !(config::COMMAND_MEMORY | config::COMMAND_PORTS | config::COMMAND_MASTER);
    config.write(at, config::COMMAND, Width::Half, quiet.into());
    let mut bars = Vec::new();
    let mut index = 0;
    while index < count.min(6) {
        let (bar, registers) = read_one(config, at, index, count);
        bars.extend(bar);
        index += registers;
    }
    config.write(at, config::COMMAND, Width::Half, command.into());
    bars
}

/// One register, and how many it took.
fn read_one(config: &mut impl Config, at: Address, index: u8, count: u8) -> (Option<Bar>, u8) {
    let register = config::BAR0 + 4 * u16::from(index);
    let (low, low_mask) = probe(config, at, register);
    if low & 1 != 0 {
        // Some devices leave the upper half of a port's mask zero: there are no ports there.
        let mask = (low_mask & !3) | if low_mask >> 16 == 0 && low_mask != 0 { 0xffff_0000 } else { 0 };
        let kind = BarKind::Ports;
        return (bar(index, kind, false, (low & !3).into(), u64::from(mask) | !0xffff_ffff), 1);
    }
    let prefetchable = low & 8 != 0;
    let (address, mask) = (u64::from(low & !15), u64::from(low_mask & !15));
    match low >> 1 & 3 {
        0 | 1 => (bar(index, BarKind::Memory32, prefetchable, address, mask | !0xffff_ffff), 1),
        2 if index + 1 < count => {
            let (high, high_mask) = probe(config, at, register + 4);
            let (address, mask) = (address | u64::from(high) << 32, mask | u64::from(high_mask) << 32);
            (bar(index, BarKind::Memory64, prefetchable, address, mask), 2)
        }
        _ => (None, 1),
    }
}

/// What the register says, and which of its bits can be written.
fn probe(config: &mut impl Config, at: Address, register: u16) -> (u32, u32) {
    let before = config.word(at, register);
    config.write(at, register, Width::Word, u32::MAX);
    let mask = config.word(at, register);
    config.write(at, register, Width::Word, before);
    (before, mask)
}

fn bar(index: u8, kind: BarKind, prefetchable: bool, address: u64, mask: u64) -> Option<Bar> {
    let size = (!mask).checked_add(1)?;
    // A register that isn't there reads as zero, so nothing of its mask is set.
    let implemented = match kind {
        BarKind::Memory64 => mask != 0,
        BarKind::Memory32 | BarKind::Ports => mask as u32 != 0,
    };
    let bounded = size.is_power_of_two() && size <= 1 << 40 && (kind != BarKind::Ports || size <= 0x1_0000);
    (implemented && bounded).then_some(Bar { index, kind, prefetchable, address, size })
}

/// Gives a base address register its address.
pub fn write(config: &mut impl Config, at: Address, bar: &Bar, address: u64) {
    config.write(at, bar.register(), Width::Word, address as u32);
    if bar.kind == BarKind::Memory64 {
        config.write(at, bar.register() + 4, Width::Word, (address >> 32) as u32);
    }
}
