//! A command's arguments as a line: words that know what was quoted, and the raw text for `/F`.
//!
//! ```text
//! copy "my file" TO="RAM:x y"      raw   ` "my file" TO="RAM:x y"`
//!                                  words  my file (quoted at 0) · TO=RAM:x y (quoted at 3)
//! ```
//! Rule: splitting `raw` again gives the same words. So the shell can hand a process the raw text alone, and `quote`
//! makes raw text of any word.
//!
//! Quoting, the same in the shell: in `"..."` both `*N *E *" **` and `\n \e \t \" \\ \$ \`` are escapes (any other `*`
//! or `\` stands for itself), in `'...'` nothing is, and outside `\x` is a literal x.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Code, Error};

/// Longest line that [`Line::split`] takes, in bytes: globs may have made it longer than what a person typed.
const MAX_LINE: usize = 65_536;

/// The variable in which a shell sends a command the raw text of its arguments, beside the words themselves.
pub const RAW_VARIABLE: &str = "_LINE";

/// One argument after splitting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What it says, quotes and escapes undone.
    pub text: String,
    /// How much of it was quoted.
    pub quoting: Quoting,
    /// Where it starts in the line's raw text, in bytes.
    pub start: usize,
}

/// How much of a word was quoted, and so is never a keyword or an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// Nothing.
    #[default]
    Plain,
    /// Everything from this byte of the text on; `From(0)` is a wholly quoted word.
    From(usize),
}

impl Word {
    /// A word without quotes.
    pub fn plain(text: impl Into<String>) -> Self {
        Word { text: text.into(), quoting: Quoting::Plain, start: 0 }
    }

    /// A wholly quoted word.
    pub fn quoted(text: impl Into<String>) -> Self {
        Word { text: text.into(), quoting: Quoting::From(0), start: 0 }
    }

    /// Whether any part was quoted.
    pub fn is_quoted(&self) -> bool {
        self.quoting != Quoting::Plain
    }

    /// Whether the first `length` bytes were all typed without quotes.
    pub fn is_plain_to(&self, length: usize) -> bool {
        match self.quoting {
            Quoting::Plain => true,
            Quoting::From(at) => length <= at && length > 0,
        }
    }
}

/// The words after a command's name and the raw text they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The words in order.
    pub words: Vec<Word>,
    /// The text; [`Word::start`] points into it.
    pub raw: String,
}

impl Line {
    /// Splits text into words: what is typed after `CMD ?`, or a raw line handed to a process.
    ///
    /// # Errors
    /// `UnmatchedQuotes`, or `LineTooLong` beyond 64 KiB.
    pub fn split(raw: &str) -> Result<Line, Error> {
        if raw.len() > MAX_LINE {
            return Err(Error::new(Code::LineTooLong, "the line is longer than 65,536 bytes"));
        }
        let mut words = Vec::new();
        let mut rest = raw.char_indices().peekable();
        while let Some(&(start, c)) = rest.peek() {
            if is_space(c) {
                rest.next();
                continue;
            }
            words.push(take_word(raw, start, &mut rest)?);
        }
        Ok(Line { words, raw: String::from(raw) })
    }

    /// The line that a process was given: its arguments (without the name) and, if the shell sent it, the raw text under
    /// [`RAW_VARIABLE`]. Raw text that says something else than the arguments is not believed; then no word is quoted.
    pub fn received(args: &[String], raw: Option<&str>) -> Line {
        let same = |line: &Line| line.words.iter().map(|word| &word.text).eq(args);
        let split = raw.and_then(|raw| Line::split(raw).ok()).filter(same);
        split.unwrap_or_else(|| {
            Line { words: args.iter().map(|text| Word::plain(text.as_str())).collect(), raw: args.join(" ") }.placed()
        })
    }

    /// Sets each word's place for a raw text that is the words joined by blanks.
    fn placed(mut self) -> Line {
        let mut at = 0;
        for word in &mut self.words {
            word.start = at;
            at += word.text.len() + 1;
        }
        self
    }

    /// A line of given words; the raw text is made by [`quote`].
    pub fn of(words: impl IntoIterator<Item = Word>) -> Line {
        let mut line = Line::default();
        words.into_iter().for_each(|word| line.add(word));
        line
    }

    /// Adds a word, spelled with quotes where it needs some. A word that can only be spelled so counts as quoted.
    pub fn add(&mut self, mut word: Word) {
        let plain = match word.quoting {
            Quoting::Plain => word.text.len(),
            Quoting::From(at) => at,
        };
        if !word.text.get(..plain).is_some_and(is_verbatim) {
            word.quoting = Quoting::From(0);
        }
        let spelled = spell(&word);
        self.push(word, &spelled, " ");
    }

    /// Adds a word with the text that stands for it, which must split into just that word, and the blanks before it.
    pub fn push(&mut self, mut word: Word, spelled: &str, blanks: &str) {
        if !self.raw.is_empty() {
            self.raw.push_str(if blanks.is_empty() { " " } else { blanks });
        }
        word.start = self.raw.len();
        self.raw.push_str(spelled);
        self.words.push(word);
    }

