//! A line to words and operators.
//!
//! Quoting: in `"..."` both `*N *E *" **` and `\n \e \t \" \\ \$` and an escaped backtick are escapes, in `'...'` nothing
//! is, outside `\x` is a plain x. The readargs crate reads the same forms, so a command's raw line means the same there.
//! A quote ends on its line.
//!
//! `|` inside `( )` of one word belongs to a pattern. `;` at the start of a line and `#` at the start of a word (unless
//! it begins a pattern: `#?`, `#(`, `#[`) begin a comment; in keyed scripts `;` always does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use readargs::escape;

use crate::ast::{Mode, Part, Quote, Stream, Word};
use crate::fault::{Fault, code};

/// How deep `$(...)` and defaults may nest in one word.
const MAX_NESTING: usize = 8;

/// Whose rules a line follows.
#[derive(Clone, Copy, Debug, Default)]
pub enum Dialect<'d> {
    /// The shell's.
    #[default]
    Shell,
    /// A script's that began with `.KEY`: `;` is always a comment, `<name>` a parameter.
    Keyed(&'d Keyed),
}

/// What a keyed script says about its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// `.BRA`
    pub open: char,
    /// `.KET`
    pub close: char,
    /// `.DOLLAR`: between a name and its default.
    pub dollar: char,
    /// The known names; `<x>` with an unknown name is a redirection.
    pub names: Vec<String>,
}

impl Default for Keyed {
    fn default() -> Self {
        Keyed { open: '<', close: '>', dollar: '$', names: Vec::new() }
    }
}

/// An operator between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;`
    Then,
    /// `&`
    Back,
    /// `<`, `>`, `>>`, `2>`, `*>`, ...: a word follows.
    File(Stream, Mode),
    /// `2>&1`, `>&2`
    Join(Stream, Stream),
}

/// A word or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word; its span is inside.
    Word(Word),
    /// An operator and where it stands.
    Op(Op, Range<usize>),
}

/// Splits a line.
///
/// # Errors
/// `UnmatchedQuotes` for a quote, bracket or backtick without its end, `Loop` for nesting beyond 8.
pub fn lex(line: &str, dialect: Dialect<'_>) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { line, at: 0, dialect, depth: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// Reads text as the inside of double quotes, the whole of it: prompts and defaults.
pub(crate) fn lex_text(text: &str, dialect: Dialect<'_>) -> Result<Vec<Part>, Fault> {
    let mut lexer = Lexer { line: text, at: 0, dialect, depth: 0 };
    let mut parts = Vec::new();
    lexer.inside(None, &mut parts)?;
    Ok(parts)
}

struct Lexer<'l> {
    line: &'l str,
    at: usize,
    dialect: Dialect<'l>,
    depth: usize,
}

impl<'l> Lexer<'l> {
    fn rest(&self) -> &'l str {
        self.line.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn unmatched(&self, at: usize, what: &str) -> Fault {
        let column = self.line.get(..at).map_or(0, |before| before.chars().count()) + 1;
        Fault::new(code::UNMATCHED_QUOTES, format!("the {what} at column {column} is not closed"))
    }

    fn token(&mut self) -> Result<Option<Token>, Fault> {
        while self.peek().is_some_and(is_space) {
            self.next();
        }
        if self.is_comment() {
            self.at = self.line.len();
        }
        let start = self.at;
        if self.peek().is_none() {
            return Ok(None);
        }
        if !self.at_parameter()
            && let Some(op) = self.operator()
        {
            return Ok(Some(Token::Op(op, start..self.at)));
        }
        let mut word = Word { parts: Vec::new(), span: start..start };
        self.word(&mut word.parts)?;
        word.span.end = self.at;
        Ok(Some(Token::Word(word)))
    }

    fn is_comment(&self) -> bool {
        let line_start = self.line.get(..self.at).is_some_and(|before| before.chars().all(is_space));
        let mut chars = self.rest().chars();
        match (chars.next(), chars.next()) {
            (Some(';'), _) => line_start || matches!(self.dialect, Dialect::Keyed(_)),
            (Some('#'), Some('?' | '(' | '[')) => false,
            (Some('#'), _) => true,
            _ => false,
        }
    }

