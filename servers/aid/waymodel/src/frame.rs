//! Page 0 and the section table: rules 1 to 6, and rule 10 on what lies between sections.

use crate::bytes::{Record, all_zero, part, round_up};
use crate::error::{ErrorKind, LoadError};
use crate::format::*;
use crate::model::Limits;
use alloc::format;

/// A file with fewer pages can't hold what every file needs.
const FEWEST_PAGES: u64 = 8;
const MOST_SECTIONS: usize = 32;
const FEWEST_SECTIONS: usize = 8;

/// Where a section lies in the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Section {
    pub kind: u32,
    pub offset: u64,
    pub length: u64,
    pub records: u32,
}

/// The header's fields and the section table, checked by rules 1 to 6.
pub(crate) struct Frame {
    pub flags: u32,
    pub arena: u64,
    pub state: u64,
    pub data_length: u64,
    pub root: [u8; HASH],
    count: usize,
    sections: [Section; MOST_SECTIONS],
}

impl Frame {
    /// Checks rules 1 to 6.
    pub fn read(file: &[u8], limits: &Limits) -> Result<Self, LoadError> {
        let length = file.len() as u64;
        if length < FEWEST_PAGES * PAGE {
            let detail = format!("{length} bytes, a model has at least {}", FEWEST_PAGES * PAGE);
            return Err(header(1, detail).numbers(length, FEWEST_PAGES * PAGE));
        }
        let page = Record(file.get(..PAGE as usize).unwrap_or(&[]));
        if page.array::<8>(0) != MAGIC {
            return Err(header(2, "not a .waymodel file"));
        }
        if page.u16(8) != MAJOR {
            let detail = format!("format {}, this release reads {MAJOR}", page.u16(8));
            return Err(header(3, detail).numbers(page.u16(8).into(), MAJOR.into()));
        }
        let count = constants(page)?;
        file_length(page, length, limits)?;
        let mut frame = Self {
            flags: page.u32(12),
            arena: page.u64(32),
            state: page.u64(40),
            data_length: page.u64(48),
            root: page.array(64),
            count,
            sections: [Section::default(); MOST_SECTIONS],
        };
        frame.read_table(page, length)?;
        Ok(frame)
    }

    pub fn sections(&self) -> &[Section] {
        self.sections.get(..self.count).unwrap_or(&[])
    }

    /// The section of this type. Where the format needs it, rule 6 has found it.
    pub fn find(&self, kind: u32) -> Option<Section> {
        self.sections().iter().copied().find(|s| s.kind == kind)
    }

    /// The bytes of the section of this type; empty if the file has none.
    pub fn bytes<'a>(&self, file: &'a [u8], kind: u32) -> &'a [u8] {
        self.find(kind).and_then(|s| part(file, s.offset, s.length)).unwrap_or(&[])
    }

    /// Rule 10: between the sections, and after the last, there are zeros only.
    pub fn check_padding(&self, file: &[u8]) -> Result<(), LoadError> {
        for (index, section) in self.sections().iter().enumerate() {
            let end = section.offset + section.length;
            let next = self.sections().get(index + 1).map_or(file.len() as u64, |s| s.offset);
            if !next.checked_sub(end).and_then(|gap| part(file, end, gap)).is_some_and(all_zero) {
                return Err(entry(10, index, section.kind, "the padding behind it is not zero"));
            }
        }
        Ok(())
    }

    /// Rule 6: each entry by itself, the chain of offsets, then what is missing.
    fn read_table(&mut self, page: Record<'_>, file_length: u64) -> Result<(), LoadError> {
        let (mut expected, mut last_kind) = (PAGE, 0);
        for index in 0..self.count {
            let at = HEADER + SECTION * index;
            let record = Record(page.0.get(at..at + SECTION).unwrap_or(&[]));
            let section = read_entry(record, index)?;
            let fail = |detail: alloc::string::String| Err(entry(6, index, section.kind, detail));
            if section.kind <= last_kind {
                return fail(format!("types must ascend, the one before is {last_kind:#x}"));
            }
            if last_kind >= section::HASHES && (last_kind, section.kind) != (section::HASHES, section::SIG) {
                return fail("behind HASHES comes SIG, and nothing else".into());
            }
            if section.offset != expected {
                return fail(format!("starts at {}, must start at {expected}", section.offset));
            }
            let end = section.offset.checked_add(section.length).filter(|&end| end <= file_length);
            let Some(next) = end.and_then(|end| round_up(end, PAGE)) else {
                return fail(format!("{} bytes at {} reach past the end", section.length, section.offset));
            };
            (expected, last_kind) = (next, section.kind);
            if let Some(slot) = self.sections.get_mut(index) {
                *slot = section;
            }
        }
        for rule in SECTION_RULES.iter().filter(|rule| rule.needed) {
            if self.find(rule.kind).is_none() {
                return Err(entry(6, self.count, rule.kind, "is missing"));
            }
        }
        if expected != file_length {
            let detail = format!("sections end at {expected}, the file at {file_length}");
            return Err(entry(6, self.count, last_kind, detail).numbers(file_length, expected));
        }
        self.check_hash_count()
    }

    fn check_hash_count(&self) -> Result<(), LoadError> {
        let index = self.sections().iter().position(|s| s.kind == section::HASHES).unwrap_or(0);
        let hashes = self.find(section::HASHES).unwrap_or_default();
        let chunks = (hashes.offset - PAGE).div_ceil(CHUNK);
        if u64::from(hashes.records) != chunks {
            let detail = format!("{} hashes for {chunks} chunks", hashes.records);
            return Err(entry(6, index, section::HASHES, detail).numbers(hashes.records.into(), chunks));
        }
        Ok(())
    }
}

