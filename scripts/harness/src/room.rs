//! Room that the kernel's linker scripts keep for a table that is known only when it is linked.

use xmas_elf::ElfFile;

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// It is in the kernel.
    Done,
    /// It has this many bytes, more than the room.
    TooLarge(usize),
}

/// Writes a table into its section of a linked kernel.
///
/// # Errors
/// It is no ELF file, or one without that section.
pub fn fill(kernel: &mut [u8], section: &str, table: &[u8]) -> Result<Fill, String> {
    let elf = ElfFile::new(kernel).map_err(|e| format!("no ELF file ({e})"))?;
    let room = elf.find_section_by_name(section).ok_or_else(|| format!("it has no section {section}"))?;
    let (start, length) = (room.offset() as usize, room.size() as usize);
    if table.len() > length {
        return Ok(Fill::TooLarge(table.len()));
    }
    let room = kernel.get_mut(start..).and_then(|rest| rest.get_mut(..table.len()));
    room.ok_or_else(|| format!("its section {section} is not in the file"))?.copy_from_slice(table);
    Ok(Fill::Done)
}
