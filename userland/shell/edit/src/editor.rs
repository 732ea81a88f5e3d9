//! The editor: keys to edits, history, search, completion.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::buffer::Buffer;
use crate::history::History;
use crate::key::{Decoder, Key};
use crate::recall::{Browse, Search};
use crate::render::{Screen, View, retype};
use crate::size::Size;
use crate::tab;

/// What the terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It answered the size query.
    Full(Size),
    /// It did not: no ESC is written.
    Dumb,
}

/// What became of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Enter: the line, without a line end; a pasted block holds some.
    Line(String),
    /// Enter, but not all of it did fit: it was thrown away.
    TooLong,
    /// Ctrl-C: the line was thrown away; prompt again.
    Cancelled,
    /// Ctrl-D on an empty line.
    End,
    /// A function key that means nothing here.
    Function(u8),
}

/// What a word may become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Where the word starts (bytes); it ends at the cursor.
    pub start: usize,
    /// What it may become, with what follows it (a space, `/`).
    pub words: Vec<String>,
}

/// What the editor asks about the line.
pub trait Helper {
    /// What the word before the cursor may become.
    fn complete(&mut self, line: &str, cursor: usize) -> Suggestions;
    /// What to show grey behind the line.
    fn hint(&mut self, line: &str) -> String;
}

/// No completion, no hints.
#[derive(Clone, Copy, Debug)]
pub struct NoHelp;

impl Helper for NoHelp {
    fn complete(&mut self, _: &str, cursor: usize) -> Suggestions {
        Suggestions { start: cursor, words: Vec::new() }
    }

    fn hint(&mut self, _: &str) -> String {
        String::new()
    }
}

/// What the keys do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Typed,
    Pasted,
}

/// The line editor.
#[derive(Clone, Debug)]
pub struct Editor {
    pub(crate) mode: Mode,
    prompt: String,
    decoder: Decoder,
    pub(crate) buffer: Buffer,
    screen: Screen,
    pub(crate) history: History,
    pub(crate) browse: Option<Browse>,
    pub(crate) search: Option<Search>,
    input: Input,
    /// Whether the last key was a Tab that added nothing: the next lists.
    tabbed: bool,
    /// What dumb mode has on the screen.
    shown: String,
    /// Whether the screen does not show the line as it is. Keys that come together are drawn together.
    stale: bool,
}

pub(crate) const BELL: u8 = 7;

impl Editor {
    /// An editor with a history of at most `history` lines.
    pub fn new(mode: Mode, history: usize) -> Editor {
        Editor {
            mode,
            prompt: String::new(),
            decoder: Decoder::default(),
            buffer: Buffer::default(),
            screen: Screen::default(),
            history: History::new(history),
            browse: None,
            search: None,
            input: Input::Typed,
            tabbed: false,
            shown: String::new(),
            stale: false,
        }
    }

    /// The history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The history, to load or clear. Lines typed are added by the caller, which knows which ran.
    pub fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// The line as it stands.
    pub fn text(&self) -> &str {
        self.buffer.text()
    }

    /// Changes the mode: the terminal's size was learned or changed.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Shows the prompt and begins a line.
    pub fn begin(&mut self, prompt: &str, helper: &mut dyn Helper, out: &mut Vec<u8>) {
        self.prompt = prompt.to_string();
        self.buffer.take();
        self.browse = None;
        self.search = None;
        self.tabbed = false;
        match self.mode {
            Mode::Full(_) => {
                // Bracketed paste: a pasted line end runs nothing.
                out.extend_from_slice(b"\x1b[?2004h");
                self.screen.reset();
                self.draw(helper, out);
            }
            Mode::Dumb => self.begin_dumb(out),
        }
    }

    /// Takes bytes up to the first event. The result says how many were taken; the rest belongs to the next line.
    pub fn feed(&mut self, bytes: &[u8], helper: &mut dyn Helper, out: &mut Vec<u8>) -> (usize, Option<Event>) {
        for (index, &byte) in bytes.iter().enumerate() {
            let event = self.decoder.feed(byte).and_then(|key| self.press(key, helper, out));
            if event.is_some() {
                return (index + 1, event);
            }
        }
        self.refresh(helper, out);
        (bytes.len(), None)
    }

    /// Whether a 50 ms timer should run, because an ESC came alone so far.
    pub fn is_waiting(&self) -> bool {
        self.decoder.is_waiting()
    }

    /// The timer ran out.
    pub fn timeout(&mut self, helper: &mut dyn Helper, out: &mut Vec<u8>) -> Option<Event> {
        let key = self.decoder.timeout()?;
        self.key(key, helper, out)
    }

