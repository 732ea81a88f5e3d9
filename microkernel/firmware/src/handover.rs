//! What a PC's boot loader hands over, whichever protocol it speaks.

use crate::region::{PAGE, Region, Regions};
use crate::{double, quad};

/// Beyond 16 TiB a frame has no number.
pub const MEMORY_END: u64 = 1 << 44;
/// From here on lie the video memory and ROMs.
const LEGACY: u64 = 0xa_0000;
/// Longest command line that is kept.
pub const COMMAND_LINE: usize = 1024;

/// What is wrong with what a loader says.
pub type Reason = &'static str;

/// What a range of the memory map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Usable memory.
    Ram,
    /// Anything else: what firmware and ACPI keep, devices.
    Reserved,
}

impl Use {
    /// By the numbers of the BIOS's E820, which all protocols have taken over.
    pub fn from_e820(kind: u32) -> Use {
        if kind == 1 { Use::Ram } else { Use::Reserved }
    }
}

/// An entry of the memory maps of PVH and of Multiboot2, which have the BIOS's form.
pub fn map_entry(entry: &[u8]) -> Option<(Region, Use)> {
    Some((Region { base: quad(entry, 0)?, length: quad(entry, 8)? }, Use::from_e820(double(entry, 16)?)))
}

/// What the boot loader said.
pub struct Handover {
    /// All usable memory in whole pages, without what the map calls both usable and reserved.
    pub ram: Regions<64>,
    /// Usable memory as the map has it, in whole pages.
    pub mapped: Regions<64>,
    /// Memory that is neither usable nor a device: ACPI tables and data. As many as there is room for.
    pub reserved: Regions<64>,
    /// Bytes of usable memory.
    pub ram_total: u64,
    /// A usable page below the legacy video memory, in which a PC's other cores can start.
    pub start_page: Option<u64>,
    /// The first module.
    pub archive: Region,
    /// The RSDP's physical address, 0 if the loader doesn't tell.
    pub rsdp: u64,
    /// The command line.
    pub command_line: [u8; COMMAND_LINE],
    /// Bytes of it.
    pub command_line_length: usize,
}

impl Handover {
    /// The command line.
    pub fn command_line(&self) -> &[u8] {
        self.command_line.get(..self.command_line_length).unwrap_or_default()
    }

