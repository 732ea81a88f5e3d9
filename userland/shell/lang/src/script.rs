//! Scripts: logical lines to statements, dot commands, blocks.
//!
//! A script that begins with a dot command (`.KEY`, `.BRA`, ...) is a keyed one: its parameters follow a ReadArgs
//! template, `<name>` and `<name$default>` stand for them, and `;` is always a comment.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ast::Statement;
use crate::fault::{Fault, code};
use crate::lex::{Dialect, Keyed};
use crate::lines::logical_lines;
use crate::names::Names;
use crate::parse::parse;

/// Most statements of a script.
const MAX_STATEMENTS: usize = 16_384;

/// A parsed script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What `.KEY` said, if there was one.
    pub template: Option<String>,
    /// What `.DEF` said.
    pub defaults: Names<String>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The dialect of each step that has its own (index into it from the step).
    pub dialects: Vec<Keyed>,
}

/// A statement with its place.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line's number.
    pub line: u32,
    /// What it does; a line that can't be parsed is an error only when it is reached.
    pub what: Result<Statement, Fault>,
    /// Index of its dialect, if the script is keyed.
    pub dialect: Option<usize>,
    /// Which block word it begins with.
    pub block: Option<Block>,
}

/// The words that make up blocks and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// IF
    If,
    /// ELSE
    Else,
    /// ENDIF
    EndIf,
    /// WHILE
    While,
    /// FOR
    For,
    /// ENDLOOP
    EndLoop,
    /// LAB
    Lab,
    /// ENDSKIP
    EndSkip,
}

impl Script {
    /// Parses a script file's text.
    ///
    /// # Errors
    /// `Limit` for more than 16,384 statements, `BadArgument` for a wrong dot command.
    pub fn parse(text: &str) -> Result<Script, Fault> {
        // `. file` is EXECUTE, `..` a directory; `.KEY` and its kin begin with a letter.
        let keyed = text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
        Script::build(text, keyed.then(|| Dots { dot: '.', keyed: Keyed::default() }))
    }

    /// Parses text that is no file: a typed line, `--exec`. It has no dot commands.
    ///
    /// # Errors
    /// As [`Script::parse`].
    pub fn typed(text: &str) -> Result<Script, Fault> {
        Script::build(text, None)
    }

    fn build(text: &str, mut dots: Option<Dots>) -> Result<Script, Fault> {
        let mut script = Script::default();
        for line in logical_lines(text) {
            if let Some(dots) = &mut dots
                && line.text.starts_with(dots.dot)
            {
                dots.command(&line.text, &mut script).map_err(|what| bad_dot(line.number, &what))?;
                continue;
            }
            script.add(&line.text, line.number, dots.as_ref().map(|dots| &dots.keyed));
            if script.steps.len() > MAX_STATEMENTS {
                return Err(Fault::new(code::LIMIT, "a script has at most 16,384 statements"));
            }
        }
        Ok(script)
    }

    /// The dialect of a step.
    pub fn dialect(&self, step: &Step) -> Dialect<'_> {
        step.dialect.and_then(|index| self.dialects.get(index)).map_or(Dialect::Shell, Dialect::Keyed)
    }

    fn add(&mut self, text: &str, line: u32, keyed: Option<&Keyed>) {
        let dialect = keyed.map(|keyed| {
            if self.dialects.last() != Some(keyed) {
                self.dialects.push(keyed.clone());
            }
            self.dialects.len() - 1
        });
        match parse(text, keyed.map_or(Dialect::Shell, Dialect::Keyed)) {
            Ok(statements) => self.steps.extend(statements.into_iter().map(|statement| {
                let block = block(&statement);
                Step { line, what: Ok(statement), dialect, block }
            })),
            Err(fault) => self.steps.push(Step { line, what: Err(fault), dialect, block: None }),
        }
    }

    /// The step that ends what the block at `at` begins: ELSE or ENDIF for IF, ENDIF for ELSE, ENDLOOP for loops.
    pub fn end_of(&self, at: usize) -> Option<usize> {
        let kind = self.steps.get(at)?.block?;
        let mut depth = 0_usize;
        for (index, step) in self.steps.iter().enumerate().skip(at + 1) {
            let Some(block) = step.block else { continue };
            let looping = matches!(kind, Block::While | Block::For);
            match block {
                Block::While | Block::For if looping => depth += 1,
                Block::EndLoop if looping && depth == 0 => return Some(index),
                Block::EndLoop if looping => depth -= 1,
                Block::If if !looping => depth += 1,
                Block::Else if kind == Block::If && depth == 0 => return Some(index),
                Block::EndIf if !looping && depth == 0 => return Some(index),
                Block::EndIf if !looping => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The loop that the ENDLOOP at `at` ends.
    pub fn start_of(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (index, step) in self.steps.iter().enumerate().take(at).rev() {
            match step.block {
                Some(Block::EndLoop) => depth += 1,
                Some(Block::While | Block::For) if depth == 0 => return Some(index),
                Some(Block::While | Block::For) => depth -= 1,
                _ => {}
            }
        }
        None
    }
}

/// Which block word a statement is; only an unquoted word of a command that stands alone counts.
fn block(statement: &Statement) -> Option<Block> {
    let word = statement.single()?.words.first()?.plain()?;
    const WORDS: &[(&str, Block)] = &[
        ("IF", Block::If),
        ("ELSE", Block::Else),
        ("ENDIF", Block::EndIf),
        ("WHILE", Block::While),
        ("FOR", Block::For),
        ("ENDLOOP", Block::EndLoop),
        ("LAB", Block::Lab),
        ("ENDSKIP", Block::EndSkip),
    ];
    WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, block)| block)
}

/// The state of dot commands.
struct Dots {
    /// What begins them.
    dot: char,
    keyed: Keyed,
}

impl Dots {
    /// Obeys one dot line.
    fn command(&mut self, line: &str, script: &mut Script) -> Result<(), String> {
        let body = line.get(self.dot.len_utf8()..).unwrap_or("");
        let (word, rest) = body.split_once([' ', '\t']).unwrap_or((body, ""));
        let rest = rest.trim();
        let mut chars = rest.chars();
        let one = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_alphanumeric() => Ok(c),
            _ => Err(format!("{word} takes one sign")),
        };
        match word.to_ascii_uppercase().as_str() {
            "" => {}
            "KEY" | "K" => self.key(rest, script)?,
            "DEF" => {
                let (name, value) = rest.split_once([' ', '\t', '=']).unwrap_or((rest, ""));
                self.keyed.names.push(String::from(name));
                let value = value.trim().trim_matches('"');
                script.defaults.set(name, String::from(value)).map_err(|fault| fault.text)?;
            }
            "BRA" => self.keyed.open = one?,
            "KET" => self.keyed.close = one?,
            "DOLLAR" | "DOL" => self.keyed.dollar = one?,
            "DOT" => self.dot = one?,
            _ => return Err(format!("{word} is unknown; known: KEY DEF BRA KET DOLLAR DOT")),
        }
        Ok(())
    }

    fn key(&mut self, source: &str, script: &mut Script) -> Result<(), String> {
        if script.template.is_some() {
            return Err(String::from("KEY stands twice"));
        }
        let template = readargs::Template::new(source).map_err(|error| String::from(error.text()))?;
        let names = template.items().iter().flat_map(|item| item.names().iter().map(|name| String::from(*name)));
        self.keyed.names.extend(names);
        script.template = Some(String::from(source));
        Ok(())
    }
}

fn bad_dot(line: u32, what: &str) -> Fault {
    Fault::new(code::BAD_ARGUMENT, format!("line {line}: {what}"))
}
