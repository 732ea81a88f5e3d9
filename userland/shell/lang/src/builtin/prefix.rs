//! NICE, RUN and TIME: they stand before a pipeline and apply to the whole of it, so its text is taken unexpanded.

use alloc::format;
use alloc::string::{String, ToString};

use readargs::{Args, Line};

use super::line;
use crate::ast::{Pipeline, Statement};
use crate::fault::{Fault, code};
use crate::host::{Background, Scheduling};
use crate::interp::{Ended, Run, Tell};
use crate::lex::Dialect;

/// Whether a name is one of them.
pub(crate) fn is_prefix(name: &str) -> bool {
    super::find(name).is_some_and(|builtin| matches!(builtin.manual.name, "NICE" | "RUN" | "TIME"))
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
    /// Runs a pipeline that begins with NICE, RUN or TIME.
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
        if builtin.manual.name == "NICE" {
            return self.nice(pipeline, statement, dialect);
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

    fn nice(&mut self, pipeline: &Pipeline, statement: &Statement, dialect: Dialect<'_>) -> Result<Ended, Fault> {
        let words = pipeline.stages.first().map_or(&[][..], |command| &command.words);
        let wanted = nice_options(words.iter().skip(1).map(|word| (statement.text(&word.span), word.span.start)))?;
        let scheduling = wanted.scheduling;
        match (wanted.process, wanted.start) {
            (Some(process), None) if scheduling.budget.is_none() => {
                self.host.set_priority(process, scheduling.priority)?;
                Ok(Ended::OK)
            }
            (Some(_), _) => Err(Fault::new(code::BAD_ARGUMENT, "a process that runs can have another priority alone")),
            (None, Some(start)) => {
                let text = statement.text(&(start..pipeline.span.end)).to_string();
                let before = self.host.schedule(Some(scheduling));
                let ended = self.inner(&text, dialect);
                self.host.schedule(before);
                ended
            }
            (None, None) => {
                Err(Fault::new(code::ARGUMENT_MISSING, "a command or a process number is missing behind it"))
            }
        }
    }

    /// Runs what stands behind a prefix.
    fn inner(&mut self, text: &str, dialect: Dialect<'_>) -> Result<Ended, Fault> {
        self.nested(|run| {
            let mut ended = Ended::OK;
            for statement in crate::parse::parse(text, dialect)? {
                ended = run.statement(&statement, dialect);
            }
            Ok(ended)
        })
    }

    fn timed(&mut self, text: &str, dialect: Dialect<'_>) -> Result<Ended, Fault> {
        let before = self.host.now();
        let ended = self.inner(text, dialect)?;
        let micros = self.host.now().saturating_sub(before) / 1_000;
        self.complain(&format!("{}.{:06} s\n", micros / 1_000_000, micros % 1_000_000));
        Ok(ended)
    }
}

fn time_options(pipeline: &Pipeline) -> Options {
    let second = pipeline.stages.first().and_then(|command| command.words.get(1));
    Options { start: second.map(|word| word.span.start), ..Options::default() }
}

/// Periods of a budget that is given in per cent, in µs.
const PERIOD: u32 = 100;

/// What NICE is to do.
#[derive(Debug, PartialEq, Eq)]
struct Nice {
    scheduling: Scheduling,
    process: Option<u32>,
    /// Where the command begins.
    start: Option<usize>,
}

/// Reads NICE's words, each with its place.
fn nice_options<'t>(words: impl Iterator<Item = (&'t str, usize)>) -> Result<Nice, Fault> {
    let (mut priority, mut budget, mut process, mut start) = (None, None, None, None);
    let mut rest = words.peekable();
    while let Some((text, at)) = rest.next() {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim_start_matches('-'), Some(value)),
            None => (text.trim_start_matches('-'), None),
        };
        let named = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if named("BUDGET") || named("PRI") || named("PROCESS") {
            let value = value.or_else(|| rest.next().map(|(text, _)| text));
            let value = value.ok_or_else(|| Fault::new(code::KEYWORD_NEEDS_VALUE, format!("{name} needs a value")))?;
            match () {
                () if named("BUDGET") => budget = Some(parse_budget(value)?),
                () if named("PRI") => priority = Some(parse_priority(value)?),
                () => process = Some(value.parse().map_err(|_| not_a_number(value))?),
            }
        } else if named("COMMAND") {
            start = match value {
                Some(value) => Some(at + text.len() - value.len()),
                None => rest.next().map(|(_, at)| at),
            };
            break;
        } else if priority.is_none() {
            priority = Some(parse_priority(text)?);
        } else if rest.peek().is_none() && process.is_none() && text.parse::<u32>().is_ok() {
            process = text.parse().ok();
        } else {
            start = Some(at);
            break;
        }
    }
    let priority = priority.ok_or_else(|| Fault::new(code::ARGUMENT_MISSING, "which class or priority?"))?;
    Ok(Nice { scheduling: Scheduling { priority, budget }, process, start })
}

