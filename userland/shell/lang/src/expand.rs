//! Words to arguments: variables, command output, wildcards.
//!
//! An unquoted value is split at white space and its wildcards count; a quoted one is one word, whatever it holds. No
//! value is ever read as syntax. What came out of a wildcard counts as quoted: a file named `all` is no keyword.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use protocol::start::MAX_ARGS;
use readargs::{Line, Quoting};

use crate::ast::{Command, Part, Quote, Redirect, Statement, Word};
use crate::fault::{Fault, code};
use crate::glob;
use crate::host::Redirection;
use crate::interp::Run;
use crate::path;

/// Most bytes of all arguments together: they must fit a start block, beside the variables.
const MAX_ARGUMENTS: usize = 24 * 1024;

/// A word in the making.
#[derive(Default)]
struct Field {
    text: String,
    /// Where quoted text begins.
    quoted: Option<usize>,
    /// Each character of the text, and whether it was quoted.
    signs: Vec<(char, Quote)>,
}

impl Field {
    fn add(&mut self, text: &str, quote: Quote) {
        if quote == Quote::Quoted {
            self.quoted.get_or_insert(self.text.len());
        }
        self.signs.extend(text.chars().map(|c| (c, quote)));
        self.text.push_str(text);
    }

    fn word(self) -> readargs::Word {
        let quoting = self.quoted.map_or(Quoting::Plain, Quoting::From);
        readargs::Word { text: self.text, quoting, start: 0 }
    }
}

