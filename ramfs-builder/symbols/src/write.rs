//! Making a table, on the host: from a list of functions, or from the symbols of an ELF file. The same input gives the same
//! bytes.

use crate::{HEADER_LENGTH, MAGIC, MAX_NAME, VERSION, name};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

/// Functions in a table, at most.
const MAX_FUNCTIONS: usize = 1 << 20;

/// Packs a table. Functions may come in any order; of two that start at one address the first stays. A name beyond
/// [`MAX_NAME`] bytes is cut.
#[must_use]
pub fn write(functions: &[(u32, &str)], end: u32) -> Vec<u8> {
    let mut sorted: Vec<_> = functions.to_vec();
    sorted.sort_by_key(|(start, _)| *start);
    sorted.dedup_by_key(|(start, _)| *start);
    sorted.truncate(MAX_FUNCTIONS);
    let (mut known, mut names, mut places) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (_, name) in &sorted {
        let name = name::cut(name, MAX_NAME);
        let place = *known.entry(name).or_insert_with_key(|name| {
            let place = names.len() as u32;
            names.push(name.len() as u8);
            names.extend(name.as_bytes());
            place
        });
        places.push(place);
    }
    let mut out = Vec::with_capacity(HEADER_LENGTH + 8 * sorted.len() + names.len());
    out.extend(MAGIC);
    for field in [VERSION, sorted.len() as u32, end, names.len() as u32] {
        out.extend(field.to_le_bytes());
    }
    out.extend(sorted.iter().flat_map(|(start, _)| start.to_le_bytes()));
    out.extend(places.into_iter().flat_map(u32::to_le_bytes));
    out.extend(names);
    out
}

/// The table of an ELF file's functions, with addresses from `base` on. `None`: it has no symbols (or is no ELF file).
#[must_use]
pub fn of_elf(file: &[u8], base: u64) -> Option<Vec<u8>> {
    let file = ElfFile64::<LittleEndian>::parse(file).ok()?;
    let mut end = 0;
    let code: Vec<_> = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .filter_map(|section| {
            let start = offset(section.address(), base)?;
            let after = start.checked_add(u32::try_from(section.size()).ok()?)?;
            end = end.max(after);
            Some((section.index(), start..after))
        })
        .collect();
    let mut found: Vec<(u32, Reverse<bool>, String)> = Vec::new();
    for symbol in file.symbols() {
        let (Some(start), Some(section)) = (offset(symbol.address(), base), symbol.section_index()) else { continue };
        let inside = code.iter().any(|(index, range)| *index == section && range.contains(&start));
        let Ok(mangled) = symbol.name() else { continue };
        // What assembly defines is a label without a type; those that begin so are the assembler's own.
        let label = symbol.kind() == SymbolKind::Unknown && !mangled.starts_with(['$', '.']);
        let function = symbol.kind() == SymbolKind::Text;
        if inside && !mangled.is_empty() && (function || label) {
            found.push((start, Reverse(function), name::readable(mangled)));
        }
    }
    // At one address: functions before labels, then by name, whatever order the linker chose.
    found.sort();
    let functions: Vec<(u32, &str)> = found.iter().map(|(start, _, name)| (*start, name.as_str())).collect();
    (!functions.is_empty()).then(|| write(&functions, end))
}

fn offset(address: u64, base: u64) -> Option<u32> {
    u32::try_from(address.checked_sub(base)?).ok()
}
