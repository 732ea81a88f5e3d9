//! Where a body ends: by length, by chunks (RFC 9112 §7.1), or with the connection.
//!
//! ```text
//! chunked:  Size ─► Data ─► DataEnd ─► Size ... Size(0) ─► Trailer ─► Done
//! ```

use core::fmt;

/// Chunk extensions are skipped; a line of them is no longer than this.
const MAX_SIZE_LINE: usize = 1_024;
/// All trailer fields together. They are skipped: nobody here asks for any.
const MAX_TRAILER: usize = 8_192;
/// Hexadecimal digits of a chunk's size: 2^60 bytes are enough.
const MAX_DIGITS: u32 = 15;

/// What is wrong with a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// A chunk's size is no hexadecimal number, or too long a one.
    ChunkSize,
    /// A chunk is not followed by a line end, or a line end is not CR LF.
    ChunkEnd,
    /// Extensions or trailers are too long.
    TooLong,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChunkSize => "a bad chunk size",
            Self::ChunkEnd => "a chunk that does not end where it says",
            Self::TooLong => "chunk extensions or trailers without end",
        })
    }
}

/// Cuts a body out of a stream.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the size line: value and digits so far, bytes of the line, and which part of it.
    Size {
        value: u64,
        digits: u32,
        line: usize,
        part: Part,
    },
    /// After the CR of a size line.
    SizeEnd {
        value: u64,
    },
    /// In a chunk's bytes.
    Data {
        left: u64,
    },
    /// Before the CR or LF that ends a chunk.
    DataEnd {
        cr: bool,
    },
    /// In the trailer: bytes so far, bytes in this line, and whether a CR was last.
    Trailer {
        total: usize,
        line: usize,
        cr: bool,
    },
    Done,
}

/// The parts of a size line: `5 ;name=value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Digits,
    Space,
    Extension,
}

impl Chunk {
    const START: Self = Self::Size { value: 0, digits: 0, line: 0, part: Part::Digits };
}

impl BodyReader {
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunk::START)
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Takes bytes from `input`: how many, and those of them that are the body's. Stops after a piece of body, at the end
    /// of the body, and when input is used up.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, &'a [u8]), BodyError> {
        match self {
            Self::UntilClose => Ok((input.len(), input)),
            Self::Length(left) => {
                let piece = first(input, *left);
                *left -= piece.len() as u64;
                Ok((piece.len(), piece))
            }
            Self::Chunked(state) => {
                let mut taken = 0;
                while let Some(&byte) = input.get(taken) {
                    if let Chunk::Data { left } = state {
                        let piece = first(&input[taken..], *left);
                        *left -= piece.len() as u64;
                        if *left == 0 {
                            *state = Chunk::DataEnd { cr: false };
                        }
                        return Ok((taken + piece.len(), piece));
                    }
                    if *state == Chunk::Done {
                        break;
                    }
                    *state = state.byte(byte)?;
                    taken += 1;
                }
                Ok((taken, &[]))
            }
        }
    }
}

fn first(input: &[u8], limit: u64) -> &[u8] {
    &input[..usize::try_from(limit).map_or(input.len(), |limit| limit.min(input.len()))]
}

impl Chunk {
    /// The state after a byte that is not a chunk's data.
    fn byte(self, byte: u8) -> Result<Self, BodyError> {
        match (self, byte) {
            (Self::Size { value, digits, line, part: Part::Digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                if digits == MAX_DIGITS {
                    return Err(BodyError::ChunkSize);
                }
                let value = value * 16 + u64::from(digit);
                Ok(Self::Size { value, digits: digits + 1, line: line + 1, part: Part::Digits })
            }
            (Self::Size { digits: 0, .. }, _) => Err(BodyError::ChunkSize),
            (Self::Size { value, .. }, b'\r') => Ok(Self::SizeEnd { value }),
            (Self::Size { value, digits, line, part }, _) => {
                // An LF, a NUL or a second number here is how requests are smuggled.
                let part = match (part, byte) {
                    (Part::Extension, b'\t' | b' '..) | (_, b';') => Part::Extension,
                    (Part::Digits | Part::Space, b' ' | b'\t') => Part::Space,
                    _ => return Err(BodyError::ChunkSize),
                };
                if line == MAX_SIZE_LINE {
                    return Err(BodyError::TooLong);
                }
                Ok(Self::Size { value, digits, line: line + 1, part })
            }
            (Self::SizeEnd { value: 0 }, b'\n') => Ok(Self::Trailer { total: 0, line: 0, cr: false }),
            (Self::SizeEnd { value }, b'\n') => Ok(Self::Data { left: value }),
            (Self::DataEnd { cr: false }, b'\r') => Ok(Self::DataEnd { cr: true }),
            (Self::DataEnd { cr: true }, b'\n') => Ok(Self::START),
            (Self::Trailer { line: 0, cr: true, .. }, b'\n') => Ok(Self::Done),
            (Self::Trailer { total, cr: true, .. }, b'\n') => Ok(Self::Trailer { total, line: 0, cr: false }),
            (Self::Trailer { total, line, cr: false }, b'\r') => Ok(Self::Trailer { total, line, cr: true }),
            (Self::Trailer { total, .. }, _) if total == MAX_TRAILER => Err(BodyError::TooLong),
            (Self::Trailer { total, line, cr: false }, _) if byte >= b' ' || byte == b'\t' => {
                Ok(Self::Trailer { total: total + 1, line: line + 1, cr: false })
            }
            _ => Err(BodyError::ChunkEnd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn read(text: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), BodyError> {
        let mut reader = BodyReader::chunked();
        let (mut body, mut at) = (Vec::new(), 0);
        while at < text.len() && !reader.is_done() {
            let end = (at + cut).min(text.len());
            let (taken, piece) = reader.next(&text[at..end])?;
            body.extend_from_slice(piece);
            at += taken;
        }
        Ok((body, at, reader.is_done()))
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read_at_every_cut() {
        let text = b"5\r\nhello\r\n1;x=\"y\"\r\n \r\n00A \r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET";
        for cut in 1..text.len() {
            let (body, taken, done) = read(text, cut).unwrap();
            assert_eq!((&body[..], taken, done), (&b"hello 0123456789"[..], text.len() - 3, true));
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for (text, error) in [
            (&b"\r\n"[..], BodyError::ChunkSize),
            (b"g\r\n", BodyError::ChunkSize),
            (b"-1\r\n", BodyError::ChunkSize),
            (b"0x5\r\nhello\r\n", BodyError::ChunkSize),
            (b"5\nhello", BodyError::ChunkSize),
            (b"5;a\nb\r\nhello", BodyError::ChunkSize),
            (b"5 5\r\nhello", BodyError::ChunkSize),
            (b"1234567890123456\r\n", BodyError::ChunkSize),
            (b"5\rhello", BodyError::ChunkEnd),
            (b"5\r\nhello0\r\n\r\n", BodyError::ChunkEnd),
            (b"5\r\nhello\n", BodyError::ChunkEnd),
            (b"0\r\nX: 1\n\r\n", BodyError::ChunkEnd),
        ] {
            assert_eq!(read(text, 3), Err(error), "{text:?}");
        }
        let mut long = b"5;".to_vec();
        long.resize(2_000, b'x');
        assert_eq!(read(&long, 100), Err(BodyError::TooLong));
        let mut long = b"0\r\n".to_vec();
        long.resize(9_000, b'x');
        assert_eq!(read(&long, 100), Err(BodyError::TooLong));
    }
}