    /// The line without its last word, `more` appended: what a command parses after `CMD ... ?` was answered.
    ///
    /// # Errors
    /// As [`Line::split`].
    pub fn answered(&self, more: &str) -> Result<Line, Error> {
        let kept = self.words.last().map_or(0, |last| last.start);
        let mut raw = String::from(self.raw.get(..kept).unwrap_or(""));
        raw.push_str(more);
        Line::split(&raw)
    }

    /// The raw text from word number `index` on; if that is one word only, the word itself, so `SET x "a b"` stores
    /// `a b` while `SET x say "a b"` keeps what was typed.
    pub fn rest(&self, index: usize) -> &str {
        match self.words.get(index..) {
            None | Some([]) => "",
            Some([one]) => &one.text,
            Some([first, ..]) => self.raw.get(first.start..).unwrap_or("").trim_end(),
        }
    }
}

/// Spells a word so that splitting gives it back, with quotes only where they are needed.
pub fn quote(text: &str) -> String {
    if is_safe(text) { String::from(text) } else { quoted(text) }
}

/// Spells `text` where the first `plain` bytes are kept as typed and the rest is quoted: `TO="a b"`.
pub fn quote_tail(text: &str, plain: usize) -> String {
    let (head, tail) = match (text.get(..plain), text.get(plain..)) {
        (Some(head), Some(tail)) if is_verbatim(head) => (head, tail),
        _ => ("", text),
    };
    let mut spelled = String::from(head);
    spelled.push_str(&quoted(tail));
    spelled
}

fn spell(word: &Word) -> String {
    match word.quoting {
        Quoting::Plain if is_verbatim(&word.text) => word.text.clone(),
        Quoting::Plain => quoted(&word.text),
        Quoting::From(at) => quote_tail(&word.text, at),
    }
}

/// Single quotes where nothing has to be escaped, else double ones.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    if !text.chars().any(|c| c == '\'' || c.is_control()) {
        out.push('\'');
        out.push_str(text);
        out.push('\'');
        return out;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\u{1b}' => out.push_str("\\e"),
            '\t' => out.push_str("\\t"),
            '"' | '\\' | '$' | '`' => out.extend(['\\', c]),
            '*' => out.push_str("**"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Whether text means itself outside quotes, here and in the shell.
fn is_safe(text: &str) -> bool {
    !text.is_empty()
        && text != "?"
        && text.chars().all(|c| c.is_alphanumeric() || "_-./:,=@+".contains(c))
        && text != "+"
}

/// Whether splitting takes text as one plain word, whatever it may mean to the shell.
fn is_verbatim(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| is_space(c) || matches!(c, '"' | '\'' | '\\'))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

type Chars<'a> = core::iter::Peekable<core::str::CharIndices<'a>>;

/// Takes one word that starts here.
fn take_word(raw: &str, start: usize, rest: &mut Chars<'_>) -> Result<Word, Error> {
    let mut word = Word { start, ..Word::default() };
    while let Some(&(at, c)) = rest.peek() {
        if is_space(c) {
            break;
        }
        rest.next();
        match c {
            '"' | '\'' => {
                mark_quoted(&mut word);
                take_quoted(c, &mut word.text, rest).ok_or_else(|| unmatched(raw, at))?;
            }
            // At the very end a backslash stands for itself.
            '\\' => {
                mark_quoted(&mut word);
                word.text.push(rest.next().map_or('\\', |(_, literal)| literal));
            }
            other => word.text.push(other),
        }
    }
    Ok(word)
}

fn mark_quoted(word: &mut Word) {
    if word.quoting == Quoting::Plain {
        word.quoting = Quoting::From(word.text.len());
    }
}

/// Takes text up to the closing quote; `None` if there is none.
fn take_quoted(mark: char, text: &mut String, rest: &mut Chars<'_>) -> Option<()> {
    loop {
        let (_, c) = rest.next()?;
        if c == mark {
            return Some(());
        }
        let escaped = if mark == '"' { escape(c, rest.peek().map(|&(_, next)| next)) } else { None };
        if escaped.is_some() {
            rest.next();
        }
        text.push(escaped.unwrap_or(c));
    }
}

/// What `first` and `next` stand for together inside `"..."`, if they are an escape.
pub fn escape(first: char, next: Option<char>) -> Option<char> {
    match (first, next?) {
        ('*', 'N') | ('\\', 'n') => Some('\n'),
        ('*', 'E') | ('\\', 'e') => Some('\u{1b}'),
        ('\\', 't') => Some('\t'),
        ('*', c @ ('"' | '*')) | ('\\', c @ ('"' | '\\' | '$' | '`')) => Some(c),
        _ => None,
    }
}

fn unmatched(raw: &str, at: usize) -> Error {
    let column = raw.get(..at).map_or(0, |before| before.chars().count()) + 1;
    Error::new(Code::UnmatchedQuotes, alloc::format!("the quote at column {column} is not closed"))
}
