//! Lines and keys.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The longest line that can be edited, in bytes; of a longer one the beginning is handed over.
pub const MAX_LINE: usize = 4096;
/// Bytes that may wait to be read; more is dropped with a bell.
pub const MAX_QUEUE: usize = 64 * 1024;

const CONTROL_C: u8 = 3;
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

/// A terminal's input.
///
/// ```text
/// keys ──► ahead ──attend (somebody reads)──► line ──Enter──► ready ──► reader
///            └────────────────raw───────────────────────────────────────► reader
/// ```
#[derive(Clone, Debug, Default)]
pub struct Discipline {
    mode: Mode,
    /// Typed, and neither edited nor shown yet.
    ahead: VecDeque<u8>,
    /// The line that is being edited.
    line: Vec<u8>,
    /// Of one line what can be read.
    ready: VecDeque<u8>,
    /// Behind that is the end of input.
    end: bool,
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

    /// Changes the mode; returns the one before, and the break that was typed ahead, if one was. What was typed and not read
    /// stays for whoever reads next, a line begun included; only Ctrl-C is for now: right after Enter it stops the command
    /// that Enter starts.
    pub fn set_mode(&mut self, mode: Mode) -> (Mode, Option<Break>) {
        let before = core::mem::replace(&mut self.mode, mode);
        if mode == Mode::Raw && before != Mode::Raw {
            let end = core::mem::take(&mut self.end).then_some(CONTROL_D);
            let begun = self.ready.drain(..).chain(end).chain(self.line.drain(..)).chain(self.ahead.drain(..));
            self.ahead = begun.collect();
        }
        match self.ahead.iter().rposition(|byte| *byte == CONTROL_C) {
            Some(at) if mode != Mode::Raw => {
                self.ahead.drain(..=at);
                (before, Some(Break::C))
            }
            _ => (before, None),
        }
    }

    /// Throws away what was typed and not read.
    pub fn discard(&mut self) {
        self.ahead.clear();
        self.line.clear();
        self.ready.clear();
        self.end = false;
    }

    /// Whether [`Discipline::read`] has something to give, the end included.
    pub fn readable(&self) -> bool {
        !self.ready.is_empty() || self.end || self.mode == Mode::Raw && !self.ahead.is_empty()
    }

