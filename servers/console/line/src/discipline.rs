//! Lines and keys.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The longest line that can be edited, in bytes; of a longer one the beginning is handed over.
pub const MAX_LINE: usize = 4096;
/// Bytes that may wait to be read; more is dropped with a bell.
pub const MAX_QUEUE: usize = 64 * 1024;

const CONTROL_D: u8 = 4;
const BELL: u8 = 7;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 0x7f;

/// How input is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Lines, edited and echoed.
    #[default]
    Cooked,
    /// Lines, not echoed.
    Silent,
    /// Bytes as they come.
    Raw,
}

/// Which break was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Ctrl-C: stop the command.
    C,
    /// Ctrl-E.
    E,
    /// Ctrl-F.
    F,
}

/// What typing a byte led to, besides the echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Nothing that a reader would notice.
    Nothing,
    /// There is something to read, or the end.
    Readable,
    /// A break.
    Break(Break),
}

/// A terminal's input.
#[derive(Clone, Debug, Default)]
pub struct Discipline {
    mode: Mode,
    line: Vec<u8>,
    /// Complete lines, or raw bytes.
    queue: VecDeque<u8>,
    /// Ends of input that stand after that many queued bytes.
    ends: VecDeque<usize>,
    /// The byte before was a carriage return, so a line feed belongs to it.
    after_return: bool,
}

impl Discipline {
    /// A cooked terminal with nothing typed.
    pub fn new() -> Self {
        Self::default()
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Changes the mode; returns the one before, and the break that was typed ahead, if one was. A line begun is handed over
    /// to a raw reader as it is. What was typed ahead of a change from raw counts as typed now, only that it is not shown
    /// again: a Ctrl-C right after Enter is for the command that Enter starts.
    pub fn set_mode(&mut self, mode: Mode) -> (Mode, Option<Break>) {
        let before = core::mem::replace(&mut self.mode, mode);
        match (before, mode) {
            (Mode::Raw, Mode::Cooked | Mode::Silent) => (before, self.type_again()),
            (Mode::Cooked | Mode::Silent, Mode::Raw) => {
                let line = core::mem::take(&mut self.line);
                self.queue.extend(line);
                (before, None)
            }
            _ => (before, None),
        }
    }

    fn type_again(&mut self) -> Option<Break> {
        let (queue, ends) = (core::mem::take(&mut self.queue), core::mem::take(&mut self.ends));
        let mut ends = ends.into_iter().peekable();
        let mut came = None;
        for (at, byte) in queue.into_iter().enumerate() {
            while ends.next_if_eq(&at).is_some() {
                self.type_byte(CONTROL_D, &mut Vec::new());
            }
            if let Typed::Break(key) = self.type_byte(byte, &mut Vec::new()) {
                came = came.or(Some(key));
            }
        }
        for _ in ends {
            self.type_byte(CONTROL_D, &mut Vec::new());
        }
        came
    }

    /// Throws away what was typed and not read.
    pub fn discard(&mut self) {
        self.line.clear();
        self.queue.clear();
        self.ends.clear();
    }

    /// Whether [`Discipline::read`] has something to give, the end included.
    pub fn readable(&self) -> bool {
        !self.queue.is_empty() || !self.ends.is_empty()
    }

    /// Takes at most `length` bytes: of a line at most the line; raw, at most up to Enter or a break, because what follows may
    /// be for another reader. Empty: the end of input, or nothing (see [`Discipline::readable`]).
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        if self.ends.front() == Some(&0) {
            self.ends.pop_front();
            return Vec::new();
        }
        let end = self.ends.front().copied().unwrap_or(usize::MAX);
        let most = length.min(self.queue.len()).min(end);
        let ends = |byte: &u8| match self.mode {
            Mode::Raw => matches!(byte, b'\r' | b'\n' | 0x03),
            _ => *byte == b'\n',
        };
        let count = self.queue.iter().take(most).position(ends).map_or(most, |at| at + 1);
        for end in &mut self.ends {
            *end -= count;
        }
        self.queue.drain(..count).collect()
    }

