//! Runs statements.
//!
//! ```text
//! text ─parse─▶ steps ──▶ block words move the place (flow.rs)
//!                 └─────▶ statement ─alias─▶ pipeline ─expand─▶ built-in, or a Job for the host
//! ```
//! Rules: a pipeline's code is its last stage's; `&&` goes on below 5, `||` from 5; a script stops at its FAILAT limit,
//! checked after a whole statement. Whatever goes wrong is one line on standard error, an outcome, and a note for WHY.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use readargs::Line;

use crate::alias;
use crate::ast::{Command, Ground, Link, Mode, Pipeline, Statement, Stream};
use crate::builtin;
use crate::fault::{Fault, code};
use crate::host::{Background, Found, Host, Job, Outcome, Output, Redirection, Signal, Source, Stage};
use crate::lex::Dialect;
use crate::report::{MAX_CAPTURE, Sink};
use crate::script::Script;
use crate::shell::{Frame, Limit, Shell};

/// How deep scripts, aliases and `$(...)` may nest together; each level costs stack.
const MAX_DEPTH: usize = 10;
/// Most background jobs.
pub const MAX_JOBS: usize = 32;

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a code; go on.
    With(Outcome),
    /// SKIP: go on at a label.
    Skip { label: String, back: bool },
    /// QUIT: leave the script.
    Quit(u32),
    /// The script was stopped: by FAILAT or Ctrl-D.
    Stopped(Outcome),
    /// ENDSHELL: leave the shell.
    EndShell(u32),
}

impl Ended {
    pub(crate) const OK: Ended = Ended::With(Outcome::OK);

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Ended::With(outcome) | Ended::Stopped(outcome) => *outcome,
            Ended::Skip { .. } => Outcome::OK,
            Ended::Quit(code) | Ended::EndShell(code) => Outcome::code(*code),
        }
    }

    pub(crate) fn code(&self) -> u32 {
        self.outcome().code
    }
}

/// The interpreter at work: a shell and its world.
pub(crate) struct Run<'r> {
    pub(crate) shell: &'r mut Shell,
    pub(crate) host: &'r mut dyn Host,
    pub(crate) sinks: Vec<Sink>,
    depth: usize,
    /// The command that is being prepared: whom a fault is about.
    about: Option<String>,
}

impl<'r> Run<'r> {
    pub(crate) fn new(shell: &'r mut Shell, host: &'r mut dyn Host) -> Self {
        Run { shell, host, sinks: Vec::new(), depth: 0, about: None }
    }

    /// Runs text in the current frame.
    pub(crate) fn text(&mut self, text: &str) -> Ended {
        let script = Script::typed(text);
        match script {
            Ok(script) => self.nested(|run| Ok(run.steps(&script))).unwrap_or_else(|fault| self.fail("shell", &fault)),
            Err(fault) => self.fail("shell", &fault),
        }
    }

    /// Runs `action` in a new frame.
    pub(crate) fn framed(&mut self, frame: Frame, action: impl FnOnce(&mut Self) -> Ended) -> Ended {
        self.shell.frames.push(frame);
        let ended = action(self);
        self.shell.frames.pop();
        match ended {
            Ended::Quit(code) => Ended::With(self.note(Outcome::code(code))),
            Ended::Stopped(outcome) => Ended::With(outcome),
            other => other,
        }
    }