    /// Takes at most `length` bytes: of a line at most the line; raw, at most up to Enter or Ctrl-C, because what follows may
    /// be for another reader. Empty: the end of input, or nothing (see [`Discipline::readable`]).
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        if self.mode != Mode::Raw {
            self.end &= !self.ready.is_empty();
            return self.ready.drain(..length.min(self.ready.len())).collect();
        }
        let most = length.min(self.ahead.len());
        let last = |byte: &u8| matches!(*byte, b'\r' | b'\n' | CONTROL_C);
        let count = self.ahead.iter().take(most).position(last).map_or(most, |at| at + 1);
        self.ahead.drain(..count).collect()
    }

    /// Takes a typed byte. A break, unless the terminal is raw, comes before everything that was typed and not read; Ctrl-C
    /// throws that away. What the screen is to show at once is appended to `echo`.
    pub fn type_byte(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Break> {
        if let (Some(key), Mode::Cooked | Mode::Silent) = (break_of(byte), self.mode) {
            if key == Break::C {
                self.discard();
            }
            self.show(&[b'^', byte + b'@'], echo);
            echo.extend_from_slice(b"\r\n");
            return Some(key);
        }
        if self.ahead.len() >= MAX_QUEUE {
            echo.push(BELL);
        } else {
            self.ahead.push_back(byte);
        }
        None
    }

    /// Somebody reads: edits and shows what was typed, until there is a line to read.
    pub fn attend(&mut self, echo: &mut Vec<u8>) {
        while self.mode != Mode::Raw && !self.readable() {
            let Some(byte) = self.ahead.pop_front() else { return };
            self.edit(byte, echo);
        }
    }

    fn edit(&mut self, byte: u8, echo: &mut Vec<u8>) {
        let after_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => {}
            b'\r' | b'\n' => {
                // The cursor moves even where what was typed is not shown.
                echo.extend_from_slice(b"\r\n");
                self.line.push(b'\n');
                self.hand_over();
            }
            CONTROL_D if self.line.is_empty() => self.end = true,
            CONTROL_D => self.hand_over(),
            BACKSPACE | DELETE => self.erase_character(echo),
            0x15 => {
                while !self.line.is_empty() {
                    self.erase_character(echo);
                }
            }
            0x17 => self.erase_word(echo),
            0x12 => {
                self.show(b"\r\n", echo);
                self.show(&self.line, echo);
            }
            b'\t' | 0x20.. => self.insert(byte, echo),
            _ => {}
        }
    }

    fn insert(&mut self, byte: u8, echo: &mut Vec<u8>) {
        self.line.push(byte);
        self.show(&[byte], echo);
        if self.line.len() >= MAX_LINE {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.ready.extend(self.line.drain(..));
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

fn break_of(byte: u8) -> Option<Break> {
    match byte {
        CONTROL_C => Some(Break::C),
        0x05 => Some(Break::E),
        0x06 => Some(Break::F),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Types a text while somebody reads: what is shown.
    fn typed(d: &mut Discipline, text: &[u8]) -> Vec<u8> {
        let mut echo = Vec::new();
        for byte in text {
            d.type_byte(*byte, &mut echo);
            d.attend(&mut echo);
        }
        echo
    }

    /// What the next reader gets, and what is shown before.
    fn read(d: &mut Discipline, length: usize) -> (Vec<u8>, Vec<u8>) {
        let mut echo = Vec::new();
        d.attend(&mut echo);
        (d.read(length), echo)
    }

    fn text(d: &mut Discipline) -> Vec<u8> {
        read(d, usize::MAX).0
    }

    #[test]
    fn a_line_is_read_whole_and_one_at_a_time() {
        let mut d = Discipline::new();
        assert_eq!(typed(&mut d, b"ab\rcd\r\n"), b"ab\r\n", "the next line is shown when it is read");
        assert_eq!(read(&mut d, 100), (b"ab\n".to_vec(), vec![]));
        assert_eq!(read(&mut d, 2), (b"cd".to_vec(), b"cd\r\n".to_vec()));
        assert_eq!(read(&mut d, 100), (b"\n".to_vec(), vec![]));
        assert_eq!(text(&mut d), b"");
        assert!(!d.readable());
    }

    #[test]
    fn keys_edit_the_line() {
        let mut d = Discipline::new();
        let echo = typed(&mut d, "ein Wort hä\x7f\x7f\x17neu\r".as_bytes());
        assert_eq!(text(&mut d), b"ein neu\n");
        assert!(echo.ends_with(b"neu\r\n"));
        typed(&mut d, b"weg\x15da\r");
        assert_eq!(text(&mut d), b"da\n");
    }

    #[test]
    fn control_d_ends_input_only_at_the_start_of_a_line() {
        let mut d = Discipline::new();
        typed(&mut d, b"ab\x04");
        assert_eq!(text(&mut d), b"ab");
        typed(&mut d, b"x\r\x04y\r");
        assert_eq!(text(&mut d), b"x\n");
        d.attend(&mut Vec::new());
        assert!(d.readable());
        assert_eq!(text(&mut d), b"");
        assert_eq!(text(&mut d), b"y\n");
    }

    #[test]
    fn control_c_breaks_at_once_and_forgets_what_was_typed() {
        let mut d = Discipline::new();
        typed(&mut d, b"abc");
        let mut echo = Vec::new();
        assert_eq!(d.type_byte(3, &mut echo), Some(Break::C));
        assert_eq!(echo, b"^C\r\n");
        typed(&mut d, b"d\r");
        assert_eq!(text(&mut d), b"d\n");
        d.set_mode(Mode::Raw);
        assert_eq!(d.type_byte(3, &mut echo), None, "raw, it is a byte");
        assert_eq!(text(&mut d), b"\x03");
    }

    #[test]
    fn a_silent_terminal_shows_only_the_newline() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Silent);
        assert_eq!(typed(&mut d, b"secret\x7f\r"), b"\r\n");
        assert_eq!(text(&mut d), b"secre\n");
    }

    #[test]
    fn what_nobody_reads_yet_is_not_shown() {
        let mut d = Discipline::new();
        let mut echo = Vec::new();
        b"ahead\r".iter().for_each(|byte| assert_eq!(d.type_byte(*byte, &mut echo), None));
        assert_eq!(echo, b"");
        assert_eq!(read(&mut d, 100), (b"ahead\n".to_vec(), b"ahead\r\n".to_vec()));
    }

    #[test]
    fn what_is_typed_ahead_of_a_command_is_the_commands() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Raw);
        typed(&mut d, b"write ?\ranswer\rnext");
        assert_eq!(text(&mut d), b"write ?\r", "the editor reads its line alone");
        assert_eq!(d.set_mode(Mode::Cooked), (Mode::Raw, None));
        assert_eq!(read(&mut d, 100), (b"answer\n".to_vec(), b"answer\r\n".to_vec()));
        d.attend(&mut Vec::new());
        d.set_mode(Mode::Raw);
        assert_eq!(text(&mut d), b"next", "a line begun goes on in the editor");
    }

    #[test]
    fn control_c_right_after_enter_breaks_the_command() {
        let mut d = Discipline::new();
        d.set_mode(Mode::Raw);
        typed(&mut d, b"wait 600\r\x03echo");
        assert_eq!(text(&mut d), b"wait 600\r");
        assert_eq!(d.set_mode(Mode::Cooked), (Mode::Raw, Some(Break::C)));
        d.set_mode(Mode::Raw);
        assert_eq!(text(&mut d), b"echo");
    }

    #[test]
    fn a_line_of_any_length_arrives_whole() {
        let mut d = Discipline::new();
        typed(&mut d, &[b'x'; MAX_LINE * 2 + 7]);
        typed(&mut d, b"\r");
        let parts = [text(&mut d), text(&mut d), text(&mut d)];
        assert_eq!(parts.concat().len(), MAX_LINE * 2 + 8);
    }

    #[test]
    fn any_bytes_in_any_mode_do_no_harm() {
        let mut seed = 7_u32;
        let mut d = Discipline::new();
        for _ in 0..400_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut echo = Vec::new();
            match seed >> 27 {
                0 => _ = d.set_mode(Mode::Raw),
                1 => _ = d.set_mode(Mode::Cooked),
                2 => drop(d.read((seed >> 20) as usize & 31)),
                3 => d.attend(&mut echo),
                _ => _ = d.type_byte((seed >> 16) as u8, &mut echo),
            }
            assert!(d.ahead.len() <= MAX_QUEUE + 2 * MAX_LINE && d.line.len() < MAX_LINE && d.ready.len() <= MAX_LINE);
        }
    }
}
