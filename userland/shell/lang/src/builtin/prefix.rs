//! RUN and TIME: they stand before a pipeline and apply to the whole of it, so its text is taken unexpanded.

use alloc::format;
use alloc::string::{String, ToString};

use readargs::{Args, Line};

use super::line;
use crate::ast::{Pipeline, Statement};
use crate::fault::{Fault, code};
use crate::host::Background;
use crate::interp::{Ended, Run, Tell};
use crate::lex::Dialect;

/// Whether a name is one of them.
pub(crate) fn is_prefix(name: &str) -> bool {
    super::find(name).is_some_and(|builtin| matches!(builtin.manual.name, "RUN" | "TIME"))
}

/// Reached only where a prefix does not stand first.
pub(super) fn bare(_: &mut Run<'_>, _: &Args<'_>) -> Result<Ended, Fault> {
    Err(Fault::new(code::BAD_ARGUMENT, "it stands before a command or pipeline, not inside"))
}

/// What stands before the command.
#[derive(Default)]
struct Options {
    quiet: bool,
    caps: Option<String>,
    /// Where the command begins in the source, if there is one.
    start: Option<usize>,
}

impl Run<'_> {
    /// Runs a pipeline that begins with RUN or TIME.
    pub(crate) fn prefix(
        &mut self,
        pipeline: &Pipeline,
        statement: &Statement,
        dialect: Dialect<'_>,
    ) -> Result<Ended, Fault> {
        let Some(command) = pipeline.stages.first() else { return Ok(Ended::OK) };
        let name = command.words.first().map_or("", |word| statement.text(&word.span));
        let Some(builtin) = super::find(name) else { return Ok(Ended::OK) };
        let runs = builtin.manual.name == "RUN";
        if let [_, only] = command.words.as_slice()
            && pipeline.stages.len() == 1
            && matches!(statement.text(&only.span), "?" | "-h" | "--help")
        {
            let help = if only.plain() == Some("?") { line(builtin.manual.template) } else { builtin.manual.help() };
            self.put(&help);
            return Ok(Ended::OK);
        }
        let options = if runs { self.run_options(pipeline, statement)? } else { time_options(pipeline) };
        let Some(start) = options.start else {
            return Err(Fault::new(code::ARGUMENT_MISSING, "a command is missing behind it"));
        };
        let text = statement.text(&(start..pipeline.span.end)).to_string();
        if runs { self.run_in_background(&text, options, dialect) } else { self.timed(&text, dialect) }
    }

    fn run_options(&mut self, pipeline: &Pipeline, statement: &Statement) -> Result<Options, Fault> {
        let mut options = Options::default();
        let words = pipeline.stages.first().map_or(&[][..], |command| &command.words);
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            let text = statement.text(&word.span);
            let name = text.trim_start_matches('-');
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            if name.eq_ignore_ascii_case("QUIET") && value.is_none() {
                options.quiet = true;
            } else if name.eq_ignore_ascii_case("CAPS") {
                let value = value.or_else(|| rest.next().map(|word| statement.text(&word.span)));
                let value = value
                    .ok_or_else(|| Fault::new(code::KEYWORD_NEEDS_VALUE, "CAPS needs a value: CAPS=\"net fs\""))?;
                let split = Line::split(value)?;
                options.caps = Some(split.words.first().map_or(String::new(), |word| word.text.clone()));
            } else {
                options.start = Some(word.span.start);
                break;
            }
        }
        Ok(options)
    }

    fn run_in_background(&mut self, text: &str, options: Options, dialect: Dialect<'_>) -> Result<Ended, Fault> {
        let statements = crate::parse::parse(text, dialect)?;
        let [statement] = statements.as_slice() else {
            return Err(Fault::new(code::BAD_ARGUMENT, "it runs one command or pipeline"));
        };
        let tell = if options.quiet { Tell::Nothing } else { Tell::Number };
        Ok(self.background(statement, &Background { caps: options.caps }, tell))
    }

    fn timed(&mut self, text: &str, dialect: Dialect<'_>) -> Result<Ended, Fault> {
        let before = self.host.now();
        let ended = self.nested(|run| {
            let mut ended = Ended::OK;
            for statement in crate::parse::parse(text, dialect)? {
                ended = run.statement(&statement, dialect);
            }
            Ok(ended)
        })?;
        let micros = self.host.now().saturating_sub(before) / 1_000;
        self.complain(&format!("{}.{:06} s\n", micros / 1_000_000, micros % 1_000_000));
        Ok(ended)
    }
}

fn time_options(pipeline: &Pipeline) -> Options {
    let second = pipeline.stages.first().and_then(|command| command.words.get(1));
    Options { start: second.map(|word| word.span.start), ..Options::default() }
}
