//! A tiny terminal: cells, a cursor, deferred wrapping, scrolling; and an editor connected to it.
#![allow(dead_code)]

use lineedit::{Editor, Event, Helper, Mode, Size, Suggestions};
use unicode_width::UnicodeWidthChar;

/// The screen. The second half of a wide character is an empty cell.
pub struct Terminal {
    pub columns: usize,
    pub rows: usize,
    cells: Vec<Vec<String>>,
    pub row: usize,
    pub column: usize,
    /// The last column was written; the next character wraps.
    pending: bool,
    pub bells: usize,
    pub escapes: usize,
    pub paste: bool,
    grey: bool,
    /// How many rows scrolled away.
    pub scrolled: usize,
    /// Whether the terminal's own wrapping is a mistake.
    pub strict: bool,
}

impl Terminal {
    pub fn new(columns: usize, rows: usize) -> Terminal {
        let cells = vec![vec![" ".to_string(); columns]; rows];
        Terminal {
            columns,
            rows,
            cells,
            row: 0,
            column: 0,
            pending: false,
            bells: 0,
            escapes: 0,
            paste: false,
            grey: false,
            scrolled: 0,
            strict: true,
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("what is written is UTF-8");
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\x1b' => {
                    self.escapes += 1;
                    assert_eq!(chars.next(), Some('['), "{text:?}");
                    let mut parameters = String::new();
                    let last = loop {
                        let c = chars.next().expect("a whole sequence");
                        if ('\x40'..='\x7e').contains(&c) {
                            break c;
                        }
                        parameters.push(c);
                    };
                    self.sequence(&parameters, last);
                }
                '\r' => (self.column, self.pending) = (0, false),
                '\n' => self.line_feed(),
                '\x08' => (self.column, self.pending) = (self.column.saturating_sub(1), false),
                '\x07' => self.bells += 1,
                c => self.put(c),
            }
        }
    }

    fn line_feed(&mut self) {
        self.pending = false;
        if self.row + 1 == self.rows {
            self.cells.remove(0);
            self.cells.push(vec![" ".to_string(); self.columns]);
            self.scrolled += 1;
        } else {
            self.row += 1;
        }
    }

    fn put(&mut self, c: char) {
        let width = c.width().unwrap_or_else(|| panic!("control character {c:?} on the screen"));
        if width == 0 {
            let column = if self.pending { self.column } else { self.column.saturating_sub(1) };
            let at = if self.cells[self.row][column].is_empty() { column - 1 } else { column };
            self.cells[self.row][at].push(c);
            return;
        }
        if self.pending || self.column + width > self.columns {
            // Only messages may rely on it, never the line.
            assert!(!self.strict, "the editor relies on the terminal's wrapping");
            self.column = 0;
            self.line_feed();
        }
        let shown = if self.grey { c.to_lowercase().to_string() } else { c.to_string() };
        self.cells[self.row][self.column] = shown;
        if width == 2 {
            self.cells[self.row][self.column + 1] = String::new();
        }
        self.column += width;
        if self.column == self.columns {
            self.column -= 1;
            self.pending = true;
        }
    }

    fn sequence(&mut self, parameters: &str, last: char) {
        let number = parameters.parse::<usize>().unwrap_or(1);
        match (parameters, last) {
            (_, 'A') => {
                assert!(number <= self.row, "up beyond the screen");
                (self.row, self.pending) = (self.row - number, false);
            }
            (_, 'C') => {
                assert!(self.column + number < self.columns, "right beyond the screen");
                (self.column, self.pending) = (self.column + number, false);
            }
            ("", 'H') => (self.row, self.column, self.pending) = (0, 0, false),
            ("2", 'J') => self.cells.iter_mut().for_each(|row| row.fill(" ".to_string())),
            ("", 'J') => {
                for row in self.row..self.rows {
                    let from = if row == self.row { self.column } else { 0 };
                    self.cells[row][from..].fill(" ".to_string());
                }
            }
            ("?2004", 'h') => self.paste = true,
            ("?2004", 'l') => self.paste = false,
            ("90", 'm') => self.grey = true,
            (_, 'm') => self.grey = false,
            other => panic!("unknown sequence {other:?}"),
        }
    }

    /// The rows as text, blank ones at the end left out.
    pub fn text(&self) -> String {
        let rows: Vec<String> = self.cells.iter().map(|row| row.concat().trim_end().to_string()).collect();
        let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        rows[..used].join("\n")
    }
}

/// Completes from a list, hints for `copy `.
#[derive(Default)]
pub struct Words(pub Vec<&'static str>);

impl Helper for Words {
    fn complete(&mut self, line: &str, cursor: usize) -> Suggestions {
        let start = line[..cursor].rfind(' ').map_or(0, |at| at + 1);
        let partial = line[start..cursor].to_lowercase();
        let words = self
            .0
            .iter()
            .filter(|word| word.to_lowercase().starts_with(&partial))
            .map(|word| word.to_string())
            .collect();
        Suggestions { start, words }
    }

    fn hint(&mut self, line: &str) -> String {
        if line == "copy " { "FROM/A,TO/A".to_lowercase() } else { String::new() }
    }
}

/// An editor on a terminal.
pub struct Desk {
    pub editor: Editor,
    pub terminal: Terminal,
    pub words: Words,
    pub events: Vec<Event>,
}

impl Desk {
    pub fn sized(columns: u16, rows: u16) -> Desk {
        Desk::with(Mode::Full(Size::new(columns, rows)), columns, rows)
    }

    pub fn new() -> Desk {
        Desk::sized(20, 6)
    }

    pub fn dumb() -> Desk {
        Desk::with(Mode::Dumb, 80, 10)
    }

    fn with(mode: Mode, columns: u16, rows: u16) -> Desk {
        let terminal = Terminal::new(columns.into(), rows.into());
        let mut desk = Desk { editor: Editor::new(mode, 100), terminal, words: Words::default(), events: Vec::new() };
        desk.begin();
        desk
    }

    pub fn begin(&mut self) {
        let mut out = Vec::new();
        self.editor.begin("1> ", &mut self.words, &mut out);
        self.terminal.write(&out);
    }

    /// Types bytes; after a line a new prompt comes, as a shell does.
    pub fn keys(&mut self, bytes: &str) -> &mut Desk {
        self.bytes(bytes.as_bytes());
        self
    }

    pub fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut out = Vec::new();
            let (taken, event) = self.editor.feed(bytes, &mut self.words, &mut out);
            self.terminal.write(&out);
            bytes = &bytes[taken..];
            if let Some(event) = event {
                if let Event::Line(line) = &event {
                    self.editor.history_mut().add(line);
                }
                if !matches!(event, Event::Function(_)) {
                    self.begin();
                }
                self.events.push(event);
            }
        }
    }

    pub fn timeout(&mut self) {
        let mut out = Vec::new();
        let event = self.editor.timeout(&mut self.words, &mut out);
        self.terminal.write(&out);
        self.events.extend(event);
    }

    pub fn screen(&self) -> String {
        self.terminal.text()
    }

    pub fn cursor(&self) -> (usize, usize) {
        (self.terminal.row, self.terminal.column)
    }
}

/// What the screen shows after keys on a fresh line.
pub fn shows(keys: &str) -> String {
    let mut desk = Desk::new();
    desk.keys(keys);
    desk.screen()
}

/// The line after keys.
pub fn line(keys: &str) -> String {
    let mut desk = Desk::sized(80, 24);
    desk.keys(keys);
    desk.editor.text().to_string()
}