    /// From a memory map and the archive's place, which must be whole pages of memory.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        map: impl Iterator<Item = (Region, Use)> + Clone,
        archive: Option<Region>,
        rsdp: u64,
    ) -> Result<Handover, Reason> {
        let archive = archive.ok_or("no boot module: the boot archive is missing")?;
        if !archive.base.is_multiple_of(PAGE) {
            return Err("the boot module does not start on a page");
        }
        let (mut mapped, mut reserved, mut ram_total) = (Regions::<64>::new(), Regions::new(), 0);
        let sane =
            map.filter(|(region, _)| region.base.checked_add(region.length).is_some_and(|end| end <= MEMORY_END));
        for (region, usage) in sane.clone() {
            match usage {
                // Two that overlap would be given away twice.
                Use::Ram if mapped.overlap(region) => return Err("the memory map has the same memory twice"),
                Use::Ram => {
                    ram_total += region.length;
                    mapped.join(region.whole_pages());
                }
                Use::Reserved => reserved.push(region.touched_pages()),
            }
        }
        if archive.length == 0 || !mapped.as_slice().iter().any(|memory| memory.contains(archive)) {
            return Err("the boot module is empty, or lies outside the memory");
        }
        let mut ram = mapped;
        sane.filter(|(_, usage)| *usage == Use::Reserved).for_each(|(region, _)| ram.remove(region.touched_pages()));
        ram.remove(archive.touched_pages());
        let low = ram.as_slice().iter().filter(|region| region.base < LEGACY);
        let last = low.map(|region| region.end().min(LEGACY).saturating_sub(PAGE)).max();
        // Page 0 has the BIOS's interrupt vectors.
        let start_page = last.filter(|page| *page != 0);
        let (command_line, command_line_length) = ([0; COMMAND_LINE], 0);
        Ok(Handover { ram, mapped, reserved, ram_total, start_page, archive, rsdp, command_line, command_line_length })
    }

    /// Takes the command line, as far as it fits, up to its end or its first zero.
    pub fn set_command_line(&mut self, bytes: impl Iterator<Item = u8>) {
        self.command_line_length = 0;
        for (to, byte) in self.command_line.iter_mut().zip(bytes.take_while(|byte| *byte != 0)) {
            *to = byte;
            self.command_line_length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: Region = Region { base: 0x40_0000, length: 0x1234 };

    fn of(map: &[(u64, u64, u32)], archive: Region) -> Result<Handover, Reason> {
        let map =
            map.iter().map(|(base, length, kind)| (Region { base: *base, length: *length }, Use::from_e820(*kind)));
        Handover::new(map, Some(archive), 0xf_0000)
    }

    #[test]
    fn an_ordinary_map() {
        let map = [(0, 0x9_fc00, 1), (0xf_0000, 0x1_0000, 2), (0x10_0000, 0x700_0000, 1), (0x710_0000, 0x10_0000, 1)];
        let handover = of(&map, ARCHIVE).unwrap();
        assert_eq!(handover.ram_total, 0x9_fc00 + 0x710_0000);
        assert_eq!(handover.start_page, Some(0x9_e000));
        let region = |base, length| Region { base, length };
        assert_eq!(
            handover.mapped.as_slice(),
            [region(0, 0x9_f000), region(0x10_0000, 0x710_0000)],
            "neighbours joined"
        );
        let free = [region(0, 0x9_f000), region(0x10_0000, 0x30_0000), region(0x40_2000, 0x6df_e000)];
        assert_eq!(handover.ram.as_slice(), free, "without the archive's pages");
    }

    #[test]
    fn what_is_reserved_is_not_used_even_inside_memory() {
        let handover = of(&[(0x20_0000, 0x10_0000, 2), (0x10_0000, 0x700_0000, 1)], ARCHIVE).unwrap();
        assert!(!handover.ram.overlap(Region { base: 0x20_0000, length: 0x10_0000 }));
        assert_eq!(handover.start_page, None, "no memory below 640 KiB");
        let map = [(0x8_0000, 0x2_0000, 2), (0, 0x20_0000, 1), (0x20_0000, 0x700_0000, 1)];
        assert_eq!(of(&map, ARCHIVE).unwrap().start_page, Some(0x7_f000), "not what is reserved");
        let map = [(0, 0x1000, 1), (0x20_0000, 0x700_0000, 1)];
        assert_eq!(of(&map, ARCHIVE).unwrap().start_page, None, "not the first page");
    }

    #[test]
    fn nonsense_is_named() {
        let memory = (0x10_0000, 0x700_0000, 1);
        for (map, archive, why) in [
            (&[memory, (0x20_0000, 0x1000, 1)][..], ARCHIVE, "twice"),
            (&[], ARCHIVE, "outside"),
            (&[(u64::MAX - 5, 10, 1)], ARCHIVE, "outside"),
            (&[memory], Region { base: 0x700_0000, length: 0x20_0000 }, "outside"),
            (&[memory], Region { base: 0x40_0000, length: 0 }, "empty"),
            (&[memory], Region { base: 0x40_0001, length: 9 }, "page"),
        ] {
            assert!(of(map, archive).err().unwrap().contains(why), "{why}");
        }
        assert!(Handover::new(core::iter::empty(), None, 0).err().unwrap().contains("no boot module"));
    }

    #[test]
    fn a_command_line_ends_at_its_zero_or_where_the_room_does() {
        let mut handover = of(&[(0x10_0000, 0x700_0000, 1)], ARCHIVE).unwrap();
        handover.set_command_line(b"log=error\0junk".iter().copied());
        assert_eq!(&handover.command_line[..handover.command_line_length], b"log=error");
        handover.set_command_line(core::iter::repeat(b'x'));
        assert_eq!(handover.command_line_length, COMMAND_LINE);
    }
}
