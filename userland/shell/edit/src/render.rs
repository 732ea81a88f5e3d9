//! The line on the screen.
//!
//! Prompt and text are laid out in rows of the terminal's width, with line breaks of the editor's own; then the whole is
//! drawn over what was there. What is higher than the screen is shown around the cursor.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::buffer::width;
use crate::size::Size;

/// Grey on, colours off.
const GREY: &str = "\x1b[90m";
const PLAIN: &str = "\x1b[0m";

/// Rows and where the cursor is in them.
struct Layout {
    rows: Vec<String>,
    column: usize,
    cursor: (usize, usize),
    columns: usize,
}

impl Layout {
    fn new(columns: usize) -> Layout {
        Layout { rows: alloc::vec![String::new()], column: 0, cursor: (0, 0), columns }
    }

    fn new_row(&mut self) {
        self.rows.push(String::new());
        self.column = 0;
    }

    fn put(&mut self, c: char) {
        if c == '\n' {
            return self.new_row();
        }
        let width = width(c);
        if self.column + width > self.columns {
            self.new_row();
        }
        if let Some(row) = self.rows.last_mut() {
            row.push(c);
        }
        self.column += width;
    }

    /// Puts text whose escape sequences take no room.
    fn put_prompt(&mut self, prompt: &str) {
        let mut chars = prompt.chars();
        while let Some(c) = chars.next() {
            if c != '\x1b' {
                self.put(c);
                continue;
            }
            let Some(row) = self.rows.last_mut() else { return };
            row.push(c);
            for (index, c) in chars.by_ref().enumerate() {
                row.push(c);
                if index > 0 && ('\x40'..='\x7e').contains(&c) || index == 0 && c != '[' {
                    break;
                }
            }
        }
    }

    /// Remembers that the cursor stands here; at a row's end that is the next row.
    fn mark(&mut self) {
        if self.column >= self.columns {
            self.new_row();
        }
        self.cursor = (self.rows.len() - 1, self.column);
    }
}

/// What is on the screen, as far as the editor needs to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen {
    /// Rows between the first drawn row and the cursor.
    cursor_row: usize,
}

/// What to draw.
pub(crate) struct View<'v> {
    pub(crate) prompt: &'v str,
    pub(crate) text: &'v str,
    pub(crate) cursor: usize,
    pub(crate) hint: &'v str,
}

impl Screen {
    /// Forgets what was drawn: the cursor is at the start of an empty row.
    pub(crate) fn reset(&mut self) {
        self.cursor_row = 0;
    }

    /// Draws the line over what was drawn before.
    pub(crate) fn draw(&mut self, view: &View<'_>, size: Size, out: &mut Vec<u8>) {
        let columns = usize::from(size.columns);
        let mut layout = Layout::new(columns);
        layout.put_prompt(view.prompt);
        let (before, after) = view.text.split_at_checked(view.cursor).unwrap_or((view.text, ""));
        before.chars().for_each(|c| layout.put(c));
        let first_after = after.chars().find(|c| *c != '\n').filter(|_| !after.starts_with('\n'));
        if first_after.is_some_and(|c| layout.column + width(c) > columns) {
            // The character under the cursor goes to the next row, and so does the cursor.
            layout.new_row();
        }
        layout.mark();
        let (cursor_row, cursor_column) = layout.cursor;
        after.chars().for_each(|c| layout.put(c));
        let hint = if after.is_empty() { fitting(view.hint, columns.saturating_sub(layout.column + 1)) } else { "" };

        let height = usize::from(size.rows);
        let top = cursor_row.saturating_sub(height - 1);
        let shown: Vec<&String> = layout.rows.iter().skip(top).take(height).collect();
        if self.cursor_row > 0 {
            out.extend_from_slice(format!("\x1b[{}A", self.cursor_row).as_bytes());
        }
        out.extend_from_slice(b"\r\x1b[J");
        for (index, row) in shown.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(row.as_bytes());
        }
        if !hint.is_empty() {
            out.extend_from_slice(format!("{GREY}{hint}{PLAIN}").as_bytes());
        }
        self.cursor_row = cursor_row - top;
        let up = shown.len().saturating_sub(1).saturating_sub(self.cursor_row);
        if up > 0 {
            out.extend_from_slice(format!("\x1b[{up}A").as_bytes());
        }
        out.push(b'\r');
        if cursor_column > 0 {
            out.extend_from_slice(format!("\x1b[{cursor_column}C").as_bytes());
        }
    }
}

/// As much of a text as fits so many columns; nothing if not even a few do.
fn fitting(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|&(_, c)| {
        used += width(c);
        used > columns
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    if columns < 4 { "" } else { text.get(..end).unwrap_or("") }
}

/// Without escapes: goes from what the line was to what it is, by backspaces from the end.
pub(crate) fn retype(old: &str, new: &str, out: &mut Vec<u8>) {
    let common: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let gone: usize = old.get(common..).unwrap_or("").chars().map(shown_width).sum();
    for _ in 0..gone {
        out.extend_from_slice(b"\x08 \x08");
    }
    for c in new.get(common..).unwrap_or("").chars() {
        let c = if c == '\n' { ' ' } else { c };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn shown_width(c: char) -> usize {
    if c == '\n' { 1 } else { width(c) }
}
