//! Blocks and labels: IF, WHILE, FOR, SKIP. They move the place in a script.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use readargs::{Args, Line, Parsed, parse_number};

use crate::ast::Statement;
use crate::fault::{Fault, code};
use crate::interp::Run;
use crate::path;
use crate::script::{Block, Script};

/// The template of IF and WHILE.
pub(crate) const CONDITION: &str = "NOT/S,WARN/S,ERROR/S,FAIL/S,,EQ/K,GT/K,GE/K,VAL/S,EXISTS/K";

/// A FOR that is under way: where it stands, and what is still to come.
pub(crate) struct Loop {
    at: usize,
    rest: VecDeque<String>,
}

impl Run<'_> {
    /// Does a block word; the result is the next place.
    pub(crate) fn block(
        &mut self,
        script: &Script,
        at: usize,
        block: Block,
        statement: &Statement,
        loops: &mut Vec<Loop>,
    ) -> Result<usize, Fault> {
        let end = || {
            let missing = if matches!(block, Block::While | Block::For) { "ENDLOOP" } else { "ENDIF" };
            script.end_of(at).ok_or_else(|| Fault::new(code::BAD_ARGUMENT, format!("its {missing} is missing")))
        };
        match block {
            Block::If => {
                let end = end()?;
                Ok(if self.condition(statement)? { at + 1 } else { end + 1 })
            }
            // Reached from above, so the condition was true.
            Block::Else => Ok(end()? + 1),
            Block::While => {
                let end = end()?;
                Ok(if self.condition(statement)? { at + 1 } else { end + 1 })
            }
            Block::For => {
                let end = end()?;
                self.next_of_for(at, statement, loops).map(|more| if more { at + 1 } else { end + 1 })
            }
            Block::EndLoop => {
                script.start_of(at).ok_or_else(|| Fault::new(code::BAD_ARGUMENT, "there is no WHILE or FOR before it"))
            }
            Block::EndIf | Block::Lab | Block::EndSkip => Ok(at + 1),
        }
    }

    /// The next value of a FOR; false when there is none.
    fn next_of_for(&mut self, at: usize, statement: &Statement, loops: &mut Vec<Loop>) -> Result<bool, Fault> {
        let usage = || Fault::new(code::BAD_ARGUMENT, "write FOR name IN word ...");
        let line = self.words_of(statement)?;
        let name = line.words.first().map(|word| word.text.clone()).ok_or_else(usage)?;
        if loops.last().is_none_or(|current| current.at != at) {
            if !line.words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case("IN")) {
                return Err(usage());
            }
            let rest = line.words.into_iter().skip(2).map(|word| word.text).collect();
            loops.push(Loop { at, rest });
        }
        match loops.last_mut().and_then(|current| current.rest.pop_front()) {
            Some(value) => {
                self.shell.variables.set(&name, value)?;
                Ok(true)
            }
            None => {
                loops.pop();
                Ok(false)
            }
        }
    }

    /// Where SKIP goes on: behind the label, or behind an ENDSKIP that is met first.
    pub(crate) fn skip(
        &mut self,
        script: &Script,
        at: usize,
        label: &str,
        back: bool,
        loops: &mut Vec<Loop>,
    ) -> Result<usize, Fault> {
        let from = if back { 0 } else { at + 1 };
        for (index, step) in script.steps.iter().enumerate().skip(from) {
            let found = match (step.block, &step.what) {
                (Some(Block::EndSkip), _) => !back,
                (Some(Block::Lab), Ok(statement)) => {
                    let command = statement.single();
                    let own =
                        command.and_then(|command| command.words.get(1)).map_or("", |word| statement.text(&word.span));
                    label.is_empty() || own.eq_ignore_ascii_case(label)
                }
                _ => false,
            };
            if found {
                loops.retain(|open| open.at < index && script.end_of(open.at).is_some_and(|end| index < end));
                return Ok(index + 1);
            }
        }
        Err(Fault::new(
            code::NOT_FOUND,
            format!("there is no LAB {label}{}", if back { "" } else { " behind it (SKIP BACK goes up)" }),
        ))
    }

    fn words_of(&mut self, statement: &Statement) -> Result<Line, Fault> {
        let Some(command) = statement.single() else { return Ok(Line::default()) };
        Ok(self.expand_command(command, statement)?.map(|(_, line)| line).unwrap_or_default())
    }

    fn condition(&mut self, statement: &Statement) -> Result<bool, Fault> {
        let line = self.words_of(statement)?;
        let Parsed::Args(args) = readargs::read(CONDITION, &line)? else {
            return Err(Fault::new(code::BAD_ARGUMENT, format!("arguments: {CONDITION}")));
        };
        Ok(self.holds(&args)? != args.switch("NOT"))
    }

    fn holds(&mut self, args: &Args<'_>) -> Result<bool, Fault> {
        let last = self.shell.last.code;
        for (name, at_least) in [("WARN", 5), ("ERROR", 10), ("FAIL", 20)] {
            if args.switch(name) {
                return Ok(last >= at_least);
            }
        }
        if let Some(name) = args.string("EXISTS") {
            let joined = path::join(&self.shell.cwd, name)?;
            return Ok(self.host.kind(&joined).is_ok());
        }
        let left = args.string_or("", "");
        for (name, wanted) in [("EQ", &[core::cmp::Ordering::Equal][..]), ("GT", GREATER), ("GE", NOT_LESS)] {
            if let Some(right) = args.string(name) {
                let order =
                    if args.switch("VAL") { number(left)?.cmp(&number(right)?) } else { fold(left).cmp(&fold(right)) };
                return Ok(wanted.contains(&order));
            }
        }
        Err(Fault::new(code::ARGUMENT_MISSING, format!("a condition is missing; arguments: {CONDITION}")))
    }
}

const GREATER: &[core::cmp::Ordering] = &[core::cmp::Ordering::Greater];
const NOT_LESS: &[core::cmp::Ordering] = &[core::cmp::Ordering::Greater, core::cmp::Ordering::Equal];

fn fold(text: &str) -> String {
    text.to_lowercase()
}

fn number(text: &str) -> Result<i64, Fault> {
    parse_number(text).ok_or_else(|| Fault::new(code::BAD_NUMBER, format!("\"{text}\" is not a number")))
}
