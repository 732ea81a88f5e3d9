//! Text to syntax tree.
//!
//! ```text
//! alternatives = sequence { "|" sequence }
//! sequence     = { item }
//! item         = "#" item | "~" item | "(" alternatives ")" | "[" class "]" | "?" | "*" | "%" | "'" c | c
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{MAX_PATTERN, PatternError, Wrong, fold};

const MAX_DEPTH: usize = 32;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Matches nothing at all, the empty text.
    Empty,
    Any,
    /// The character as typed; it is folded when compiled.
    Char(char),
    Class(Class),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    /// Any number of times.
    Repeat(Box<Node>),
    Not(Box<Node>),
}

/// `[a-cx]`, or with `~` all others; ends are folded.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) ranges: Vec<(char, char)>,
    pub(crate) inverted: bool,
}

impl Class {
    /// Whether a folded character belongs to it. Ranges are tried in both cases, so `[A-z]` means what it says.
    pub(crate) fn has(&self, c: char) -> bool {
        let mut upper = c.to_uppercase();
        let upper = match (upper.next(), upper.next()) {
            (Some(single), None) => single,
            _ => c,
        };
        let inside = self.ranges.iter().any(|&(low, high)| (low..=high).contains(&c) || (low..=high).contains(&upper));
        inside != self.inverted
    }
}

impl Node {
    /// The text, if there is no wildcard.
    pub(crate) fn literal(&self) -> Option<String> {
        match self {
            Node::Empty => Some(String::new()),
            Node::Char(c) => Some(String::from(*c)),
            Node::Sequence(nodes) => nodes.iter().map(Node::literal).collect(),
            _ => None,
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<Node, PatternError> {
    let chars: Vec<char> = text.chars().take(MAX_PATTERN + 1).collect();
    if chars.len() > MAX_PATTERN {
        return Err(PatternError { at: MAX_PATTERN, what: Wrong::TooLong });
    }
    let mut parser = Parser { chars: &chars, at: 0, depth: 0 };
    let node = parser.alternatives()?;
    if parser.at < chars.len() {
        return Err(parser.wrong(parser.at, Wrong::NotOpened));
    }
    Ok(node)
}

struct Parser<'p> {
    chars: &'p [char],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn wrong(&self, at: usize, what: Wrong) -> PatternError {
        PatternError { at, what }
    }

    fn alternatives(&mut self) -> Result<Node, PatternError> {
        let mut branches = Vec::new();
        loop {
            branches.push(self.sequence()?);
            if self.peek() != Some('|') {
                break;
            }
            self.at += 1;
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Either(branches) })
    }

    fn sequence(&mut self) -> Result<Node, PatternError> {
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            if c == ')' || c == '|' {
                break;
            }
            items.push(self.item()?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::Sequence(items) })
    }

    fn item(&mut self) -> Result<Node, PatternError> {
        let start = self.at;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(start, Wrong::TooDeep));
        }
        let Some(c) = self.next() else { return Err(self.wrong(start, Wrong::NothingAfter)) };
        let node = match c {
            '?' => Node::Any,
            '*' => Node::Repeat(Box::new(Node::Any)),
            '%' => Node::Empty,
            '#' => Node::Repeat(Box::new(self.operand(start)?)),
            '~' => Node::Not(Box::new(self.operand(start)?)),
            '(' => {
                let inner = self.alternatives()?;
                if self.next() != Some(')') {
                    return Err(self.wrong(start, Wrong::NotClosed));
                }
                inner
            }
            '[' => Node::Class(self.class(start)?),
            '\'' => Node::Char(self.next().ok_or(self.wrong(start, Wrong::NothingAfter))?),
            other => Node::Char(other),
        };
        self.depth -= 1;
        Ok(node)
    }

    /// What `#` or `~` at `start` applies to.
    fn operand(&mut self, start: usize) -> Result<Node, PatternError> {
        match self.peek() {
            None | Some(')' | '|') => Err(self.wrong(start, Wrong::NothingAfter)),
            Some(_) => self.item(),
        }
    }

    /// Behind `[`. A `]` in first place is a member.
    fn class(&mut self, start: usize) -> Result<Class, PatternError> {
        let inverted = matches!(self.peek(), Some('~' | '!' | '^'));
        self.at += usize::from(inverted);
        let mut ranges = Vec::new();
        loop {
            let low = match self.next() {
                None => return Err(self.wrong(start, Wrong::NotClosed)),
                Some(']') if !ranges.is_empty() => return Ok(Class { ranges, inverted }),
                Some(c) => self.member(c, start)?,
            };
            let ends_range = self.chars.get(self.at + 1).is_some_and(|&c| c != ']');
            let high = if self.peek() == Some('-') && ends_range {
                self.at += 1;
                let c = self.next().unwrap_or(low);
                self.member(c, start)?
            } else {
                low
            };
            // Both the range as typed and, for letters, the folded one: `[A-C]` has `b`.
            ranges.push((low, high));
            if low.is_alphabetic() && high.is_alphabetic() && low.is_uppercase() == high.is_uppercase() {
                ranges.push((fold(low), fold(high)));
            }
        }
    }

    fn member(&mut self, c: char, start: usize) -> Result<char, PatternError> {
        if c == '\'' { self.next().ok_or(self.wrong(start, Wrong::NotClosed)) } else { Ok(c) }
    }
}