/// Rule 4: what is constant or reserved in page 0. Gives the number of sections.
fn constants(page: Record<'_>) -> Result<usize, LoadError> {
    let count = usize::from(page.u16(24));
    if !(FEWEST_SECTIONS..=MOST_SECTIONS).contains(&count) {
        return Err(header(4, format!("{count} sections, must be 8 to 32")).numbers(count as u64, 32));
    }
    if usize::from(page.u16(26)) != HEADER || page.u32(28) as usize != HEADER {
        return Err(header(4, "header length and section table offset must be 128"));
    }
    if page.u32(12) & !(FLAG_EXACT | FLAG_STATE) != 0 {
        return Err(header(4, format!("unknown flags {:#x}", page.u32(12))));
    }
    let reserved = [(56, 64), (96, HEADER), (HEADER + SECTION * count, PAGE as usize)];
    match reserved.iter().find(|&&(from, to)| !page.is_zero(from, to)) {
        Some((from, to)) => Err(header(4, format!("reserved bytes {from} to {} are not zero", to - 1))),
        None => Ok(count),
    }
}

/// Rule 5: the length in the header is the file's, whole pages, and permitted.
fn file_length(page: Record<'_>, length: u64, limits: &Limits) -> Result<(), LoadError> {
    let says = page.u64(16);
    if says != length || !says.is_multiple_of(PAGE) {
        let detail = format!("the header says {says} bytes, the file has {length}");
        return Err(header(5, detail).numbers(length, says));
    }
    if length > limits.file {
        let detail = format!("{length} bytes, {} are permitted", limits.file);
        return Err(header(5, detail).of(ErrorKind::Limit).numbers(length, limits.file));
    }
    Ok(())
}

/// Rule 6 on one entry: type, flags, counts and limits.
fn read_entry(record: Record<'_>, index: usize) -> Result<Section, LoadError> {
    let section =
        Section { kind: record.u32(0), offset: record.u64(8), length: record.u64(16), records: record.u32(24) };
    let fail = |detail: &str| Err(entry(6, index, section.kind, detail));
    let flags = record.u32(4);
    if flags & !SECTION_OPTIONAL != 0 || record.u32(28) != 0 {
        return fail("unknown flags, or reserved bytes that are not zero");
    }
    let Some(rule) = SECTION_RULES.iter().find(|rule| rule.kind == section.kind) else {
        return if flags & SECTION_OPTIONAL != 0 { Ok(section) } else { fail("unknown, and not optional") };
    };
    if section.length > rule.bytes {
        let detail = format!("{} bytes, at most {} are possible", section.length, rule.bytes);
        return Err(entry(6, index, section.kind, detail).numbers(section.length, rule.bytes));
    }
    if section.length == 0 && section.kind != section::DATA {
        return fail("is empty");
    }
    let counted = match rule.records {
        Records::Zero => section.records == 0,
        Records::One => section.records == 1,
        Records::Each(size) => {
            (1..=rule.most).contains(&section.records) && size * u64::from(section.records) == section.length
        }
        Records::Varying => (1..=rule.most).contains(&section.records),
    };
    if counted { Ok(section) } else { fail("the number of records does not fit") }
}

fn header(rule: u8, detail: impl Into<alloc::string::String>) -> LoadError {
    LoadError::bad(rule, 0, "header", detail)
}

fn entry(rule: u8, index: usize, kind: u32, detail: impl Into<alloc::string::String>) -> LoadError {
    let place = match SECTION_RULES.iter().find(|rule| rule.kind == kind) {
        Some(rule) => format!("section {index} {}", rule.name),
        None => format!("section {index} {kind:#x}"),
    };
    LoadError::bad(rule, index, place, detail)
}
