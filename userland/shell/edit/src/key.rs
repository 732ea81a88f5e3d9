//! Bytes to keys: UTF-8, control characters, and the escape sequences of xterm, the Linux console and serial terminals.

use core::mem;

/// A key, or what a terminal reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// Ctrl with a letter (small).
    Ctrl(char),
    /// Alt with a character, or ESC before it.
    Alt(char),
    /// CR, LF or CR LF.
    Enter,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// 0x7f or 0x08.
    Backspace,
    /// Alt-Backspace.
    AltBackspace,
    /// Del.
    Delete,
    /// Ins.
    Insert,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Ctrl- or Alt-Left.
    WordLeft,
    /// Ctrl- or Alt-Right.
    WordRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 to F12.
    Function(u8),
    /// ESC alone.
    Escape,
    /// What follows is pasted.
    PasteStart,
    /// The paste is over.
    PasteEnd,
    /// `ESC[row;colR`: where the cursor is.
    Cursor {
        /// From 1.
        row: u16,
        /// From 1.
        column: u16,
    },
}

/// Longest escape sequence, in bytes; what is longer is dropped.
const MAX_SEQUENCE: usize = 24;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Inside a character of this many bytes more.
    Utf8 {
        value: u32,
        left: u8,
        least: u32,
    },
    Escape,
    /// Behind `ESC[`.
    Csi,
    /// Behind `ESC O`.
    Ss3,
    /// Behind `ESC[[`: the Linux console's F1 to F5.
    Linux,
}

/// The decoder; one byte goes in, at most one key comes out.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
    parameters: [u8; MAX_SEQUENCE],
    length: usize,
    after_return: bool,
}

impl Decoder {
    /// Takes a byte.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let after_return = mem::take(&mut self.after_return);
        match mem::take(&mut self.state) {
            State::Ground => self.ground(byte, after_return),
            State::Utf8 { value, left, least } => self.utf8(byte, value, left, least),
            State::Escape => self.escape(byte),
            State::Csi => self.csi(byte),
            State::Ss3 => ss3(byte),
            State::Linux => matches!(byte, b'A'..=b'E').then(|| Key::Function(byte - b'A' + 1)),
        }
    }

    /// Whether an ESC came and it is open what it begins: time for a 50 ms timer.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Escape | State::Csi | State::Ss3 | State::Linux)
    }

    /// Nothing came for 50 ms: a lone ESC was the key; a torn sequence is dropped.
    pub fn timeout(&mut self) -> Option<Key> {
        match mem::take(&mut self.state) {
            State::Escape => Some(Key::Escape),
            _ => None,
        }
    }

    fn ground(&mut self, byte: u8, after_return: bool) -> Option<Key> {
        match byte {
            b'\r' => {
                self.after_return = true;
                Some(Key::Enter)
            }
            b'\n' if after_return => None,
            b'\n' => Some(Key::Enter),
            b'\t' => Some(Key::Tab),
            0x7f | 0x08 => Some(Key::Backspace),
            0x1b => {
                self.state = State::Escape;
                None
            }
            0x00 => None,
            0x01..=0x1a => Some(Key::Ctrl(char::from(byte - 1 + b'a'))),
            0x1c..=0x1f => None,
            0x20..=0x7e => Some(Key::Char(char::from(byte))),
            0xc2..=0xdf => self.begin(byte & 0x1f, 1, 0x80),
            0xe0..=0xef => self.begin(byte & 0x0f, 2, 0x800),
            0xf0..=0xf4 => self.begin(byte & 0x07, 3, 0x1_0000),
            _ => None,
        }
    }

    fn begin(&mut self, bits: u8, left: u8, least: u32) -> Option<Key> {
        self.state = State::Utf8 { value: u32::from(bits), left, least };
        None
    }

    fn utf8(&mut self, byte: u8, value: u32, left: u8, least: u32) -> Option<Key> {
        if byte & 0xc0 != 0x80 {
            // A torn character: what comes now begins anew.
            return self.ground(byte, false);
        }
        let value = value << 6 | u32::from(byte & 0x3f);
        if left > 1 {
            self.state = State::Utf8 { value, left: left - 1, least };
            return None;
        }
        let c = char::from_u32(value).filter(|c| value >= least && !c.is_control())?;
        Some(Key::Char(c))
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => {
                self.state = State::Csi;
                self.length = 0;
                None
            }
            b'O' => {
                self.state = State::Ss3;
                None
            }
            0x1b => {
                self.state = State::Escape;
                Some(Key::Escape)
            }
            0x7f | 0x08 => Some(Key::AltBackspace),
            0x20..=0x7e => Some(Key::Alt(char::from(byte))),
            other => self.ground(other, false),
        }
    }

    fn csi(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' if self.length == 0 => {
                self.state = State::Linux;
                None
            }
            0x20..=0x3f => {
                // The state stays even when the room is used up: the sequence is eaten to its end.
                if let Some(place) = self.parameters.get_mut(self.length) {
                    *place = byte;
                }
                self.length += 1;
                self.state = State::Csi;
                None
            }
            0x40..=0x7e => self.finish(byte),
            0x1b => {
                self.state = State::Escape;
                None
            }
            _ => None,
        }
    }

    fn finish(&mut self, last: u8) -> Option<Key> {
        let parameters = self.parameters.get(..self.length)?;
        let mut numbers = parameters.split(|&b| b == b';').map(number);
        let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
        let word = matches!(second, Some(3 | 5 | 7));
        Some(match last {
            b'A' => Key::Up,
            b'B' => Key::Down,
            b'C' if word => Key::WordRight,
            b'C' => Key::Right,
            b'D' if word => Key::WordLeft,
            b'D' => Key::Left,
            b'H' => Key::Home,
            b'F' => Key::End,
            b'Z' => Key::BackTab,
            b'R' => Key::Cursor { row: first?, column: second? },
            b'P'..=b'S' => Key::Function(last - b'P' + 1),
            b'~' => return tilde(first?),
            _ => return None,
        })
    }
}

fn tilde(number: u16) -> Option<Key> {
    let small = u8::try_from(number).ok()?;
    Some(match small {
        1 | 7 => Key::Home,
        2 => Key::Insert,
        3 => Key::Delete,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::Function(small - 10),
        17..=21 => Key::Function(small - 11),
        23 | 24 => Key::Function(small - 12),
        200 => Key::PasteStart,
        201 => Key::PasteEnd,
        _ => return None,
    })
}

fn ss3(byte: u8) -> Option<Key> {
    Some(match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        b'P'..=b'S' => Key::Function(byte - b'P' + 1),
        _ => return None,
    })
}

fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u16, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}
