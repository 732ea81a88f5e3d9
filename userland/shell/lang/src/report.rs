//! What the interpreter says, and where it goes: output, errors, outcomes, WHY.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ast::Stream;
use crate::fault::{Fault, code};
use crate::host::Outcome;
use crate::interp::{Ended, Run};
use crate::shell::Why;
use crate::{builtin, suggest};

/// Most bytes captured from one command.
pub(crate) const MAX_CAPTURE: usize = 256 * 1024;

/// Where output goes instead of the shell's streams.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    /// Whether standard error goes here too.
    pub(crate) takes_errors: bool,
}

impl Run<'_> {
    /// Runs `action` and gives what it wrote to standard output.
    pub(crate) fn captured(&mut self, action: impl FnOnce(&mut Self) -> Ended) -> (Vec<u8>, Ended) {
        self.sinks.push(Sink::default());
        let ended = action(self);
        let sink = self.sinks.pop().unwrap_or_default();
        (sink.out, ended)
    }

    /// The line for a command that is not to be found.
    pub(crate) fn unknown(&self, name: &str) -> Fault {
        let commands = || builtin::manuals().iter().chain(self.host.manuals()).flat_map(names_of);
        if commands().any(|command| command.eq_ignore_ascii_case(name)) {
            let text = "there is no program for this command in C:; ASSIGN shows where that is";
            return Fault::new(code::NOT_FOUND, text);
        }
        let aliases = self.shell.aliases.iter().map(|(alias, _)| alias);
        let others = aliases.filter(|alias| !alias.eq_ignore_ascii_case(name));
        let text = match suggest::nearest(name, commands().map(|command| -> &str { command }).chain(others)) {
            Some(near) => format!("unknown command; did you mean \"{}\"? HELP lists all", near.to_lowercase()),
            None => String::from("unknown command; HELP lists all"),
        };
        Fault::new(code::NOT_FOUND, text)
    }

    /// Reports a fault of `name`: a line on standard error, the outcome, WHY.
    pub(crate) fn fail(&mut self, name: &str, fault: &Fault) -> Ended {
        let outcome = Outcome { code: fault.return_code(), reason: fault.code };
        // A name can come from a file or a variable; it must not steer the terminal.
        let name: &str = &name.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect::<String>();
        if fault.code == code::BREAK {
            self.complain("***BREAK\n");
        } else {
            self.complain(&format!("{name}: {}\n", fault.text));
        }
        self.shell.last = outcome;
        self.remember(name, outcome, Some(fault.text.clone()));
        Ended::With(outcome)
    }

    /// Sets the last outcome.
    pub(crate) fn note(&mut self, outcome: Outcome) -> Outcome {
        self.shell.last = outcome;
        outcome
    }

    pub(crate) fn remember(&mut self, name: &str, outcome: Outcome, text: Option<String>) {
        self.shell.why = Some(Why { name: name.to_string(), outcome, text });
    }

    /// Writes to standard output.
    pub(crate) fn put(&mut self, text: &str) {
        self.put_bytes(text.as_bytes());
    }

    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        match self.sinks.last_mut() {
            Some(sink) => {
                let room = MAX_CAPTURE.saturating_sub(sink.out.len());
                sink.out.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or(&[]));
            }
            None if bytes.is_empty() => {}
            None => self.host.write(Stream::Out, bytes),
        }
    }

    /// Writes to standard error.
    pub(crate) fn complain(&mut self, text: &str) {
        match self.sinks.last_mut().filter(|sink| sink.takes_errors) {
            Some(sink) => sink.err.extend_from_slice(text.as_bytes()),
            None => self.host.write(Stream::Err, text.as_bytes()),
        }
    }
}

fn names_of(manual: &readargs::Manual) -> impl Iterator<Item = &'static str> {
    core::iter::once(manual.name).chain(manual.aliases.iter().copied())
}