    /// Takes a typed byte; what the screen is to show is appended to `echo`.
    pub fn type_byte(&mut self, byte: u8, echo: &mut Vec<u8>) -> Typed {
        if self.mode == Mode::Raw {
            return self.hand_over(&[byte], echo);
        }
        let after_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => Typed::Nothing,
            b'\r' | b'\n' => self.end_line(echo),
            0x03 => self.stop(Break::C, echo),
            0x05 => self.stop(Break::E, echo),
            0x06 => self.stop(Break::F, echo),
            CONTROL_D if self.line.is_empty() => {
                self.ends.push_back(self.queue.len());
                Typed::Readable
            }
            CONTROL_D => {
                let line = core::mem::take(&mut self.line);
                self.hand_over(&line, echo)
            }
            BACKSPACE | DELETE => {
                self.erase_character(echo);
                Typed::Nothing
            }
            0x15 => {
                while !self.line.is_empty() {
                    self.erase_character(echo);
                }
                Typed::Nothing
            }
            0x17 => {
                self.erase_word(echo);
                Typed::Nothing
            }
            0x12 => {
                self.show(b"\r\n", echo);
                let line = self.line.clone();
                self.show(&line, echo);
                Typed::Nothing
            }
            b'\t' | 0x20.. => {
                self.insert(byte, echo);
                Typed::Nothing
            }
            _ => Typed::Nothing,
        }
    }

    fn insert(&mut self, byte: u8, echo: &mut Vec<u8>) {
        if self.line.len() >= MAX_LINE {
            let line = core::mem::take(&mut self.line);
            self.hand_over(&line, echo);
        }
        self.line.push(byte);
        self.show(&[byte], echo);
    }

    fn end_line(&mut self, echo: &mut Vec<u8>) -> Typed {
        let mut line = core::mem::take(&mut self.line);
        line.push(b'\n');
        // The cursor moves even where what was typed is not shown.
        echo.extend_from_slice(b"\r\n");
        self.hand_over(&line, echo)
    }

    fn hand_over(&mut self, bytes: &[u8], echo: &mut Vec<u8>) -> Typed {
        if self.queue.len() + bytes.len() > MAX_QUEUE {
            echo.push(BELL);
            return Typed::Nothing;
        }
        self.queue.extend(bytes);
        Typed::Readable
    }

    fn stop(&mut self, what: Break, echo: &mut Vec<u8>) -> Typed {
        self.line.clear();
        let key = match what {
            Break::C => b"^C",
            Break::E => b"^E",
            Break::F => b"^F",
        };
        self.show(key, echo);
        echo.extend_from_slice(b"\r\n");
        Typed::Break(what)
    }

    fn show(&self, bytes: &[u8], echo: &mut Vec<u8>) {
        if self.mode == Mode::Cooked {
            echo.extend_from_slice(bytes);
        }
    }

    fn erase_word(&mut self, echo: &mut Vec<u8>) {
        while self.line.last() == Some(&b' ') {
            self.erase_character(echo);
        }
        while self.line.last().is_some_and(|byte| *byte != b' ') {
            self.erase_character(echo);
        }
    }

    /// Erases one character: all bytes of its UTF-8 encoding, one cell.
    fn erase_character(&mut self, echo: &mut Vec<u8>) {
        let Some(last) = self.line.pop() else { return };
        let mut byte = last;
        while byte & 0xc0 == 0x80 {
            match self.line.pop() {
                Some(before) => byte = before,
                None => break,
            }
        }
        self.show(b"\x08 \x08", echo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(d: &mut Discipline, text: &[u8]) -> (Vec<u8>, Vec<Typed>) {
        let mut echo = Vec::new();
        let events = text.iter().map(|byte| d.type_byte(*byte, &mut echo)).filter(|t| *t != Typed::Nothing).collect();
        (echo, events)
    }

    #[test]
    fn a_line_is_read_whole_and_one_at_a_time() {
        let mut d = Discipline::new();
        let (echo, events) = typed(&mut d, b"ab\rcd\r\n");
        assert_eq!(echo, b"ab\r\ncd\r\n");
        assert_eq!(events, [Typed::Readable, Typed::Readable]);
        assert_eq!(d.read(100), b"ab\n");
        assert_eq!(d.read(2), b"cd");
        assert_eq!(d.read(100), b"\n");
        assert!(!d.readable());
    }

    #[test]
    fn keys_edit_the_line() {
        let mut d = Discipline::new();
        let (echo, _) = typed(&mut d, "ein Wort hä\x7f\x7f\x17neu\r".as_bytes());
        assert_eq!(d.read(100), b"ein neu\n");
        assert!(echo.ends_with(b"neu\r\n"));
        typed(&mut d, b"weg\x15da\r");
        assert_eq!(d.read(100), b"da\n");
    }

    #[test]
    fn control_d_ends_input_only_at_the_start_of_a_line() {
        let mut d = Discipline::new();
        typed(&mut d, b"ab\x04");
        assert_eq!(d.read(100), b"ab");
        typed(&mut d, b"x\r\x04y\r");
        assert_eq!(d.read(100), b"x\n");
        assert!(d.readable());
        assert_eq!(d.read(100), b"");
        assert_eq!(d.read(100), b"y\n");
    }

    #[test]
    fn control_c_breaks_and_forgets_the_line() {
        let mut d = Discipline::new();
        let (echo, events) = typed(&mut d, b"abc\x03d\r");
        assert_eq!(events, [Typed::Break(Break::C), Typed::Readable]);
        assert!(echo.starts_with(b"abc^C\r\n"));
        assert_eq!(d.read(100), b"d\n");
        d.set_mode(Mode::Raw);
        assert_eq!(typed(&mut d, b"\x03").1, [Typed::Readable], "raw, it is a byte");
        assert_eq!(d.read(9), b"\x03");
    }

    #[test]
    fn a_silent_terminal_shows_only_the_newline() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Silent);
        let (echo, _) = typed(&mut d, b"secret\x7f\r");
        assert_eq!(echo, b"\r\n");
        assert_eq!(d.read(100), b"secre\n");
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut d = Discipline::new();
        for _ in 0..MAX_QUEUE * 2 {
            typed(&mut d, b"x");
            assert!(d.line.len() <= MAX_LINE && d.queue.len() <= MAX_QUEUE);
        }
        d.discard();
        d.set_mode(Mode::Raw);
        for _ in 0..MAX_QUEUE + 100 {
            typed(&mut d, b"y");
        }
        assert_eq!(d.read(usize::MAX).len(), MAX_QUEUE);
    }

    #[test]
    fn a_line_of_any_length_arrives_whole() {
        let mut d = Discipline::new();
        let line = [b'x'; MAX_LINE * 2 + 7];
        typed(&mut d, &line);
        typed(&mut d, b"\r");
        assert_eq!(d.read(usize::MAX).len(), line.len() + 1);
    }

    #[test]
    fn what_is_typed_ahead_of_a_command_is_the_commands() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Raw);
        typed(&mut d, b"type\ranswer\rnext");
        assert_eq!(d.read(100), b"type\r", "the editor reads its line alone");
        assert_eq!(d.set_mode(Mode::Cooked), (Mode::Raw, None));
        assert_eq!(d.read(100), b"answer\n");
        assert!(!d.readable());
        d.set_mode(Mode::Raw);
        assert_eq!(d.read(100), b"next");
    }

    #[test]
    fn control_c_right_after_enter_breaks_the_command() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Raw);
        typed(&mut d, b"wait 600\r\x03echo");
        assert_eq!(d.read(100), b"wait 600\r");
        assert_eq!(d.set_mode(Mode::Cooked), (Mode::Raw, Some(Break::C)));
        d.set_mode(Mode::Raw);
        assert_eq!(d.read(100), b"echo");
    }

    #[test]
    fn any_bytes_in_any_mode_do_no_harm() {
        let mut seed = 7_u32;
        let mut d = Discipline::new();
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut echo = Vec::new();
            match seed >> 28 {
                0 => _ = d.set_mode(Mode::Raw),
                1 => _ = d.set_mode(Mode::Cooked),
                2 => drop(d.read((seed >> 20) as usize & 31)),
                _ => drop(d.type_byte((seed >> 16) as u8, &mut echo)),
            }
            assert!(d.queue.len() <= MAX_QUEUE + MAX_LINE && d.line.len() <= MAX_LINE);
            assert!(d.ends.iter().all(|end| *end <= d.queue.len()));
            if d.ends.len() > 1000 {
                d.discard();
            }
        }
    }
}
