//! The harness's records: what a script writes and how it ends, beside the log on the serial port.

use alloc::vec::Vec;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// Standard output, unchanged.
    Output = 1,
    /// Standard error.
    Error = 2,
    /// The return code, a `u32`.
    ReturnCode = 3,
}

/// Appends a record: kind u8, length u32 (little-endian), bytes.
pub fn encode_record(kind: RecordKind, bytes: &[u8], to: &mut Vec<u8>) {
    to.push(kind as u8);
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kind_length_bytes() {
        let mut out = Vec::new();
        encode_record(RecordKind::Error, b"hi", &mut out);
        encode_record(RecordKind::ReturnCode, &10_u32.to_le_bytes(), &mut out);
        assert_eq!(out, [2, 2, 0, 0, 0, b'h', b'i', 3, 4, 0, 0, 0, 10, 0, 0, 0]);
    }
}
