//! The line being edited: text, cursor, and what was cut.
//!
//! The cursor stands between clusters: a character and the zero-width ones behind it (accents) move together.

use alloc::string::String;

use unicode_width::UnicodeWidthChar;

/// Longest text, in bytes: a pasted block has many lines. How long each may be, the shell says.
pub const MAX_TEXT: usize = 65_536;

/// Columns that a character takes.
pub(crate) fn width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    text: String,
    /// A byte position on a cluster's border.
    cursor: usize,
    cut: String,
    /// Whether the last edit cut something, so that the next cut adds to it.
    cutting: bool,
    /// Whether something did not fit, and so is missing.
    incomplete: bool,
}

/// Which way a cut goes, and so at which end it adds.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

impl Buffer {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether all that was typed or pasted did fit.
    pub(crate) fn is_complete(&self) -> bool {
        !self.incomplete
    }

    pub(crate) fn at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Marks that a key came that is no cut.
    pub(crate) fn end_cut(&mut self) {
        self.cutting = false;
    }

    /// Takes all text, leaving an empty line. What was cut stays.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        self.incomplete = false;
        core::mem::take(&mut self.text)
    }

    /// Replaces the text, cut to the bound; the cursor goes to its end.
    pub(crate) fn set(&mut self, text: &str) {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text = String::from(text.get(..end).unwrap_or(""));
        self.cursor = self.text.len();
    }

    /// Replaces from `start` to the cursor; false if it does not fit.
    pub(crate) fn replace(&mut self, start: usize, with: &str) -> bool {
        self.incomplete &= !self.text.is_empty();
        let fits = start <= self.cursor && self.text.is_char_boundary(start);
        if !fits || self.text.len() - (self.cursor - start) + with.len() > MAX_TEXT {
            self.incomplete = true;
            return false;
        }
        self.text.replace_range(start..self.cursor, with);
        self.cursor = start + with.len();
        true
    }

    /// Inserts at the cursor; false if it does not fit.
    pub(crate) fn insert(&mut self, c: char) -> bool {
        let mut bytes = [0; 4];
        self.replace(self.cursor, c.encode_utf8(&mut bytes))
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.before(self.cursor);
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.after(self.cursor);
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start(char::is_alphanumeric);
    }

    pub(crate) fn word_right(&mut self) {
        self.cursor = self.word_end();
    }

    pub(crate) fn backspace(&mut self) {
        // An accent goes alone: it was typed alone.
        if let Some((at, _)) = self.text.get(..self.cursor).and_then(|before| before.char_indices().next_back()) {
            self.text.replace_range(at..self.cursor, "");
            self.cursor = at;
        }
    }

    pub(crate) fn delete(&mut self) {
        let end = self.after(self.cursor);
        self.text.replace_range(self.cursor..end, "");
    }

    pub(crate) fn cut_to_end(&mut self) {
        self.cut(self.cursor, self.text.len(), Side::Right);
    }

    pub(crate) fn cut_to_start(&mut self) {
        self.cut(0, self.cursor, Side::Left);
    }

    /// Ctrl-W: back to white space.
    pub(crate) fn cut_blank_word(&mut self) {
        self.cut(self.word_start(|c| !c.is_whitespace()), self.cursor, Side::Left);
    }

    /// Alt-Backspace: back over letters and digits.
    pub(crate) fn cut_word_left(&mut self) {
        self.cut(self.word_start(char::is_alphanumeric), self.cursor, Side::Left);
    }

    pub(crate) fn cut_word_right(&mut self) {
        self.cut(self.cursor, self.word_end(), Side::Right);
    }

    pub(crate) fn yank(&mut self) -> bool {
        let cut = core::mem::take(&mut self.cut);
        let fits = self.replace(self.cursor, &cut);
        self.cut = cut;
        fits
    }

    /// Swaps the clusters on both sides of the cursor, at the end the last two.
    pub(crate) fn transpose(&mut self) {
        let middle = if self.at_end() { self.before(self.cursor) } else { self.cursor };
        let (start, end) = (self.before(middle), self.after(middle));
        if start == middle || middle == end {
            return;
        }
        let (first, second) = (self.text.get(start..middle), self.text.get(middle..end));
        let (Some(first), Some(second)) = (first, second) else { return };
        let swapped = alloc::format!("{second}{first}");
        self.text.replace_range(start..end, &swapped);
        self.cursor = end;
    }

    fn cut(&mut self, start: usize, end: usize, side: Side) {
        let Some(gone) = self.text.get(start..end) else { return };
        if !self.cutting {
            self.cut.clear();
        }
        match side {
            Side::Left => self.cut.insert_str(0, gone),
            Side::Right => self.cut.push_str(gone),
        }
        self.cutting = true;
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }

    /// The border before `at`.
    fn before(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        before.char_indices().rev().find(|&(_, c)| width(c) > 0 || c == '\n').map_or(0, |(at, _)| at)
    }

    /// The border after `at`.
    fn after(&self, at: usize) -> usize {
        let after = self.text.get(at..).unwrap_or("");
        let next = after.char_indices().skip(1).find(|&(_, c)| width(c) > 0 || c == '\n');
        next.map_or(self.text.len(), |(offset, _)| at + offset)
    }

    /// Where the word left of the cursor starts, past what is no word.
    fn word_start(&self, is_word: impl Fn(char) -> bool) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or("");
        let end = before.trim_end_matches(|c| !is_word(c));
        end.trim_end_matches(&is_word).len()
    }

    fn word_end(&self) -> usize {
        let after = self.text.get(self.cursor..).unwrap_or("");
        let word = after.trim_start_matches(|c: char| !c.is_alphanumeric());
        self.text.len() - word.trim_start_matches(char::is_alphanumeric).len()
    }
}
