//! A script's text to logical lines, and whether a typed line is whole.
//!
//! A line goes on with the next one if it ends in `\` or in ` +`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fault::code;
use crate::lex::{Dialect, Token, lex};

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLine {
    /// The number of its first physical line, from 1.
    pub number: u32,
    /// The text, continuations joined.
    pub text: String,
}

/// Joins physical lines.
pub fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut lines = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (number, physical) in (1_u32..).zip(text.lines()) {
        let mut line = open.take().unwrap_or_else(|| LogicalLine { number, text: String::new() });
        let kept = continued(physical);
        line.text.push_str(kept.unwrap_or(physical));
        match kept {
            Some(_) => open = Some(line),
            None => lines.push(line),
        }
    }
    lines.extend(open);
    lines
}

/// If a line goes on, what of it counts.
pub fn continued(line: &str) -> Option<&str> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let backslashes = line.bytes().rev().take_while(|&b| b == b'\\').count();
    if backslashes % 2 == 1 {
        return line.strip_suffix('\\');
    }
    line.strip_suffix('+').filter(|kept| kept.ends_with([' ', '\t']))
}

/// What a typed line still lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// The rest of a line that ends in `\` or ` +`, or in `|`, `&&`, `||`.
    Line,
    /// An ENDIF.
    If,
    /// An ENDLOOP.
    Loop,
}

/// Whether more has to be typed before `text` (lines joined by line ends) can run. An open quote is no reason: it is an
/// error on its line.
pub fn open(text: &str) -> Option<Open> {
    if text.lines().next_back().is_some_and(|last| continued(last).is_some()) {
        return Some(Open::Line);
    }
    let mut blocks = Vec::new();
    for line in logical_lines(text) {
        let Ok(tokens) = lex(&line.text, Dialect::Shell) else { return None };
        let mut first = true;
        for token in &tokens {
            match token {
                Token::Word(word) if first => {
                    first = false;
                    count(word.plain().unwrap_or(""), &mut blocks);
                }
                Token::Word(_) => {}
                Token::Op(..) => first = true,
            }
        }
    }
    if crate::parse::parse(text.lines().next_back()?, Dialect::Shell)
        .is_err_and(|fault| fault.code == code::BAD_ARGUMENT)
        && text.trim_end().ends_with(['|', '&'])
    {
        return Some(Open::Line);
    }
    blocks.pop()
}

fn count(word: &str, blocks: &mut Vec<Open>) {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("IF") {
        blocks.push(Open::If);
    } else if is("WHILE") || is("FOR") {
        blocks.push(Open::Loop);
    } else if is("ENDIF") || is("ENDLOOP") {
        blocks.pop();
    }
}