    /// Draws the line again: something else was printed, and the cursor is at the start of an empty row.
    pub fn redraw(&mut self, helper: &mut dyn Helper, out: &mut Vec<u8>) {
        match self.mode {
            Mode::Full(_) => {
                self.screen.reset();
                self.draw(helper, out);
            }
            Mode::Dumb => self.begin_dumb(out),
        }
    }

    /// Does what a key says, and shows it.
    pub fn key(&mut self, key: Key, helper: &mut dyn Helper, out: &mut Vec<u8>) -> Option<Event> {
        let event = self.press(key, helper, out);
        if event.is_none() {
            self.refresh(helper, out);
        }
        event
    }

    fn refresh(&mut self, helper: &mut dyn Helper, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.stale) {
            self.draw(helper, out);
        }
    }

    fn press(&mut self, key: Key, helper: &mut dyn Helper, out: &mut Vec<u8>) -> Option<Event> {
        if let Key::Cursor { row, column } = key {
            if let Mode::Full(_) = self.mode {
                self.mode = Mode::Full(Size::new(column, row));
            }
            return None;
        }
        if self.input == Input::Pasted || key == Key::PasteStart {
            self.paste(key, out);
            return None;
        }
        if self.search.is_some() && !self.search_key(key, helper, out) {
            return None;
        }
        let tabbed = core::mem::take(&mut self.tabbed);
        if !matches!(key, Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Ctrl('p' | 'n')) {
            self.browse = None;
        }
        if !matches!(key, Key::Ctrl('k' | 'u' | 'w') | Key::Alt('d') | Key::AltBackspace) {
            self.buffer.end_cut();
        }
        match key {
            Key::Enter => return Some(self.enter(out)),
            Key::Ctrl('c') => return Some(self.cancel(out)),
            Key::Ctrl('d') if self.buffer.is_empty() => {
                self.leave(b"\r\n", out);
                return Some(Event::End);
            }
            Key::Function(number) => {
                self.refresh(helper, out);
                return Some(Event::Function(number));
            }
            Key::Tab => self.tab(tabbed, helper, out),
            Key::Ctrl('l') => self.clear(out),
            Key::Ctrl('r') => self.begin_search(out),
            Key::Ctrl('z') => self.no_suspend(out),
            other => self.edit(other, out),
        }
        self.stale = true;
        None
    }

    /// Keys that change line or cursor. In dumb mode the cursor stays at the end.
    fn edit(&mut self, key: Key, out: &mut Vec<u8>) {
        let fits = match key {
            Key::Char(c) => self.buffer.insert(c),
            Key::Ctrl('y') => self.buffer.yank(),
            Key::Up | Key::Ctrl('p') | Key::PageUp => self.older(),
            Key::Down | Key::Ctrl('n') | Key::PageDown => self.newer(),
            other => {
                self.move_or_cut(other);
                true
            }
        };
        if !fits {
            out.push(BELL);
        }
        if self.mode == Mode::Dumb {
            self.buffer.end();
        }
    }

    fn move_or_cut(&mut self, key: Key) {
        let buffer = &mut self.buffer;
        match key {
            Key::Backspace => buffer.backspace(),
            Key::Delete | Key::Ctrl('d') => buffer.delete(),
            Key::Left | Key::Ctrl('b') => buffer.left(),
            Key::Right | Key::Ctrl('f') => buffer.right(),
            Key::Home | Key::Ctrl('a') => buffer.home(),
            Key::End | Key::Ctrl('e') => buffer.end(),
            Key::WordLeft | Key::Alt('b') => buffer.word_left(),
            Key::WordRight | Key::Alt('f') => buffer.word_right(),
            Key::Ctrl('k') => buffer.cut_to_end(),
            Key::Ctrl('u') => buffer.cut_to_start(),
            Key::Ctrl('w') => buffer.cut_blank_word(),
            Key::AltBackspace => buffer.cut_word_left(),
            Key::Alt('d') => buffer.cut_word_right(),
            Key::Ctrl('t') => buffer.transpose(),
            _ => {}
        }
    }

    fn enter(&mut self, out: &mut Vec<u8>) -> Event {
        self.leave(b"\r\n", out);
        let complete = self.buffer.is_complete();
        let text = self.buffer.take();
        if complete { Event::Line(text) } else { Event::TooLong }
    }

    fn cancel(&mut self, out: &mut Vec<u8>) -> Event {
        self.leave(b"^C\r\n", out);
        self.buffer.take();
        Event::Cancelled
    }

    /// Leaves the line: cursor to its end, no hint, what is to be shown behind it, ordinary paste.
    fn leave(&mut self, last: &[u8], out: &mut Vec<u8>) {
        self.buffer.end();
        self.draw(&mut NoHelp, out);
        out.extend_from_slice(last);
        if let Mode::Full(_) = self.mode {
            out.extend_from_slice(b"\x1b[?2004l");
        }
        self.screen.reset();
        self.browse = None;
        self.stale = false;
    }

    fn clear(&mut self, out: &mut Vec<u8>) {
        match self.mode {
            Mode::Full(_) => {
                out.extend_from_slice(b"\x1b[H\x1b[2J");
                self.screen.reset();
            }
            Mode::Dumb => {
                out.extend_from_slice(b"\r\n");
                self.begin_dumb(out);
            }
        }
    }

    /// Ctrl-Z is not left dead.
    fn no_suspend(&mut self, out: &mut Vec<u8>) {
        self.below("Nothing can be suspended; a trailing & runs a command in the background.\r\n", out);
    }

    /// Prints lines below the line; it is drawn again behind them.
    fn below(&mut self, text: &str, out: &mut Vec<u8>) {
        let cursor = self.buffer.clone();
        self.buffer.end();
        self.draw(&mut NoHelp, out);
        self.buffer = cursor;
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(text.as_bytes());
        match self.mode {
            Mode::Full(_) => self.screen.reset(),
            Mode::Dumb => self.begin_dumb(out),
        }
    }

    fn tab(&mut self, tabbed: bool, helper: &mut dyn Helper, out: &mut Vec<u8>) {
        let Suggestions { start, words } = helper.complete(self.buffer.text(), self.buffer.cursor());
        let typed = self.buffer.text().get(start..self.buffer.cursor()).unwrap_or("").to_string();
        let common = tab::common(&words);
        match words.as_slice() {
            [] => out.push(BELL),
            [only] => {
                if !self.buffer.replace(start, only) {
                    out.push(BELL);
                }
            }
            _ if !tab::adds_nothing(&typed, common) => {
                if !self.buffer.replace(start, common) {
                    out.push(BELL);
                }
                self.tabbed = true;
            }
            _ if tabbed => {
                let columns = match self.mode {
                    Mode::Full(size) => size.columns,
                    Mode::Dumb => Size::DEFAULT.columns,
                };
                let list = tab::list(&words, usize::from(columns));
                self.below(&list, out);
            }
            _ => {
                out.push(BELL);
                self.tabbed = true;
            }
        }
    }

    /// Pasted keys are text; line ends stay in the line, tabs become blanks.
    fn paste(&mut self, key: Key, out: &mut Vec<u8>) {
        self.browse = None;
        self.search = None;
        let fits = match key {
            Key::PasteStart => {
                self.input = Input::Pasted;
                true
            }
            Key::PasteEnd => {
                self.input = Input::Typed;
                self.stale = true;
                true
            }
            Key::Char(c) => self.buffer.insert(c),
            Key::Enter => self.buffer.insert('\n'),
            Key::Tab => self.buffer.insert(' '),
            _ => true,
        };
        if !fits {
            out.push(BELL);
        }
    }

    fn begin_dumb(&mut self, out: &mut Vec<u8>) {
        let plain = without_escapes(&self.prompt);
        out.extend_from_slice(plain.as_bytes());
        self.shown.clear();
        retype("", self.buffer.text(), out);
        self.shown.push_str(self.buffer.text());
    }

    pub(crate) fn draw(&mut self, helper: &mut dyn Helper, out: &mut Vec<u8>) {
        let text = self.buffer.text();
        let size = match self.mode {
            Mode::Full(size) => size,
            Mode::Dumb => {
                retype(&self.shown, text, out);
                self.shown = text.to_string();
                return;
            }
        };
        let (prompt, hint) = match &self.search {
            Some(search) => (format!("(search) {}: ", search.query), String::new()),
            None if self.buffer.at_end() && !text.is_empty() => (self.prompt.clone(), helper.hint(text)),
            None => (self.prompt.clone(), String::new()),
        };
        let view = View { prompt: &prompt, text, cursor: self.buffer.cursor(), hint: &hint };
        self.screen.draw(&view, size, out);
    }
}

/// A prompt without its escape sequences.
fn without_escapes(prompt: &str) -> String {
    let mut out = String::new();
    let mut chars = prompt.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            out.push(c);
            continue;
        }
        if chars.next() == Some('[') {
            let _ = chars.by_ref().find(|c| ('\x40'..='\x7e').contains(c));
        }
    }
    out
}
