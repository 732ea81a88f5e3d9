//! What a line means: words, commands, pipelines, statements.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text, escapes undone. Unquoted text may hold wildcards.
    Text {
        /// What it says.
        text: String,
        /// Whether it was quoted.
        quote: Quote,
    },
    /// `$name`, `${name:-default}`, and `<name>` in keyed scripts.
    Variable {
        /// The name, without `$`.
        name: String,
        /// What stands for it when it is unset or empty.
        default: Option<Vec<Part>>,
        /// Whether it stands in double quotes: then it is never split.
        quote: Quote,
    },
    /// `$(...)` or backticks: the output of a line.
    Output {
        /// The line.
        line: String,
        /// Whether it stands in double quotes.
        quote: Quote,
    },
}

/// Whether a part was quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// As typed.
    None,
    /// In quotes or behind a backslash.
    Quoted,
}

/// One word before expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its pieces in order.
    pub parts: Vec<Part>,
    /// Where it stands in the source line, in bytes.
    pub span: Range<usize>,
}

impl Word {
    /// The text, if the word is one unquoted text without variables: only such a word is a keyword or an alias.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text { text, quote: Quote::None }] => Some(text),
            _ => None,
        }
    }
}

/// Which stream a redirection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard input.
    In,
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a stream is redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `<`
    Read,
    /// `>`: truncates.
    Write,
    /// `>>`
    Append,
}

/// One redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To or from a file.
    File {
        /// Which stream.
        stream: Stream,
        /// How.
        mode: Mode,
        /// The file.
        target: Word,
    },
    /// `2>&1` or `>&2`: the first goes where the second goes.
    Join(Stream, Stream),
}

/// A command with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The name and the arguments.
    pub words: Vec<Word>,
    /// The redirections, in order.
    pub redirects: Vec<Redirect>,
    /// Where it stands in the source line.
    pub span: Range<usize>,
}

/// How a pipeline follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is the first.
    First,
    /// `&&`: only if the code before is below 5.
    And,
    /// `||`: only if the code before is 5 or more.
    Or,
}

/// Commands joined by pipes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// How it follows.
    pub link: Link,
    /// The stages, 1 to 16.
    pub stages: Vec<Command>,
    /// Where it stands in the source line.
    pub span: Range<usize>,
}

/// Whether the shell waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It waits.
    Fore,
    /// `&`: it does not.
    Back,
}

/// Pipelines joined by `&&` and `||`: what stands between `;`, `&` and line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Whether the shell waits for it.
    pub ground: Ground,
    /// The whole source line; all spans point into it.
    pub source: alloc::rc::Rc<str>,
    /// Where the statement stands in it.
    pub span: Range<usize>,
}

impl Statement {
    /// The text at a span.
    pub fn text(&self, span: &Range<usize>) -> &str {
        self.source.get(span.clone()).unwrap_or("")
    }

    /// The command, if the statement is just one.
    pub fn single(&self) -> Option<&Command> {
        match self.pipelines.as_slice() {
            [Pipeline { stages, .. }] => match stages.as_slice() {
                [command] => Some(command),
                _ => None,
            },
            _ => None,
        }
    }
}