    fn operator(&mut self) -> Option<Op> {
        const PLAIN: &[(&str, Op)] = &[
            ("||", Op::Or),
            ("|", Op::Pipe),
            ("&&", Op::And),
            ("&", Op::Back),
            (";", Op::Then),
            ("2>&1", Op::Join(Stream::Err, Stream::Out)),
            ("*>&1", Op::Join(Stream::Err, Stream::Out)),
            ("1>&2", Op::Join(Stream::Out, Stream::Err)),
            (">&2", Op::Join(Stream::Out, Stream::Err)),
            ("2>>", Op::File(Stream::Err, Mode::Append)),
            ("*>>", Op::File(Stream::Err, Mode::Append)),
            ("2>", Op::File(Stream::Err, Mode::Write)),
            ("*>", Op::File(Stream::Err, Mode::Write)),
            (">>", Op::File(Stream::Out, Mode::Append)),
            (">", Op::File(Stream::Out, Mode::Write)),
            ("<", Op::File(Stream::In, Mode::Read)),
        ];
        PLAIN.iter().find(|(text, _)| self.take(text)).map(|&(_, op)| op)
    }

    /// One word, up to white space or an operator.
    fn word(&mut self, parts: &mut Vec<Part>) -> Result<(), Fault> {
        let mut brackets = 0_usize;
        while let Some(c) = self.peek() {
            if self.parameter(parts, Quote::None)? {
                continue;
            }
            match c {
                c if is_space(c) => break,
                '|' if brackets > 0 => self.text(parts, Quote::None),
                '|' | '&' | ';' | '<' | '>' => break,
                '"' | '\'' => self.quoted(parts)?,
                '\\' => {
                    self.next();
                    // At the end of a line a backslash stands for itself (a script's line would go on).
                    push(parts, self.peek().unwrap_or('\\'), Quote::Quoted);
                    self.next();
                }
                '$' | '`' => self.expansion(parts, Quote::None)?,
                other => {
                    brackets = match other {
                        '(' => brackets + 1,
                        ')' => brackets.saturating_sub(1),
                        _ => brackets,
                    };
                    self.text(parts, Quote::None);
                }
            }
        }
        Ok(())
    }

    /// Takes one character as text.
    fn text(&mut self, parts: &mut Vec<Part>, quote: Quote) {
        if let Some(c) = self.next() {
            push(parts, c, quote);
        }
    }

