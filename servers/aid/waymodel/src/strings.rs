//! The string table and names that point into it: rule 12.

use crate::bytes::Record;
use crate::error::LoadError;
use crate::format;
use alloc::format;
use alloc::string::String;

/// A name: a range of the string table, 1 to 127 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    offset: u32,
    length: u8,
}

impl Name {
    /// The name in `strings`. Loaded names are always there.
    pub fn get<'a>(&self, strings: &'a str) -> &'a str {
        let start = self.offset as usize;
        strings.get(start..start.saturating_add(self.length.into())).unwrap_or("")
    }

    pub(crate) fn of_tensor(record: Record<'_>) -> Self {
        Self { offset: record.u32(0), length: record.u8(4) }
    }

    pub(crate) fn of_op(record: Record<'_>) -> Self {
        Self { offset: record.u32(8), length: record.u8(6) }
    }

    fn is_right(&self, strings: &str) -> bool {
        (1..=127).contains(&self.length) && !self.get(strings).is_empty()
    }
}

/// Rule 12: the table is text without control characters, and the names of tensors, then of ops, lie in it.
pub(crate) fn check<'a>(section: &'a [u8], tensors: &[u8], graph: &[u8]) -> Result<&'a str, LoadError> {
    let bad = |index: usize, place: String, detail: &str| Err(LoadError::bad(12, index, place, detail));
    let Ok(strings) = core::str::from_utf8(section) else {
        return bad(0, "strings".into(), "are not UTF-8");
    };
    if strings.contains(char::is_control) {
        return bad(0, "strings".into(), "have control characters");
    }
    let out_of_table = "its name is not a text of 1 to 127 bytes in the strings";
    for (index, record) in tensors.chunks_exact(format::TENSOR).enumerate() {
        if !Name::of_tensor(Record(record)).is_right(strings) {
            return bad(index, format!("tensor {index}"), out_of_table);
        }
    }
    for (index, record) in graph.chunks_exact(format::OP).enumerate() {
        if !Name::of_op(Record(record)).is_right(strings) {
            return bad(index, format!("op {index}"), out_of_table);
        }
    }
    Ok(strings)
}
