//! Multiboot2 (GNU, "Multiboot2 Specification version 2.0"): what GRUB speaks, under a BIOS and under UEFI.
//!
//! The loader passes the physical address of a list of tags, each of 8-byte alignment: type, size, contents. A copy of
//! ACPI's RSDP is among them, because under UEFI it can't be found otherwise.

use crate::handover::{Handover, Reason, map_entry};
use crate::region::Region;
use crate::{Memory, double};

/// What the loader leaves in EAX.
pub const MAGIC: u32 = 0x36d7_6289;
/// The longest list that is believed.
const LONGEST: usize = 1 << 20;
/// Most entries of the memory map that are read.
const MAP_ENTRIES: usize = 256;
const MAP_ENTRY: usize = 24;

/// Tags.
const END: u32 = 0;
const COMMAND_LINE: u32 = 1;
const MODULE: u32 = 3;
const MEMORY_MAP: u32 = 6;
const RSDP: u32 = 14;
const RSDP_EXTENDED: u32 = 15;

/// Reads what the loader left at this physical address.
///
/// # Errors
/// What is wrong with it.
pub fn read(info: u64, memory: Memory<'_>) -> Result<Handover, Reason> {
    let head = memory(info, 8).ok_or("the Multiboot2 information is out of reach")?;
    let length = double(head, 0).map_or(0, |length| length as usize);
    if !(16..=LONGEST).contains(&length) {
        return Err("the Multiboot2 information has an impossible length");
    }
    let all = memory(info, length).ok_or("the Multiboot2 information is out of reach")?;
    let tags = Tags { all, at: 8 };
    let find = |wanted: u32| tags.clone().find(|tag| tag.kind == wanted);

    let map = find(MEMORY_MAP).ok_or("the Multiboot2 information has no memory map")?;
    let size = double(map.contents, 0).map_or(0, |size| size as usize);
    if size < MAP_ENTRY {
        return Err("the Multiboot2 memory map has entries of an impossible size");
    }
    let entries = map.contents.get(8..).unwrap_or(&[]).chunks_exact(size).take(MAP_ENTRIES).filter_map(map_entry);
    let archive = find(MODULE).and_then(|tag| module(tag.contents));
    let rsdp = find(RSDP_EXTENDED).or_else(|| find(RSDP)).map_or(0, |tag| info + tag.start as u64);
    let mut handover = Handover::new(entries, archive, rsdp)?;
    if let Some(line) = find(COMMAND_LINE) {
        handover.set_command_line(line.contents.iter().copied());
    }
    Ok(handover)
}

fn module(contents: &[u8]) -> Option<Region> {
    let (base, end) = (double(contents, 0)?, double(contents, 4)?);
    Some(Region { base: base.into(), length: end.checked_sub(base)?.into() })
}

struct Tag<'m> {
    kind: u32,
    /// Where the contents start in the list.
    start: usize,
    contents: &'m [u8],
}

/// The tags up to the end tag, or to the first that does not fit.
#[derive(Clone)]
struct Tags<'m> {
    all: &'m [u8],
    at: usize,
}

impl<'m> Iterator for Tags<'m> {
    type Item = Tag<'m>;

    fn next(&mut self) -> Option<Tag<'m>> {
        let (kind, size) = (double(self.all, self.at)?, double(self.all, self.at + 4)? as usize);
        let contents = self.all.get(self.at + 8..self.at.checked_add(size)?)?;
        let start = self.at + 8;
        self.at = (self.at + size).next_multiple_of(8);
        (kind != END).then_some(Tag { kind, start, contents })
    }
}
