//! The records that the guest's shell sends beside the UART with `--exec`: `{kind u8, length u32 LE, bytes}`.
//!
//! Kind 1 is the commands' stdout, 2 their stderr, 3 the return code (a u32, little-endian). The decoder takes the stream
//! in pieces of any size and hands bytes on as they come: nothing waits for the end of a record.

/// A record longer than this is malformed: 16 MiB.
const MAX_RECORD: u32 = 16 << 20;
const HEADER: usize = 5;

/// A piece of what the commands said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of stdout.
    Stdout(Vec<u8>),
    /// Bytes of stderr.
    Stderr(Vec<u8>),
    /// The return code.
    Code(u32),
}

/// Bytes that are no records. The rest of the stream means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The kind of the record.
    pub kind: u8,
    /// Its length.
    pub length: u32,
}

/// Takes a stream of records apart.
#[derive(Debug, Default)]
pub struct Decoder {
    header: Vec<u8>,
    /// Bytes of the current record still to come; meaningful once the header is complete.
    left: u32,
    code: Vec<u8>,
}

impl Decoder {
    /// The next bytes of the stream.
    ///
    /// # Errors
    /// [`Malformed`] at the first record of an unknown kind or an impossible length. Pieces before it are lost with it.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Piece>, Malformed> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            if self.header.len() < HEADER {
                let (head, rest) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
                self.header.extend(head);
                bytes = rest;
                self.begin()?;
                continue;
            }
            let (body, rest) = bytes.split_at(bytes.len().min(self.left as usize));
            self.left -= body.len() as u32;
            bytes = rest;
            pieces.extend(self.body(body));
            if self.left == 0 {
                self.header.clear();
            }
        }
        Ok(pieces)
    }

    /// Whether the stream may end here.
    #[must_use]
    pub fn between_records(&self) -> bool {
        self.header.is_empty()
    }

    fn begin(&mut self) -> Result<(), Malformed> {
        let &[kind, a, b, c, d] = self.header.as_slice() else { return Ok(()) };
        let length = u32::from_le_bytes([a, b, c, d]);
        let good = match kind {
            1 | 2 => length <= MAX_RECORD,
            3 => length == 4,
            _ => false,
        };
        if !good {
            return Err(Malformed { kind, length });
        }
        self.left = length;
        if length == 0 {
            self.header.clear();
        }
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Option<Piece> {
        match self.header.first()? {
            1 => Some(Piece::Stdout(bytes.to_vec())),
            2 => Some(Piece::Stderr(bytes.to_vec())),
            _ => {
                self.code.extend(bytes);
                let code = self.code.as_slice().try_into().ok().map(u32::from_le_bytes)?;
                self.code.clear();
                Some(Piece::Code(code))
            }
        }
    }
}

/// The record of a kind and bytes, as the guest writes it.
#[must_use]
pub fn encode(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut all = encode(1, b"hello\n\0\xff");
        all.extend(encode(2, b"oops"));
        all.extend(encode(1, b""));
        all.extend(encode(1, b"more"));
        all.extend(encode(3, &10u32.to_le_bytes()));
        all
    }

    /// Joins neighbouring pieces of one kind.
    fn told(pieces: Vec<Piece>) -> (Vec<u8>, Vec<u8>, Option<u32>) {
        let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), None);
        for piece in pieces {
            match piece {
                Piece::Stdout(b) => out.extend(b),
                Piece::Stderr(b) => err.extend(b),
                Piece::Code(c) => code = Some(c),
            }
        }
        (out, err, code)
    }

    #[test]
    fn the_stream_may_come_in_pieces_of_any_size() {
        for size in 1..=stream().len() {
            let mut decoder = Decoder::default();
            let pieces = stream().chunks(size).flat_map(|c| decoder.push(c).unwrap()).collect();
            assert_eq!(told(pieces), (b"hello\n\0\xffmore".to_vec(), b"oops".to_vec(), Some(10)), "{size}");
            assert!(decoder.between_records());
        }
    }

    #[test]
    fn bytes_are_handed_on_before_the_record_ends() {
        let mut decoder = Decoder::default();
        let record = encode(1, b"slow output");
        assert_eq!(decoder.push(&record[..9]), Ok(vec![Piece::Stdout(b"slow".to_vec())]));
        assert!(!decoder.between_records());
    }

    #[test]
    fn noise_is_malformed() {
        for (kind, length) in [(0, 1), (4, 1), (b'P', 5), (3, 1), (3, 5), (1, u32::MAX)] {
            let mut bytes = vec![kind];
            bytes.extend(length.to_le_bytes());
            assert_eq!(Decoder::default().push(&bytes), Err(Malformed { kind, length }));
        }
    }
}
