//! The PVH boot protocol (Xen, `xen/include/public/arch-x86/hvm/start_info.h`): what QEMU's `-kernel` speaks.
//!
//! The loader passes the physical address of an `hvm_start_info`: command line, modules, memory map, RSDP.

use super::memory::{Firmware, Use, early};
use crate::boot::Region;

const MAGIC: u32 = 0x336e_c578;
const HEADER: usize = 56;
const MODULE: usize = 32;
const MAP_ENTRY: usize = 24;
/// Most entries of the memory map that are read; PCs have up to 128.
const MAP_ENTRIES: u32 = 128;

/// Reads what the loader left at this physical address.
pub fn read(info: u64) -> Result<Firmware, &'static str> {
    let header = early(info, HEADER).ok_or("start_info is out of reach")?;
    if double(header, 0) != Some(MAGIC) {
        return Err("start_info has the wrong magic number");
    }
    if double(header, 4).is_none_or(|version| version == 0) {
        return Err("start_info has no memory map (version 0)");
    }
    let archive = module(header).ok_or("no boot module: give the boot archive by -initrd")?;
    if !archive.base.is_multiple_of(4096) {
        return Err("the boot module does not start on a page");
    }
    let mut firmware = Firmware::new(archive, quad(header, 32).unwrap_or(0));
    read_command_line(&mut firmware, quad(header, 24).unwrap_or(0));
    let entries = double(header, 48).unwrap_or(0).min(MAP_ENTRIES);
    let map = quad(header, 40).and_then(|map| early(map, entries as usize * MAP_ENTRY));
    for entry in map.ok_or("the memory map is out of reach")?.chunks_exact(MAP_ENTRY) {
        read_map_entry(&mut firmware, entry);
    }
    firmware.finish();
    let whole = firmware.mapped.as_slice().iter().any(|r| r.base <= archive.base && archive.end() <= r.end());
    if whole { Ok(firmware) } else { Err("the boot module lies outside the memory") }
}

/// The first module, if it is one.
fn module(header: &[u8]) -> Option<Region> {
    let count = double(header, 12)?;
    let module = early(quad(header, 16)?, MODULE).filter(|_| count >= 1)?;
    let region = Region { base: quad(module, 0)?, length: quad(module, 8)? };
    let end = region.base.checked_add(region.length)?;
    (region.length != 0 && end <= 1 << 44).then_some(region)
}

fn read_map_entry(firmware: &mut Firmware, entry: &[u8]) {
    let (Some(base), Some(length), Some(kind)) = (quad(entry, 0), quad(entry, 8), double(entry, 16)) else { return };
    // Beyond 16 TiB a frame has no number.
    if base.checked_add(length).is_none_or(|end| end > 1 << 44) {
        return;
    }
    // The numbers are E820's.
    let usage = if kind == 1 { Use::Ram } else { Use::Reserved };
    firmware.add(Region { base, length }, usage);
}

/// Copies the command line, as far as it fits.
fn read_command_line(firmware: &mut Firmware, address: u64) {
    for (i, to) in firmware.command_line.iter_mut().enumerate() {
        match early(address.wrapping_add(i as u64), 1) {
            Some(&[byte]) if address != 0 && byte != 0 => *to = byte,
            _ => break,
        }
        firmware.command_line_length = i + 1;
    }
}

fn double(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