/// A class by its name, or a number.
fn parse_priority(text: &str) -> Result<u8, Fault> {
    let class = abi::info::CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let number = || text.parse().ok().filter(|number| *number < 64);
    class.map(|(_, highest)| *highest).or_else(number).ok_or_else(|| {
        let text = format!("{text}: not REALTIME, DRIVER, SERVER, INTERACTIVE, BATCH, IDLE or a number from 0 to 63");
        Fault::new(code::BAD_ARGUMENT, text)
    })
}

/// `50%`, or `100/200` for µs of a period.
fn parse_budget(text: &str) -> Result<(u32, u32), Fault> {
    let percent =
        text.strip_suffix('%').and_then(|text| text.parse::<u32>().ok()).map(|n| (n * (PERIOD / 100), PERIOD));
    let both = || text.split_once('/').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
    let good = |(micros, period): &(u32, u32)| (50..=1_000_000).contains(period) && (10..=*period).contains(micros);
    percent.or_else(both).filter(good).ok_or_else(|| {
        let text = format!(
            "{text}: not a budget such as 50% (10% at least) or 100/200 (microseconds of a period of 50 to 1000000)"
        );
        Fault::new(code::BAD_ARGUMENT, text)
    })
}

fn not_a_number(text: &str) -> Fault {
    Fault::new(code::BAD_NUMBER, format!("{text}: not a process number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice(text: &str) -> Result<Nice, Fault> {
        let mut at = 0;
        nice_options(text.split(' ').map(move |word| {
            let here = at;
            at += word.len() + 1;
            (word, here)
        }))
    }

    #[test]
    fn nice_takes_a_class_a_budget_and_a_command_or_a_process() {
        let how =
            |priority, budget, process, start| Ok(Nice { scheduling: Scheduling { priority, budget }, process, start });
        assert_eq!(nice("batch dir"), how(23, None, None, Some(6)));
        assert_eq!(nice("realtime BUDGET=50% burn 5"), how(63, Some((50, 100)), None, Some(20)));
        assert_eq!(nice("-budget 300/1000 60 burn"), how(60, Some((300, 1_000)), None, Some(20)));
        assert_eq!(nice("12 7"), how(12, None, Some(7), None));
        assert_eq!(nice("PRI=12 PROCESS=7"), how(12, None, Some(7), None));
        assert_eq!(nice("12 COMMAND 7 x"), how(12, None, None, Some(11)));
        assert_eq!(nice("idle COMMAND=dir"), how(7, None, None, Some(13)));
        for bad in [
            "64",
            "urgent",
            "5 BUDGET=0%",
            "5 BUDGET=200% x",
            "5 BUDGET=5 x",
            "5 BUDGET=9/100 x",
            "5 BUDGET=20/40 x",
            "5 PROCESS=x",
        ] {
            assert!(nice(bad).is_err(), "{bad}");
        }
    }
}
