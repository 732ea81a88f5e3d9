//! The PVH boot protocol (Xen, `xen/include/public/arch-x86/hvm/start_info.h`): what QEMU's `-kernel` speaks.
//!
//! The loader passes the physical address of an `hvm_start_info`: command line, modules, memory map, RSDP.

use crate::handover::{COMMAND_LINE, Handover, Reason, map_entry};
use crate::region::Region;
use crate::{Memory, double, quad};

const MAGIC: u32 = 0x336e_c578;
const HEADER: usize = 56;
const MODULE: usize = 32;
const MAP_ENTRY: usize = 24;
/// Most entries of the memory map that are read; PCs have up to 128.
const MAP_ENTRIES: u32 = 128;

/// Reads what the loader left at this physical address.
///
/// # Errors
/// What is wrong with it.
pub fn read(info: u64, memory: Memory<'_>) -> Result<Handover, Reason> {
    let header = memory(info, HEADER).ok_or("start_info is out of reach")?;
    if double(header, 0) != Some(MAGIC) {
        return Err("start_info has the wrong magic number");
    }
    if double(header, 4).is_none_or(|version| version == 0) {
        return Err("start_info has no memory map (version 0)");
    }
    let entries = double(header, 48).unwrap_or(0).min(MAP_ENTRIES);
    let map = quad(header, 40).and_then(|map| memory(map, entries as usize * MAP_ENTRY));
    let map = map.ok_or("the memory map is out of reach")?.chunks_exact(MAP_ENTRY).filter_map(map_entry);
    let mut handover = Handover::new(map, module(header, memory), quad(header, 32).unwrap_or(0))?;
    if let Some(line) = quad(header, 24).filter(|line| *line != 0) {
        let bytes = (0..COMMAND_LINE as u64).map_while(|i| memory(line.checked_add(i)?, 1)?.first().copied());
        handover.set_command_line(bytes);
    }
    Ok(handover)
}

/// The first module, if it is one.
fn module(header: &[u8], memory: Memory<'_>) -> Option<Region> {
    let count = double(header, 12)?;
    let module = memory(quad(header, 16)?, MODULE).filter(|_| count >= 1)?;
    Some(Region { base: quad(module, 0)?, length: quad(module, 8)? })
}
