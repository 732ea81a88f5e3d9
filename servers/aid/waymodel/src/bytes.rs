//! Little-endian fields of fixed records, and rounding that can't overflow.

/// A view of one fixed-size record. Its fields are read at offsets that the format fixes, inside the record; an offset
/// outside reads as 0, so that no reader can panic.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a>(pub &'a [u8]);

impl<'a> Record<'a> {
    pub fn u8(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    pub fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    pub fn f32(self, at: usize) -> f32 {
        f32::from_le_bytes(self.array(at))
    }

    pub fn array<const N: usize>(self, at: usize) -> [u8; N] {
        let bytes = at.checked_add(N).and_then(|end| self.0.get(at..end));
        bytes.and_then(|b| b.try_into().ok()).unwrap_or([0; N])
    }

    /// Whether the bytes from `at` to `end` are all 0.
    pub fn is_zero(self, at: usize, end: usize) -> bool {
        self.0.get(at..end).is_some_and(all_zero)
    }
}

/// Whether every byte is 0; an empty slice is.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| b == 0)
}

/// `value` rounded up to a multiple of `unit`, a power of two. `None` if that overflows.
pub(crate) fn round_up(value: u64, unit: u64) -> Option<u64> {
    value.checked_add(unit - 1).map(|v| v & !(unit - 1))
}

/// The part of `bytes` at `offset`, `length` long, if it lies inside.
pub(crate) fn part(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let end = offset.checked_add(length)?;
    bytes.get(usize::try_from(offset).ok()?..usize::try_from(end).ok()?)
}