impl Run<'_> {
    /// A command's name and arguments; `None` if nothing is left of it.
    pub(crate) fn expand_command(
        &mut self,
        command: &Command,
        statement: &Statement,
    ) -> Result<Option<(String, Line)>, Fault> {
        let mut name = None;
        let mut line = Line::default();
        let mut end = 0;
        for (index, word) in command.words.iter().enumerate() {
            // A lone `?` at the end asks for the template; elsewhere it is a wildcard.
            let asks = index + 1 == command.words.len() && word.plain() == Some("?");
            let wildcards = if asks || name.is_none() { Wildcards::Kept } else { Wildcards::Expanded };
            let words = self.expand_word(word, wildcards)?;
            let source = statement.text(&word.span);
            let blanks = statement.text(&(end..word.span.start));
            let blanks = if blanks.chars().all(|c| c == ' ' || c == '\t') { blanks } else { " " };
            end = word.span.end;
            let as_typed = words.len() == 1 && is_verbatim(source, words.first());
            for word in words {
                if name.is_none() {
                    name = Some(word.text);
                } else if as_typed {
                    line.push(word, source, blanks);
                } else {
                    line.add(word);
                }
                if line.raw.len() > MAX_ARGUMENTS || line.words.len() >= MAX_ARGS {
                    return Err(Fault::new(code::LINE_TOO_LONG, "more than 1,023 arguments, or 24 KiB together"));
                }
            }
        }
        Ok(name.map(|name| (name, line)))
    }

    /// A command's redirections, their files expanded and joined to the current directory.
    pub(crate) fn redirections(&mut self, command: &Command) -> Result<Vec<Redirection>, Fault> {
        let mut done = Vec::new();
        for redirect in &command.redirects {
            done.push(match redirect {
                Redirect::Join(from, to) => Redirection::Join(*from, *to),
                Redirect::File { stream, mode, target } => {
                    let mut words = self.expand_word(target, Wildcards::Expanded)?;
                    let (Some(word), true) = (words.pop(), words.is_empty()) else {
                        return Err(Fault::new(code::BAD_ARGUMENT, "a redirection needs just one file"));
                    };
                    let path = path::join(&self.shell.cwd, &word.text)?;
                    Redirection::File { stream: *stream, mode: *mode, path }
                }
            });
        }
        Ok(done)
    }

    /// All words that one word becomes.
    pub(crate) fn expand_word(&mut self, word: &Word, wildcards: Wildcards) -> Result<Vec<readargs::Word>, Fault> {
        let mut fields = Vec::new();
        let mut open = None;
        self.expand_parts(&word.parts, &mut fields, &mut open)?;
        fields.extend(open);
        let mut words = Vec::new();
        for field in fields {
            let pattern = if wildcards == Wildcards::Expanded { glob::pattern_of(&field.signs) } else { None };
            let matched = match pattern {
                Some(pattern) => glob::expand(self.host, &self.shell.cwd, &pattern)?,
                None => Vec::new(),
            };
            if matched.is_empty() {
                words.push(field.word());
            }
            words.extend(matched.into_iter().map(readargs::Word::quoted));
        }
        Ok(words)
    }

    /// Parts to text, nothing split: prompts and defaults.
    pub(crate) fn expand_text(&mut self, parts: &[Part]) -> Result<String, Fault> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text { text: own, .. } => text.push_str(own),
                Part::Variable { name, default, .. } => text.push_str(&self.value(name, default.as_deref())?),
                Part::Output { line, .. } => text.push_str(&self.output_of(line)?),
            }
        }
        Ok(text)
    }

    fn expand_parts(&mut self, parts: &[Part], fields: &mut Vec<Field>, open: &mut Option<Field>) -> Result<(), Fault> {
        for part in parts {
            let (value, quote) = match part {
                Part::Text { text, quote } => {
                    open.get_or_insert_default().add(text, *quote);
                    continue;
                }
                Part::Variable { name, default, quote } => (self.value(name, default.as_deref())?, *quote),
                Part::Output { line, quote } => (self.output_of(line)?, *quote),
            };
            if quote == Quote::Quoted {
                open.get_or_insert_default().add(&value, quote);
                continue;
            }
            // White space at an end of the value ends the word there.
            if value.starts_with(char::is_whitespace) {
                fields.extend(open.take());
            }
            for (index, piece) in value.split_whitespace().enumerate() {
                if index > 0 {
                    fields.extend(open.take());
                }
                open.get_or_insert_default().add(piece, quote);
            }
            if value.ends_with(char::is_whitespace) {
                fields.extend(open.take());
            }
        }
        Ok(())
    }

    /// A variable's value, its default, or nothing.
    fn value(&mut self, name: &str, default: Option<&[Part]>) -> Result<String, Fault> {
        match self.variable(name).filter(|value| !value.is_empty()) {
            Some(value) => Ok(value),
            None => default.map_or(Ok(String::new()), |parts| self.expand_text(parts)),
        }
    }

    /// What a line prints, without line ends at its end.
    fn output_of(&mut self, line: &str) -> Result<String, Fault> {
        let (bytes, _) = self.nested(|run| Ok(run.captured(|run| run.text(line))))?;
        if bytes.len() > MAX_ARGUMENTS {
            return Err(Fault::new(code::LINE_TOO_LONG, format!("$({line}) prints more than 24 KiB")));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches(['\n', '\r']).to_string())
    }

    /// Looks a variable up: the shell's own, the script's, the local ones, the global ones.
    pub(crate) fn variable(&mut self, name: &str) -> Option<String> {
        let shell = &self.shell;
        let frame = shell.frames.last();
        let args = frame.map_or(&[][..], |frame| &frame.args);
        match name {
            "$" => return Some(shell.number.to_string()),
            "?" => return Some(shell.last.code.to_string()),
            "#" => return Some(args.len().to_string()),
            "*" | "@" => return Some(args.join(" ")),
            "0" => return frame.map(|frame| frame.name.clone()),
            _ => {}
        }
        if let Ok(number) = name.parse::<usize>() {
            return args.get(number.checked_sub(1)?).cloned();
        }
        if let Some(value) = frame.and_then(|frame| frame.parameters.get(name)) {
            return Some(value.clone());
        }
        if let Some(value) = shell.variables.get(name) {
            return Some(value.clone());
        }
        let is = |own: &str| name.eq_ignore_ascii_case(own);
        match () {
            () if is("RC") => Some(shell.last.code.to_string()),
            () if is("RESULT2") => Some(shell.last.reason.to_string()),
            () if is("PROCESS") => Some(shell.number.to_string()),
            () => self.host.global(name),
        }
    }
}

/// Whether wildcards are looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Expanded,
    Kept,
}

/// Whether what was typed splits into just this word, so that it can stand in the raw line as it is.
fn is_verbatim(source: &str, word: Option<&readargs::Word>) -> bool {
    let Ok(line) = Line::split(source) else { return false };
    match (line.words.as_slice(), word) {
        ([typed], Some(word)) => typed.text == word.text && typed.quoting == word.quoting,
        _ => false,
    }
}
