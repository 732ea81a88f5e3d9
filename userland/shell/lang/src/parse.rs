//! Words and operators to statements.
//!
//! ```text
//! line      = [ statement { (";" | "&") statement } ]
//! statement = pipeline { ("&&" | "||") pipeline }
//! pipeline  = command { "|" command }
//! command   = { word | redirection }          at least one
//! ```

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::ast::{Command, Ground, Link, Pipeline, Redirect, Statement, Stream, Word};
use crate::fault::{Fault, code};
use crate::lex::{Dialect, Op, Token, lex};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 4_096;
/// Most stages of a pipeline.
pub const MAX_STAGES: usize = 16;
/// Most redirections of a command.
const MAX_REDIRECTS: usize = 4;

/// Parses one line.
///
/// # Errors
/// `LineTooLong`, `UnmatchedQuotes`, `Limit` for too many stages, `BadArgument` where a command or a file is missing.
pub fn parse(line: &str, dialect: Dialect<'_>) -> Result<Vec<Statement>, Fault> {
    if line.len() > MAX_LINE {
        let text = format!("the line has {} bytes; at most 4,096 are possible", line.len());
        return Err(Fault::new(code::LINE_TOO_LONG, text));
    }
    let tokens = lex(line, dialect)?;
    let mut parser = Parser { source: Rc::from(line), tokens: tokens.into_iter().peekable(), last: 0 };
    parser.line()
}

struct Parser {
    source: Rc<str>,
    tokens: core::iter::Peekable<alloc::vec::IntoIter<Token>>,
    /// Where the last taken token ended.
    last: usize,
}

impl Parser {
    fn line(&mut self) -> Result<Vec<Statement>, Fault> {
        let mut statements = Vec::new();
        loop {
            while self.take_op(Op::Then) {}
            if self.tokens.peek().is_none() {
                return Ok(statements);
            }
            let mut statement = self.statement()?;
            if self.take_op(Op::Back) {
                statement.ground = Ground::Back;
            } else if !self.take_op(Op::Then) && self.tokens.peek().is_some() {
                return Err(self.missing());
            }
            statements.push(statement);
        }
    }

    fn statement(&mut self) -> Result<Statement, Fault> {
        let mut pipelines = Vec::new();
        let mut link = Link::First;
        loop {
            pipelines.push(self.pipeline(link)?);
            link = if self.take_op(Op::And) {
                Link::And
            } else if self.take_op(Op::Or) {
                Link::Or
            } else {
                break;
            };
        }
        let span = join(pipelines.first().map(|p| &p.span), pipelines.last().map(|p| &p.span));
        Ok(Statement { pipelines, ground: Ground::Fore, source: self.source.clone(), span })
    }

    fn pipeline(&mut self, link: Link) -> Result<Pipeline, Fault> {
        let mut stages = Vec::new();
        loop {
            stages.push(self.command()?);
            if !self.take_op(Op::Pipe) {
                break;
            }
        }
        if stages.len() > MAX_STAGES {
            let text = format!("a pipeline of {} stages; at most 16 are possible", stages.len());
            return Err(Fault::new(code::LIMIT, text));
        }
        let span = join(stages.first().map(|c| &c.span), stages.last().map(|c| &c.span));
        Ok(Pipeline { link, stages, span })
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let mut command = Command::default();
        let mut start = None;
        loop {
            let here = match self.tokens.peek() {
                Some(Token::Word(word)) => word.span.start,
                Some(Token::Op(Op::File(..) | Op::Join(..), span)) => span.start,
                _ => break,
            };
            start.get_or_insert(here);
            match self.next() {
                Some(Token::Word(word)) => command.words.push(word),
                Some(Token::Op(Op::File(stream, mode), span)) => {
                    let target = self.target(&span)?;
                    self.add(&mut command, Redirect::File { stream, mode, target })?;
                }
                Some(Token::Op(Op::Join(from, to), _)) => self.add(&mut command, Redirect::Join(from, to))?,
                _ => break,
            }
        }
        let Some(start) = start else { return Err(self.missing()) };
        command.span = start..self.last;
        Ok(command)
    }

    fn target(&mut self, span: &Range<usize>) -> Result<Word, Fault> {
        match self.tokens.peek() {
            Some(Token::Word(_)) => {}
            _ => {
                let sign = self.source.get(span.clone()).unwrap_or("");
                return Err(Fault::new(code::BAD_ARGUMENT, format!("a file name is missing after {sign}")));
            }
        }
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(self.missing()),
        }
    }

    /// Each stream goes to one place.
    fn add(&self, command: &mut Command, redirect: Redirect) -> Result<(), Fault> {
        let stream = |redirect: &Redirect| match redirect {
            Redirect::File { stream, .. } => *stream,
            Redirect::Join(from, _) => *from,
        };
        let new = stream(&redirect);
        if command.redirects.iter().any(|old| stream(old) == new) || command.redirects.len() >= MAX_REDIRECTS {
            let name = match new {
                Stream::In => "input",
                Stream::Out => "output",
                Stream::Err => "error output",
            };
            return Err(Fault::new(code::TOO_MANY_ARGUMENTS, format!("the {name} is redirected twice")));
        }
        command.redirects.push(redirect);
        Ok(())
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.next()?;
        self.last = match &token {
            Token::Word(word) => word.span.end,
            Token::Op(_, span) => span.end,
        };
        Some(token)
    }

    fn take_op(&mut self, op: Op) -> bool {
        let found = matches!(self.tokens.peek(), Some(Token::Op(next, _)) if *next == op);
        if found {
            self.next();
        }
        found
    }

    fn missing(&mut self) -> Fault {
        let text = match self.tokens.peek() {
            Some(Token::Op(_, span)) => {
                format!("a command is missing before {}", self.source.get(span.clone()).unwrap_or(""))
            }
            _ => {
                let before = self.source.get(..self.last).unwrap_or("").trim_end();
                let sign: alloc::string::String = before.chars().rev().take_while(|c| "|&".contains(*c)).collect();
                format!("a command is missing after {sign}")
            }
        };
        Fault::new(code::BAD_ARGUMENT, text)
    }
}

fn join(first: Option<&Range<usize>>, last: Option<&Range<usize>>) -> Range<usize> {
    first.map_or(0, |span| span.start)..last.map_or(0, |span| span.end)
}
