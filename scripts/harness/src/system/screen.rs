//! What a person sees at the guest's terminal: the rows of the screen, and everything printed so far as lines.
//!
//! ```text
//! bytes --vt100--> rows, cursor       answers "where is the cursor?", as terminals do
//!       --plain--> printed lines      a mark in them: what was expected already lies before it
//! ```
//!
//! The editor draws its row again with every key, without a new line before it; what it draws is no printed line but for
//! the prompt. So the echo of what was typed never passes for output.

use vt100::{Color, Parser};

/// Rows and columns: those of a parser that is told nothing.
pub const SIZE: (u16, u16) = (24, 80);
/// The colour of the editor's hints: bright black.
const HINT: Color = Color::Idx(8);

/// The screen.
pub struct Screen {
    parser: Parser,
    escape: Escape,
    plain: Vec<u8>,
    mark: usize,
}

/// Where in an escape sequence the stream is.
enum Escape {
    None,
    Begun,
    Control(Vec<u8>),
}

impl Default for Screen {
    fn default() -> Self {
        Self { parser: Parser::default(), escape: Escape::None, plain: vec![b'\n'], mark: 0 }
    }
}

impl Screen {
    /// Takes what the guest wrote; what the terminal answers is appended to `answer`.
    pub fn feed(&mut self, bytes: &[u8], answer: &mut Vec<u8>) {
        for &byte in bytes {
            self.parser.process(&[byte]);
            if self.take(byte) == Some(*b"6n") {
                let (row, column) = self.parser.screen().cursor_position();
                answer.extend(format!("\x1b[{};{}R", row + 1, column + 1).bytes());
            }
        }
    }

    /// Keeps a byte that is text; the last two bytes of a control sequence that ends here.
    fn take(&mut self, byte: u8) -> Option<[u8; 2]> {
        match (&mut self.escape, byte) {
            (_, 0x1b) => self.escape = Escape::Begun,
            (Escape::None, b'\r' | 7) => {}
            (Escape::None, _) => self.plain.push(byte),
            (Escape::Begun, b'[') => self.escape = Escape::Control(Vec::new()),
            (Escape::Begun, _) => self.escape = Escape::None,
            (Escape::Control(parameters), 0x40..=0x7e) => {
                let last = parameters.last().copied().unwrap_or_default();
                self.escape = Escape::None;
                return Some([last, byte]);
            }
            (Escape::Control(parameters), _) => parameters.push(byte),
        }
        None
    }

    /// Whether a line that begins so was printed behind the mark; moves the mark behind the text.
    pub fn prints(&mut self, text: &str) -> bool {
        let wanted = format!("\n{text}").into_bytes();
        let new = &self.plain[self.mark..];
        let found = new.windows(wanted.len()).position(|part| part == wanted);
        if let Some(at) = found {
            self.mark += at + wanted.len();
        }
        found.is_some()
    }

    /// Whether the cursor's row is this; moves the mark to the end of what was printed. The next line begins behind it.
    pub fn shows(&mut self, text: &str) -> bool {
        let same = self.row() == text.trim_end();
        if same {
            self.mark = self.plain.len() - usize::from(self.plain.ends_with(b"\n"));
        }
        same
    }

    /// The cursor's row without hints and blanks at its end.
    #[must_use]
    pub fn row(&self) -> String {
        let screen = self.parser.screen();
        let (row, _) = screen.cursor_position();
        let cells = (0..SIZE.1).filter_map(|column| screen.cell(row, column));
        let typed = cells.filter(|cell| cell.fgcolor() != HINT);
        let text: String = typed.map(|cell| if cell.has_contents() { cell.contents() } else { " " }).collect();
        text.trim_end().to_string()
    }

    /// All that was printed, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.plain.get(1..).unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &str) -> (Screen, Vec<u8>) {
        let (mut screen, mut answer) = (Screen::default(), Vec::new());
        screen.feed(bytes.as_bytes(), &mut answer);
        (screen, answer)
    }

    #[test]
    fn what_is_typed_is_no_output() {
        let (mut screen, _) = fed("1> \r\x1b[J1> e\r\x1b[J1> echo\r\n\x1b[?2004lhello\r\n\x1b[?2004h\r\x1b[J1> ");
        assert!(!screen.prints("echo"));
        assert!(screen.prints("hello"));
        assert!(!screen.prints("hello"), "it was seen already");
        assert!(screen.prints("1> ") && !screen.prints("1> "));
    }

    #[test]
    fn the_row_is_what_the_eye_sees() {
        let (mut screen, _) = fed("a\r\nb\r\x1b[J1> ver\x1b[90mSION\x1b[0m\r\x1b[4C");
        assert_eq!(screen.row(), "1> ver");
        assert!(screen.shows("1> ver") && !screen.shows("1> version"));
        assert!(!screen.prints("b"), "what is shown now lies behind all that was printed");
        let (mut screen, _) = fed("1> wait\r\n");
        assert!(screen.shows(""));
        screen.feed(b"over\r\n", &mut Vec::new());
        assert!(screen.prints("over"));
    }

    #[test]
    fn it_says_how_large_it_is() {
        let (_, answer) = fed("\x1b[s\x1b[999;999H\x1b[6n\x1b[u");
        assert_eq!(answer, b"\x1b[24;80R");
        assert_eq!(SIZE, (24, 80));
    }
}
