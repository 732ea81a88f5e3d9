//! How large the terminal is: move the cursor far away and ask where it stands.

use alloc::vec::Vec;

use crate::key::{Decoder, Key};

/// Asks for the size; the cursor ends where it was.
pub const SIZE_QUERY: &[u8] = b"\x1b[s\x1b[999;999H\x1b[6n\x1b[u";

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// At least 8.
    pub columns: u16,
    /// At least 2.
    pub rows: u16,
}

impl Size {
    /// What is taken when nothing is known.
    pub const DEFAULT: Size = Size { columns: 80, rows: 24 };

    /// A size within reason: 8 to 1,000 columns, 2 to 1,000 rows.
    pub fn new(columns: u16, rows: u16) -> Size {
        Size { columns: columns.clamp(8, 1_000), rows: rows.clamp(2, 1_000) }
    }
}

/// Most bytes kept of what a person types during the query.
const MAX_KEPT: usize = 1_024;

/// Looks for the answer among what a person may be typing at the same time.
#[derive(Clone, Debug, Default)]
pub struct SizeProbe {
    decoder: Decoder,
    /// Bytes that are no answer, to be fed to the editor afterwards.
    kept: Vec<u8>,
    /// Where the sequence under way began in `kept`.
    begun: usize,
}

impl SizeProbe {
    /// Takes a byte; `Some` when the answer is complete.
    pub fn feed(&mut self, byte: u8) -> Option<Size> {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(byte);
        }
        if byte == 0x1b {
            self.begun = self.kept.len().saturating_sub(1);
        }
        match self.decoder.feed(byte)? {
            Key::Cursor { row, column } => {
                self.kept.truncate(self.begun);
                Some(Size::new(column, row))
            }
            _ => None,
        }
    }

    /// What was typed meanwhile.
    pub fn into_typed(self) -> Vec<u8> {
        self.kept
    }
}
