//! PEM (RFC 7468): labelled Base64 blocks in text. Text between blocks is skipped, as certificate bundles carry comments.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// No file of certificates or keys is larger than this (bytes).
const MAX_INPUT: usize = 4 << 20;
/// Nor has it more blocks than this.
const MAX_BLOCKS: usize = 2_048;

/// One `-----BEGIN label-----` block.
#[derive(Clone, PartialEq, Eq)]
pub struct PemBlock {
    /// What it is: `CERTIFICATE`, `PRIVATE KEY`, ...
    pub label: String,
    /// The decoded bytes.
    pub contents: Vec<u8>,
}

impl fmt::Debug for PemBlock {
    /// Says nothing of the contents, which may be a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PemBlock({}, {} bytes)", self.label, self.contents.len())
    }
}

/// Why a text is not PEM. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// There is no `-----BEGIN` line at all.
    NoBlock,
    /// A block begins here and never ends.
    Unterminated {
        /// The line of its BEGIN.
        line: usize,
    },
    /// A block's END names another label, or a BEGIN stands inside a block.
    Mismatch {
        /// The line of the odd END or BEGIN.
        line: usize,
    },
    /// A line of a block has something that Base64 has not, or the block's length does not come out even.
    BadBase64 {
        /// The line, or the END line when the length is wrong.
        line: usize,
    },
    /// The text is larger than 4 MiB or has more than 2,048 blocks.
    TooLarge,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBlock => f.write_str("no -----BEGIN line"),
            Self::Unterminated { line } => write!(f, "the block that begins in line {line} has no END line"),
            Self::Mismatch { line } => write!(f, "line {line} does not end the block that was begun"),
            Self::BadBase64 { line } => write!(f, "line {line} is not Base64"),
            Self::TooLarge => f.write_str("larger than 4 MiB or more than 2,048 blocks"),
        }
    }
}

/// Reads all blocks of a PEM text, in order; at least one.
pub fn parse_pem(text: &[u8]) -> Result<Vec<PemBlock>, PemError> {
    if text.len() > MAX_INPUT {
        return Err(PemError::TooLarge);
    }
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &[u8], Base64)> = None;
    for (index, raw) in text.split(|&b| b == b'\n').enumerate() {
        let line = index + 1;
        let trimmed = raw.trim_ascii();
        match (boundary(trimmed), &mut open) {
            (Some(Boundary::Begin(label)), None) => open = Some((line, label, Base64::default())),
            (Some(Boundary::End(label)), Some((_, begun, _))) if label == *begun => {
                let Some((_, label, base64)) = open.take() else { continue };
                let contents = base64.finish().ok_or(PemError::BadBase64 { line })?;
                blocks.push(PemBlock { label: String::from_utf8_lossy(label).into_owned(), contents });
                if blocks.len() > MAX_BLOCKS {
                    return Err(PemError::TooLarge);
                }
            }
            (Some(_), Some(_)) => return Err(PemError::Mismatch { line }),
            // Old key files have "Proc-Type:" headers inside the block: they mean encryption, which this does not read.
            (None, Some((_, _, base64))) => base64.line(trimmed).ok_or(PemError::BadBase64 { line })?,
            (Some(Boundary::End(_)), None) => return Err(PemError::Mismatch { line }),
            (None, None) => {}
        }
    }
    match open {
        Some((line, ..)) => Err(PemError::Unterminated { line }),
        None if blocks.is_empty() => Err(PemError::NoBlock),
        None => Ok(blocks),
    }
}

enum Boundary<'a> {
    Begin(&'a [u8]),
    End(&'a [u8]),
}

fn boundary(line: &[u8]) -> Option<Boundary<'_>> {
    let inner = line.strip_suffix(b"-----")?;
    if let Some(label) = inner.strip_prefix(b"-----BEGIN ") {
        Some(Boundary::Begin(label))
    } else {
        inner.strip_prefix(b"-----END ").map(Boundary::End)
    }
}

/// Base64 (RFC 4648 §4) that arrives in lines. After padding nothing more may come.
#[derive(Default)]
struct Base64 {
    bytes: Vec<u8>,
    bits: u32,
    count: u32,
    padding: u32,
}

impl Base64 {
    fn line(&mut self, line: &[u8]) -> Option<()> {
        line.iter().filter(|b| !b.is_ascii_whitespace()).try_for_each(|&b| self.symbol(b))
    }

    fn symbol(&mut self, symbol: u8) -> Option<()> {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.padding += 1;
                return Some(());
            }
            _ => return None,
        };
        if self.padding > 0 {
            return None;
        }
        self.bits = (self.bits << 6) | u32::from(value);
        self.count += 1;
        if self.count.is_multiple_of(4) {
            self.bytes.extend_from_slice(&self.bits.to_be_bytes()[1..]);
            self.bits = 0;
        }
        Some(())
    }

    /// The bytes, if symbols and padding make whole groups of four. Spare bits must be zero, so that bytes have one form.
    fn finish(mut self) -> Option<Vec<u8>> {
        let expected = match self.count % 4 {
            0 => 0,
            2 if self.bits & 0x0f == 0 => 2,
            3 if self.bits & 0x03 == 0 => 1,
            _ => return None,
        };
        match expected {
            2 => self.bytes.push((self.bits >> 4) as u8),
            1 => self.bytes.extend_from_slice(&((self.bits >> 2) as u16).to_be_bytes()),
            _ => {}
        }
        (self.padding == expected).then_some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_bundle_with_comments_and_both_line_ends_is_read() {
        let text = b"# Root one\n-----BEGIN CERTIFICATE-----\r\nAQID\r\nBA==\r\n-----END CERTIFICATE-----\r\n\nkey:\n-----BEGIN PRIVATE KEY-----\nAQI=\n-----END PRIVATE KEY-----";
        let blocks = parse_pem(text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), &blocks[0].contents[..]), ("CERTIFICATE", &[1, 2, 3, 4][..]));
        assert_eq!((blocks[1].label.as_str(), &blocks[1].contents[..]), ("PRIVATE KEY", &[1, 2][..]));
        assert!(!format!("{:?}", blocks[1]).contains('['), "keys are not printed");
    }

    #[test]
    fn each_mistake_names_its_line() {
        let cases: [(&[u8], PemError); 8] = [
            (b"", PemError::NoBlock),
            (b"hello", PemError::NoBlock),
            (b"x\n-----BEGIN A-----\nAQID\n", PemError::Unterminated { line: 2 }),
            (b"-----BEGIN A-----\nAQID\n-----END B-----\n", PemError::Mismatch { line: 3 }),
            (b"-----BEGIN A-----\n-----BEGIN A-----\n", PemError::Mismatch { line: 2 }),
            (b"-----BEGIN A-----\nAQ!D\n-----END A-----\n", PemError::BadBase64 { line: 2 }),
            (b"-----BEGIN A-----\nAQI\n-----END A-----\n", PemError::BadBase64 { line: 3 }),
            (b"-----BEGIN A-----\nAQ==\nAQID\n-----END A-----\n", PemError::BadBase64 { line: 3 }),
        ];
        for (text, error) in cases {
            assert_eq!(parse_pem(text), Err(error), "{}", String::from_utf8_lossy(text));
        }
    }
}
