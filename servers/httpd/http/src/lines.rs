//! Collects the lines of a head, byte by byte, so that cuts cannot matter, until the empty one.

use alloc::vec::Vec;
use core::ops::Range;

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// CR LF and nothing else.
    Strict,
    /// LF, with or without a CR before it (RFC 9112 §2.2 allows it to a recipient).
    Lenient,
}

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of the first line, without its end.
    pub(crate) first_line: usize,
    /// Bytes of everything.
    pub(crate) total: usize,
    /// Lines, the first included.
    pub(crate) lines: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    FirstLineTooLong,
    TooLong,
    TooManyLines,
    /// Empty lines and no request behind them.
    OnlyEmpty,
    /// A CR that no LF follows, or an LF without a CR where that is not allowed.
    BareLineEnd,
}

/// So many empty lines may come before the first one: old clients send one after a body (RFC 9112 §2.2).
const EMPTY_BEFORE: usize = 2;

#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    lines: Vec<Range<usize>>,
    start: usize,
    skipped: usize,
    after_cr: bool,
    end: LineEnd,
    bounds: Bounds,
}

impl Lines {
    pub(crate) fn new(end: LineEnd, bounds: Bounds) -> Self {
        Self { bytes: Vec::new(), lines: Vec::new(), start: 0, skipped: 0, after_cr: false, end, bounds }
    }

    /// Whether nothing has come yet but perhaps empty lines.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.after_cr
    }

    /// Takes bytes up to the end of the head. Gives how many it took, and whether the head is whole.
    pub(crate) fn push(&mut self, input: &[u8]) -> Result<(usize, bool), LineError> {
        for (index, &byte) in input.iter().enumerate() {
            if self.byte(byte)? {
                return Ok((index + 1, true));
            }
        }
        Ok((input.len(), false))
    }

    /// The lines of a whole head, without their ends and without the empty one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|range| &self.bytes[range.clone()])
    }

    fn byte(&mut self, byte: u8) -> Result<bool, LineError> {
        match byte {
            b'\n' if self.after_cr || self.end == LineEnd::Lenient => {
                self.after_cr = false;
                self.line()
            }
            b'\n' => Err(LineError::BareLineEnd),
            _ if self.after_cr => Err(LineError::BareLineEnd),
            b'\r' => {
                self.after_cr = true;
                Ok(false)
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) -> Result<bool, LineError> {
        if self.lines.is_empty() && self.bytes.len() >= self.bounds.first_line {
            return Err(LineError::FirstLineTooLong);
        }
        if self.bytes.len() + 2 * self.lines.len() >= self.bounds.total {
            return Err(LineError::TooLong);
        }
        self.bytes.push(byte);
        Ok(false)
    }

    fn line(&mut self) -> Result<bool, LineError> {
        let range = self.start..self.bytes.len();
        self.start = self.bytes.len();
        if range.is_empty() {
            if self.lines.is_empty() {
                self.skipped += 1;
                return if self.skipped > EMPTY_BEFORE { Err(LineError::OnlyEmpty) } else { Ok(false) };
            }
            return Ok(true);
        }
        if self.lines.len() == self.bounds.lines {
            return Err(LineError::TooManyLines);
        }
        self.lines.push(range);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { first_line: 8, total: 20, lines: 3 };

    fn read(end: LineEnd, text: &[u8]) -> Result<(usize, bool, Vec<Vec<u8>>), LineError> {
        let mut lines = Lines::new(end, BOUNDS);
        let (taken, done) = lines.push(text)?;
        Ok((taken, done, lines.iter().map(<[u8]>::to_vec).collect()))
    }

    #[test]
    fn a_head_ends_with_an_empty_line_and_takes_no_more() {
        let whole = read(LineEnd::Strict, b"\r\none\r\ntwo\r\n\r\nbody").unwrap();
        assert_eq!(whole, (14, true, alloc::vec![b"one".to_vec(), b"two".to_vec()]));
        assert!(!read(LineEnd::Strict, b"one\r\n\r").unwrap().1);
        assert!(read(LineEnd::Lenient, b"one\ntwo\r\n\n").unwrap().1);
    }

    #[test]
    fn bounds_and_bare_ends_are_errors() {
        for (text, error) in [
            (&b"123456789"[..], LineError::FirstLineTooLong),
            (b"one\r\n12345678901234567890", LineError::TooLong),
            (b"1\r\n2\r\n3\r\n4\r\n", LineError::TooManyLines),
            (b"\r\n\r\n\r\n", LineError::OnlyEmpty),
            (b"one\n", LineError::BareLineEnd),
            (b"one\rtwo", LineError::BareLineEnd),
            (b"one\r\r\n", LineError::BareLineEnd),
        ] {
            assert_eq!(read(LineEnd::Strict, text), Err(error), "{text:?}");
        }
        assert_eq!(read(LineEnd::Lenient, b"one\rtwo"), Err(LineError::BareLineEnd));
    }
}
