//! Postcard's wire form, read with limits and written: the subset that a manifest needs.
//!
//! Serde's derived reader would allocate what a length field asks for before the fields are there to be judged, and takes
//! numbers in longer forms than needed. This reader bounds every count before it allocates and takes the shortest form
//! only, so that what it accepts encodes again to the same bytes. A test holds it to the `postcard` crate.

use alloc::string::String;
use alloc::vec::Vec;

/// What was wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Reads postcard from a slice.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], FieldError> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            return Err(FieldError { field, what: "the manifest ends in it" });
        };
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FieldError> {
        let bytes = self.take(field, N)?;
        bytes.try_into().map_err(|_| FieldError { field, what: "the manifest ends in it" })
    }

    pub fn byte(&mut self, field: &'static str, most: u8) -> Result<u8, FieldError> {
        let [value] = self.array(field)?;
        if value <= most { Ok(value) } else { Err(FieldError { field, what: "is not a known value" }) }
    }

    /// A number in 7-bit groups, lowest first, in its shortest form and at most `most`.
    pub fn number(&mut self, field: &'static str, most: u32) -> Result<u32, FieldError> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(field, u8::MAX)?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 != 0 {
                continue;
            }
            if byte == 0 && shift > 0 {
                return Err(FieldError { field, what: "a number is not in its shortest form" });
            }
            return match u32::try_from(value) {
                Ok(value) if value <= most => Ok(value),
                _ => Err(FieldError { field, what: "is too great" }),
            };
        }
        Err(FieldError { field, what: "a number is too long" })
    }

    /// A count of at most `most`.
    pub fn count(&mut self, field: &'static str, most: u32) -> Result<usize, FieldError> {
        self.number(field, most).map(|n| n as usize)
    }

    /// UTF-8 of `least` to `most` bytes without control characters (but line feeds, where `lines` says so).
    pub fn text(&mut self, field: &'static str, least: u32, most: u32, lines: Lines) -> Result<&'a str, FieldError> {
        let length = self.number(field, most)?;
        if length < least {
            return Err(FieldError { field, what: "is too short" });
        }
        let bytes = self.take(field, length as usize)?;
        let text = core::str::from_utf8(bytes).map_err(|_| FieldError { field, what: "is not UTF-8" })?;
        let wrong = |c: char| c.is_control() && !(c == '\n' && lines == Lines::Many);
        if text.contains(wrong) {
            return Err(FieldError { field, what: "has control characters" });
        }
        Ok(text)
    }

    pub fn finish(self) -> Result<(), FieldError> {
        if self.rest.is_empty() { Ok(()) } else { Err(FieldError { field: "manifest", what: "bytes are left over" }) }
    }
}

/// Whether a text may have several lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    One,
    Many,
}

/// Appends `value` in 7-bit groups.
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a text with its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// A list of short texts in one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).and_then(|i| self.ends.get(i)).map_or(0, |&e| e as usize);
        self.text.get(start..end)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    pub(crate) fn reserve(&mut self, count: usize) {
        self.ends.reserve_exact(count);
    }
}

impl<S: AsRef<str>> FromIterator<S> for Texts {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|t| all.push(t.as_ref()));
        all
    }
}