    fn quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), Fault> {
        let start = self.at;
        // An empty quoted text is a part: `""` is a word.
        match parts.last() {
            Some(Part::Text { quote: Quote::Quoted, .. }) => {}
            _ => parts.push(Part::Text { text: String::new(), quote: Quote::Quoted }),
        }
        if self.next() == Some('"') {
            return if self.inside(Some('"'), parts)? { Ok(()) } else { Err(self.unmatched(start, "quote")) };
        }
        loop {
            match self.peek() {
                None => return Err(self.unmatched(start, "quote")),
                Some('\'') => {
                    self.next();
                    return Ok(());
                }
                Some(_) => self.text(parts, Quote::Quoted),
            }
        }
    }

    /// Text as in double quotes up to `end`; false if it never comes.
    fn inside(&mut self, end: Option<char>, parts: &mut Vec<Part>) -> Result<bool, Fault> {
        loop {
            let Some(c) = self.peek() else { return Ok(end.is_none()) };
            if Some(c) == end {
                self.next();
                return Ok(true);
            }
            if self.parameter(parts, Quote::Quoted)? {
                continue;
            }
            match c {
                '$' | '`' => self.expansion(parts, Quote::Quoted)?,
                '*' | '\\' => {
                    self.next();
                    match escape(c, self.peek()) {
                        Some(escaped) => {
                            self.next();
                            push(parts, escaped, Quote::Quoted);
                        }
                        None => push(parts, c, Quote::Quoted),
                    }
                }
                _ => self.text(parts, Quote::Quoted),
            }
        }
    }

    /// `$name`, `${...}`, `$(...)` or backticks; a `$` before anything else is text.
    fn expansion(&mut self, parts: &mut Vec<Part>, quote: Quote) -> Result<(), Fault> {
        let start = self.at;
        self.deeper()?;
        if self.take("`") {
            let Some(length) = self.rest().find('`') else { return Err(self.unmatched(start, "backtick")) };
            let line = String::from(self.rest().get(..length).unwrap_or(""));
            self.at += length + 1;
            parts.push(Part::Output { line, quote });
        } else if self.take("$(") {
            let line = self.bracketed(start)?;
            parts.push(Part::Output { line, quote });
        } else if self.take("${") {
            self.braced(start, parts, quote)?;
        } else {
            self.next();
            let name = self.name();
            if name.is_empty() {
                push(parts, '$', quote);
            } else {
                parts.push(Part::Variable { name, default: None, quote });
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(Fault::new(code::LOOP, "$(...) or ${...} is nested more than 8 deep"));
        }
        Ok(())
    }

    /// A variable's name behind `$`: letters, digits and `_`, or one of `$ * @ # ?`; digits alone name an argument.
    fn name(&mut self) -> String {
        let rest = self.rest();
        if rest.starts_with(['$', '*', '@', '#', '?']) {
            self.at += 1;
            return String::from(rest.get(..1).unwrap_or(""));
        }
        let digits = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| if digits { true } else { !c.is_alphanumeric() && c != '_' });
        // `$12` is argument 1 and a 2, as in Unix; `${12}` is argument 12.
        let length = if digits { 1 } else { end.unwrap_or(rest.len()) };
        self.at += length;
        String::from(rest.get(..length).unwrap_or(""))
    }

    /// Behind `${`.
    fn braced(&mut self, start: usize, parts: &mut Vec<Part>, quote: Quote) -> Result<(), Fault> {
        let Some(length) = self.closing('{', '}') else { return Err(self.unmatched(start, "${")) };
        let inner = self.rest().get(..length).unwrap_or("");
        self.at += length + 1;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => {
                let mut parts = Vec::new();
                let mut lexer = Lexer { line: default, at: 0, dialect: self.dialect, depth: self.depth };
                lexer.inside(None, &mut parts)?;
                (name, Some(parts))
            }
            None => (inner, None),
        };
        if name.is_empty() || name.chars().any(|c| is_space(c) || "\"'`|&;<>(){}".contains(c)) {
            return Err(Fault::new(
                code::BAD_ARGUMENT,
                format!("${{{inner}}} is no variable; write ${{name}} or ${{name:-default}}"),
            ));
        }
        parts.push(Part::Variable { name: String::from(name), default, quote });
        Ok(())
    }

    /// Behind `$(`: the text up to its bracket.
    fn bracketed(&mut self, start: usize) -> Result<String, Fault> {
        let Some(length) = self.closing('(', ')') else { return Err(self.unmatched(start, "$(")) };
        let inner = self.rest().get(..length).unwrap_or("");
        self.at += length + 1;
        Ok(String::from(inner))
    }

    /// How far it is to the bracket that closes, past inner ones and quoted text.
    fn closing(&self, open: char, close: char) -> Option<usize> {
        let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
        for (at, c) in self.rest().char_indices() {
            if core::mem::take(&mut escaped) {
                continue;
            }
            match (quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (Some('"') | None, '\\') => escaped = true,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, c) if c == open => depth += 1,
                (None, c) if c == close && depth == 0 => return Some(at),
                (None, c) if c == close => depth -= 1,
                _ => {}
            }
        }
        None
    }

    fn at_parameter(&self) -> bool {
        self.parameter_here().is_some()
    }

    /// The name, default and length of a `<name>` or `<name$default>` that stands here.
    fn parameter_here(&self) -> Option<(&'l str, Option<&'l str>, usize)> {
        let Dialect::Keyed(keyed) = self.dialect else { return None };
        let inner = self.rest().strip_prefix(keyed.open)?;
        let length = inner.find(keyed.close)?;
        let inner = inner.get(..length)?;
        let (name, default) = match inner.split_once(keyed.dollar) {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let known = keyed.names.iter().any(|known| known.eq_ignore_ascii_case(name)) || name == "$";
        known.then_some((name, default, keyed.open.len_utf8() + length + keyed.close.len_utf8()))
    }

    fn parameter(&mut self, parts: &mut Vec<Part>, quote: Quote) -> Result<bool, Fault> {
        let Some((name, default, length)) = self.parameter_here() else { return Ok(false) };
        self.at += length;
        let default = default.map(|text| alloc::vec![Part::Text { text: String::from(text), quote }]);
        parts.push(Part::Variable { name: String::from(name), default, quote });
        Ok(true)
    }
}

/// Adds a character to the last text of the same kind.
fn push(parts: &mut Vec<Part>, c: char, quote: Quote) {
    if let Some(Part::Text { text, quote: own }) = parts.last_mut()
        && *own == quote
    {
        text.push(c);
        return;
    }
    parts.push(Part::Text { text: String::from(c), quote });
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
