//! The shell's state, and the ways in.
//!
//! ```text
//! line()   a typed line          FAILAT does not stop it
//! exec()   --exec "COMMANDS"     a script with FAILAT 10
//! script() S:Startup-Sequence    a script from a file
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use readargs::Line;

use crate::fault::Fault;
use crate::host::{Host, Outcome};
use crate::interp::{Ended, Run};
use crate::names::Names;

/// Where FAILAT begins in every script.
pub const FAIL_AT: u32 = 10;

/// The last failure, for WHY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The command.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it said, if it was the shell or a built-in that said it.
    pub text: Option<String>,
}

/// Whether return codes stop what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// A typed line: never.
    Shown(u32),
    /// A script: at this code and above.
    Stops(u32),
}

/// What one script sees.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) parameters: Names<String>,
    pub(crate) limit: Limit,
}

impl Frame {
    pub(crate) fn new(name: &str, limit: Limit) -> Frame {
        Frame { name: name.to_string(), args: Vec::new(), parameters: Names::default(), limit }
    }
}

/// What to do after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Prompt again.
    Prompt,
    /// Leave with this code.
    Leave(u32),
}

/// A shell.
#[derive(Clone, Debug)]
pub struct Shell {
    pub(crate) number: u32,
    pub(crate) cwd: String,
    pub(crate) variables: Names<String>,
    pub(crate) aliases: Names<String>,
    pub(crate) path: Vec<String>,
    pub(crate) prompt: String,
    pub(crate) last: Outcome,
    pub(crate) why: Option<Why>,
    pub(crate) frames: Vec<Frame>,
}

impl Shell {
    /// A shell with its number, starting in `cwd` (a joined path such as `SYS:`).
    pub fn new(number: u32, cwd: &str) -> Shell {
        Shell {
            number,
            cwd: cwd.to_string(),
            variables: Names::default(),
            aliases: Names::default(),
            path: Vec::new(),
            prompt: String::from("%N.%S> "),
            last: Outcome::OK,
            why: None,
            frames: alloc::vec![Frame::new("", Limit::Shown(FAIL_AT))],
        }
    }

    /// Runs what was typed: one line, or a block of lines.
    pub fn line(&mut self, host: &mut dyn Host, text: &str) -> After {
        match Run::new(self, host).text(text) {
            Ended::EndShell(code) => After::Leave(code),
            _ => After::Prompt,
        }
    }

    /// Runs text as a script with FAILAT 10 and gives the exit code: that of the command that stopped it, else the last.
    pub fn exec(&mut self, host: &mut dyn Host, text: &str) -> u32 {
        let frame = Frame::new("", Limit::Stops(FAIL_AT));
        Run::new(self, host).framed(frame, |run| run.text(text)).code()
    }

    /// Runs a script file with arguments.
    pub fn script(&mut self, host: &mut dyn Host, path: &str, args: &Line) -> After {
        let mut run = Run::new(self, host);
        match run.execute(path, args) {
            Ok(Ended::EndShell(code)) => After::Leave(code),
            Ok(_) => After::Prompt,
            Err(fault) => {
                run.fail(path, &fault);
                After::Prompt
            }
        }
    }

    /// The current directory.
    pub fn cwd(&self) -> &str {
        &self.cwd
    }

    /// The last command's outcome.
    pub fn last(&self) -> Outcome {
        self.last
    }

    /// The shell's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The last failure.
    pub fn why(&self) -> Option<&Why> {
        self.why.as_ref()
    }

    /// The command search path.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Local variables.
    pub fn variables(&self) -> &Names<String> {
        &self.variables
    }

    /// Aliases.
    pub fn aliases(&self) -> &Names<String> {
        &self.aliases
    }

    /// Sets a local variable, before the first line runs.
    ///
    /// # Errors
    /// `InvalidName`, `Limit`.
    pub fn set_variable(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        self.variables.set(name, value.to_string())
    }

    /// Sets the arguments `$1`, `$2`, ... of what runs outside scripts.
    pub fn set_arguments(&mut self, args: Vec<String>) {
        if let Some(frame) = self.frames.first_mut() {
            frame.args = args;
        }
    }
}
