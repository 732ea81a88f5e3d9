//! The list of capabilities.

use crate::{Address, Config, config};

/// PCI Express.
pub const EXPRESS: u8 = 0x10;
/// MSI-X.
pub const MSIX: u8 = 0x11;
/// MSI.
pub const MSI: u8 = 0x05;
/// What the vendor defines; virtio's structures.
pub const VENDOR_SPECIFIC: u8 = 0x09;

/// Where capabilities may lie: behind the header, in steps of four bytes.
const FIRST: u8 = 0x40;
/// So many fit; a list that is longer loops.
const MOST: usize = (256 - FIRST as usize) / 4;

/// A capability: its identity, and where it stands in configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// What it is.
    pub id: u8,
    /// Its first byte.
    pub offset: u16,
}

/// A function's capabilities, in the order of its list. The list ends at a pointer into the header and after as many
/// entries as fit, so that one that loops ends too.
pub fn capabilities(config: &impl Config, at: Address) -> impl Iterator<Item = Capability> {
    let listed = config.half(at, config::STATUS) & config::STATUS_CAPABILITIES != 0;
    let mut next = if listed { config.byte(at, config::CAPABILITIES) } else { 0 };
    core::iter::from_fn(move || {
        let offset = u16::from(next & !3);
        if offset < u16::from(FIRST) {
            return None;
        }
        let head = config.half(at, offset);
        next = (head >> 8) as u8;
        Some(Capability { id: head as u8, offset })
    })
    .take(MOST)
}

/// The first capability with this identity.
pub fn find(config: &impl Config, at: Address, id: u8) -> Option<u16> {
    capabilities(config, at).find(|capability| capability.id == id).map(|capability| capability.offset)
}

/// PCI Express device capabilities: function level reset.
const FLR: u32 = 1 << 28;
/// PCI Express device control: do it.
const FLR_NOW: u16 = 1 << 15;

/// The device control register, if the function can be reset by it (PCI Express Base Specification 5.0, 6.6.2).
pub fn function_reset(config: &impl Config, at: Address) -> Option<u16> {
    let express = find(config, at, EXPRESS)?;
    (config.word(at, express.checked_add(4)?) & FLR != 0).then_some(express + 8)
}

/// Starts a function level reset. The caller waits (100 ms at most) and restores base addresses and command.
pub fn start_function_reset(config: &mut impl Config, at: Address, control: u16) {
    let before = config.half(at, control);
    config.write(at, control, crate::Width::Half, (before | FLR_NOW).into());
}