    /// Runs `action` one level deeper.
    pub(crate) fn nested<T>(&mut self, action: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new(code::LOOP, "scripts, aliases and $(...) are nested more than 10 deep"));
        }
        self.depth += 1;
        let result = action(self);
        self.depth -= 1;
        result
    }

    /// Runs the steps of a script from the first to the last.
    pub(crate) fn steps(&mut self, script: &Script) -> Ended {
        let mut loops = Vec::new();
        let mut at = 0;
        while let Some(step) = script.steps.get(at) {
            if let Some(stopped) = self.signals() {
                return stopped;
            }
            let dialect = script.dialect(step);
            let ended = match (&step.what, step.block) {
                (Err(fault), _) => self.fail("shell", &Fault::new(fault.code, place(step.line, script, &fault.text))),
                (Ok(statement), Some(block)) => match self.block(script, at, block, statement, &mut loops) {
                    Ok(next) => {
                        at = next;
                        continue;
                    }
                    Err(fault) => Ended::Stopped(self.fail(builtin::block_name(block), &fault).outcome()),
                },
                (Ok(statement), None) => self.statement(statement, dialect),
            };
            match ended {
                Ended::With(outcome) => {
                    if let Some(stopped) = self.stop_at_limit(outcome, step.line) {
                        return stopped;
                    }
                    at += 1;
                }
                Ended::Skip { label, back } => match self.skip(script, at, &label, back, &mut loops) {
                    Ok(next) => at = next,
                    Err(fault) => return Ended::Stopped(self.fail("SKIP", &fault).outcome()),
                },
                other => return other,
            }
        }
        Ended::With(self.shell.last)
    }

    /// A pending Ctrl-D stops scripts; Ctrl-C between two commands does too.
    fn signals(&mut self) -> Option<Ended> {
        let signal = self.host.take_signal()?;
        let what = match signal {
            Signal::Command => "***BREAK\n",
            Signal::Script => "***BREAK: script stopped\n",
        };
        self.complain(what);
        let outcome = self.note(Outcome { code: 20, reason: code::BREAK });
        self.remember("shell", outcome, None);
        Some(Ended::Stopped(outcome))
    }

    fn stop_at_limit(&mut self, outcome: Outcome, line: u32) -> Option<Ended> {
        let frame = self.shell.frames.last()?;
        let limit = match frame.limit {
            Limit::Stops(limit) => limit,
            // Who breaks a command of a typed line means the whole line.
            Limit::Shown(_) => return outcome.is_break().then_some(Ended::Stopped(outcome)),
        };
        if outcome.code < limit {
            return None;
        }
        if !frame.name.is_empty() {
            let text = format!("{}: line {line} ended with {}; FAILAT is {limit}\n", frame.name, outcome.code);
            self.complain(&text);
        }
        Some(Ended::Stopped(outcome))
    }

    pub(crate) fn statement(&mut self, statement: &Statement, dialect: Dialect<'_>) -> Ended {
        let text = statement.text(&statement.span);
        match alias::replace(text, &self.shell.aliases, dialect) {
            Ok(None) => {}
            Ok(Some(text)) => return self.aliased(text, statement.ground, dialect),
            Err(fault) => return self.fail("shell", &fault),
        }
        self.unaliased(statement, dialect)
    }

    /// Runs what an alias became.
    fn aliased(&mut self, mut text: String, ground: Ground, dialect: Dialect<'_>) -> Ended {
        if ground == Ground::Back {
            text.push_str(" &");
        }
        let result = self.nested(|run| {
            let mut ended = Ended::OK;
            for statement in crate::parse::parse(&text, dialect)? {
                ended = run.unaliased(&statement, dialect);
                if !matches!(ended, Ended::With(_)) {
                    break;
                }
            }
            Ok(ended)
        });
        result.unwrap_or_else(|fault| self.fail("shell", &fault))
    }

    fn unaliased(&mut self, statement: &Statement, dialect: Dialect<'_>) -> Ended {
        if statement.ground == Ground::Back {
            return self.background(statement, &Background::default(), Tell::Number);
        }
        let mut ended = Ended::With(self.shell.last);
        for pipeline in &statement.pipelines {
            let goes = match pipeline.link {
                Link::First => true,
                _ if ended.outcome().is_break() => false,
                Link::And => ended.code() < 5,
                Link::Or => ended.code() >= 5,
            };
            if !goes {
                continue;
            }
            ended = self.pipeline(pipeline, statement, dialect);
            if !matches!(ended, Ended::With(_)) {
                return ended;
            }
        }
        ended
    }

    fn pipeline(&mut self, pipeline: &Pipeline, statement: &Statement, dialect: Dialect<'_>) -> Ended {
        self.about = None;
        let name = pipeline.stages.first().map_or("", |command| first_word(command, statement)).to_string();
        let result = match pipeline.stages.as_slice() {
            _ if builtin::is_prefix(&name) => self.prefix(pipeline, statement, dialect),
            [command] => self.alone(command, statement),
            stages => self.piped(stages, pipeline, statement),
        };
        let about = self.about.take();
        result.unwrap_or_else(|fault| self.fail(about.as_deref().unwrap_or(&name), &fault))
    }

    /// A command that is a whole pipeline.
    fn alone(&mut self, command: &Command, statement: &Statement) -> Result<Ended, Fault> {
        let redirections = self.redirections(command)?;
        let Some((name, line)) = self.expand_command(command, statement)? else {
            if redirections.is_empty() {
                return Ok(Ended::With(self.note(Outcome::OK)));
            }
            // `>file` alone makes or empties the file.
            let source = Source::Text { out: Vec::new(), err: Vec::new(), outcome: Outcome::OK };
            return self.run_job(alloc::vec![Stage { source, redirections }], &[">"], statement.text(&command.span));
        };
        self.about = Some(name.clone());
        let source = if redirections.is_empty() {
            if let Some(ended) = self.call(&name, &line)? {
                if let Ended::With(outcome) = ended {
                    self.note(outcome);
                }
                return Ok(ended);
            }
            match self.host.find(&name, &self.shell.cwd, &self.shell.path) {
                Found::Script(path) => return self.execute(&path, &line),
                Found::Directory(path) if line.words.is_empty() => {
                    self.enter(&path)?;
                    return Ok(Ended::With(self.note(Outcome::OK)));
                }
                found => self.external(found, &name, line)?,
            }
        } else {
            self.source(&name, line, takes_errors(&redirections))?
        };
        self.run_job(alloc::vec![Stage { source, redirections }], &[&name], statement.text(&command.span))
    }

    fn piped(&mut self, stages: &[Command], pipeline: &Pipeline, statement: &Statement) -> Result<Ended, Fault> {
        let (ready, names) = self.stages(stages, statement)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.run_job(ready, &names, statement.text(&pipeline.span))
    }

    /// Expands all stages and runs those that are built-ins; nothing is spawned before all are good.
    fn stages(&mut self, stages: &[Command], statement: &Statement) -> Result<(Vec<Stage>, Vec<String>), Fault> {
        let (mut ready, mut names) = (Vec::new(), Vec::new());
        for command in stages {
            let redirections = self.redirections(command)?;
            let Some((name, line)) = self.expand_command(command, statement)? else {
                return Err(Fault::new(code::BAD_ARGUMENT, "a stage of the pipeline has no command"));
            };
            self.about = Some(name.clone());
            let source = self.source(&name, line, takes_errors(&redirections))?;
            ready.push(Stage { source, redirections });
            names.push(name);
        }
        Ok((ready, names))
    }

    /// What a command is as a stage. Built-ins run here, their output kept for the host to pass on.
    fn source(&mut self, name: &str, line: Line, takes_errors: bool) -> Result<Source, Fault> {
        if builtin::runs_scripts(name) {
            return Ok(Source::Shell { text: spelled(name, &line) });
        }
        self.sinks.push(Sink { takes_errors, ..Sink::default() });
        let called = self.call(name, &line);
        let ended = match called {
            Ok(None) => {
                self.sinks.pop();
                let found = self.host.find(name, &self.shell.cwd, &self.shell.path);
                return self.external(found, name, line);
            }
            Ok(Some(ended)) => ended,
            Err(fault) => self.fail(name, &fault),
        };
        let sink = self.sinks.pop().unwrap_or_default();
        Ok(Source::Text { out: sink.out, err: sink.err, outcome: ended.outcome() })
    }

    fn external(&self, found: Found, name: &str, line: Line) -> Result<Source, Fault> {
        match found {
            Found::Program(path) => Ok(Source::Program { path, name: name.to_string(), line }),
            Found::Script(path) => Ok(Source::Shell { text: format!("EXECUTE {}", spelled(&path, &line)) }),
            Found::Directory(_) => Err(Fault::new(code::NOT_EXECUTABLE, "a directory, no command; CD changes to it")),
            Found::Nothing => Err(self.unknown(name)),
        }
    }

    /// Calls a built-in of the shell or the host; `None` if there is none of that name.
    fn call(&mut self, name: &str, line: &Line) -> Result<Option<Ended>, Fault> {
        if let Some(entry) = builtin::find(name) {
            return builtin::call(self, entry, line).map(Some);
        }
        let mut out = Vec::new();
        let result = self.host.builtin(name, line, &self.shell.cwd, &mut out);
        self.put_bytes(&out);
        result.transpose().map(|outcome| outcome.map(Ended::With))
    }

    /// Writes a file anew: what a built-in was told to write there.
    pub(crate) fn write_file(&mut self, path: String, out: Vec<u8>) -> Result<Ended, Fault> {
        let source = Source::Text { out, err: Vec::new(), outcome: Outcome::OK };
        let redirection = Redirection::File { stream: Stream::Out, mode: Mode::Write, path };
        self.run_job(alloc::vec![Stage { source, redirections: alloc::vec![redirection] }], &[">"], ">")
    }

    /// Hands a job to the host and waits.
    fn run_job(&mut self, stages: Vec<Stage>, names: &[&str], text: &str) -> Result<Ended, Fault> {
        let output = match self.sinks.last() {
            Some(sink) => Output::Capture(MAX_CAPTURE.saturating_sub(sink.out.len())),
            None => Output::Shell,
        };
        let job = Job { stages, output, cwd: &self.shell.cwd, variables: &self.shell.variables, text };
        let finished = self.host.run(job)?;
        self.put_bytes(&finished.captured);
        let last = finished.stages.last().copied().unwrap_or_default();
        if finished.stages.iter().any(Outcome::is_break) {
            self.complain("***BREAK\n");
        }
        // A stage in the middle that failed is worth a WHY too, but the last one that failed wins.
        for (outcome, name) in finished.stages.iter().zip(names) {
            let told = self.shell.why.as_ref().is_some_and(|why| why.name == *name && why.outcome == *outcome);
            if outcome.code >= 5 && !told {
                self.remember(name, *outcome, None);
            }
        }
        self.shell.last = last;
        Ok(Ended::With(last))
    }

    /// Starts a statement in the background.
    pub(crate) fn background(&mut self, statement: &Statement, how: &Background, tell: Tell) -> Ended {
        let text = statement.text(&statement.span);
        let result = self.try_background(statement, how, text);
        match result {
            Ok(started) => {
                if tell == Tell::Number {
                    self.put(&format!("[{}] {}\n", started.job, started.process));
                }
                Ended::With(self.note(Outcome::OK))
            }
            Err(fault) => {
                let about = self.about.take();
                self.fail(about.as_deref().unwrap_or("shell"), &fault)
            }
        }
    }

    fn try_background(
        &mut self,
        statement: &Statement,
        how: &Background,
        text: &str,
    ) -> Result<crate::host::Started, Fault> {
        if self.host.jobs() >= MAX_JOBS {
            return Err(Fault::new(code::LIMIT, "32 jobs run already; STATUS lists them, BREAK stops one"));
        }
        let own = |command: &Command| {
            let name = first_word(command, statement);
            builtin::find(name).is_some() || builtin::is_prefix(name)
        };
        let stages = match statement.pipelines.as_slice() {
            [pipeline] if !pipeline.stages.iter().any(own) => self.stages(&pipeline.stages, statement)?.0,
            _ => {
                let source = Source::Shell { text: text.to_string() };
                alloc::vec![Stage { source, redirections: Vec::new() }]
            }
        };
        let job = Job { stages, output: Output::Shell, cwd: &self.shell.cwd, variables: &self.shell.variables, text };
        self.host.start(job, how)
    }
}

/// Whether a background job's number is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    Number,
    Nothing,
}

fn place(line: u32, script: &Script, text: &str) -> String {
    if script.steps.last().is_some_and(|last| last.line > 1) {
        format!("line {line}: {text}")
    } else {
        text.to_string()
    }
}

/// The first word as typed: what a message names.
pub(crate) fn first_word<'s>(command: &Command, statement: &'s Statement) -> &'s str {
    command.words.first().map_or("", |word| statement.text(&word.span))
}

fn takes_errors(redirections: &[Redirection]) -> bool {
    redirections.iter().any(|redirection| match redirection {
        Redirection::File { stream, .. } => *stream == Stream::Err,
        Redirection::Join(from, _) => *from == Stream::Err,
    })
}

/// A command as a line that means just that in another shell.
fn spelled(name: &str, line: &Line) -> String {
    let mut text = readargs::quote(name);
    for word in &line.words {
        text.push(' ');
        text.push_str(&readargs::quote(&word.text));
    }
    text
}
