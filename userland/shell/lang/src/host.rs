//! What the interpreter asks of the world. The shell's process implements it with system calls, tests with tables.
//!
//! All paths are joined ones (`NAME:dir/file`), so a host knows no current directory.

use alloc::string::String;
use alloc::vec::Vec;

use readargs::{Line, Manual};

use crate::ast::{Mode, Stream};
use crate::fault::Fault;
use crate::names::Names;

/// How a command or job ended: return code (0, 5, 10, 20) and reason (an error number, 0 for none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The return code.
    pub code: u32,
    /// The reason.
    pub reason: u16,
}

impl Outcome {
    /// All went well.
    pub const OK: Outcome = Outcome { code: 0, reason: 0 };

    /// An outcome with a code and no reason.
    pub fn code(code: u32) -> Outcome {
        Outcome { code, reason: 0 }
    }

    /// Whether it was stopped by a person.
    pub fn is_break(&self) -> bool {
        self.code >= 20 && self.reason == crate::fault::code::BREAK
    }
}

/// What a command name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A program; the path of its image.
    Program(String),
    /// A text file with the script bit, or one that begins with `.KEY`.
    Script(String),
    /// A directory: typing its name changes to it.
    Directory(String),
    /// Nothing.
    Nothing,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// A redirection, expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirection {
    /// To or from the file at a joined path.
    File {
        /// Which stream.
        stream: Stream,
        /// How.
        mode: Mode,
        /// The path.
        path: String,
    },
    /// The first stream goes where the second goes.
    Join(Stream, Stream),
}

/// What a stage of a pipeline is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A program to spawn.
    Program {
        /// Its image.
        path: String,
        /// The name as typed: argument 0.
        name: String,
        /// The arguments; `raw` splits into just these words, so it can be handed over alone.
        line: Line,
    },
    /// A shell process that runs this line: a script or built-in that is a stage or runs in the background.
    Shell {
        /// The line, one statement. Its variables are expanded there: it sees the local ones, no script's arguments.
        text: String,
    },
    /// A built-in that has run already: it wrote this and reads nothing.
    Text {
        /// To its standard output.
        out: Vec<u8>,
        /// To its standard error.
        err: Vec<u8>,
        /// How it ended.
        outcome: Outcome,
    },
}

/// A stage with its redirections. Without one, input and output go to the pipe, else to the shell's own streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What runs.
    pub source: Source,
    /// Redirections in order.
    pub redirections: Vec<Redirection>,
}

/// Where the last stage's output goes, unless it is redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the shell's own standard output.
    Shell,
    /// Back to the interpreter, at most this many bytes; what goes beyond is `Overflow`.
    Capture(usize),
}

/// A pipeline, ready to run.
#[derive(Debug)]
pub struct Job<'j> {
    /// 1 to 16 stages.
    pub stages: Vec<Stage>,
    /// Where the output goes.
    pub output: Output,
    /// The current directory.
    pub cwd: &'j str,
    /// The local variables: the children's `env`.
    pub variables: &'j Names<String>,
    /// What was typed, for STATUS.
    pub text: &'j str,
}

/// How a foreground job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// One outcome a stage.
    pub stages: Vec<Outcome>,
    /// What was captured.
    pub captured: Vec<u8>,
}

/// How a background job is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Background {
    /// Its capabilities narrowed to these (RUN's CAPS), or the shell's own.
    pub caps: Option<String>,
}

/// A background job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The job's number.
    pub job: u32,
    /// The process number of its last stage.
    pub process: u32,
}

/// How what is started is scheduled (NICE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduling {
    /// The highest priority, 0 to 63.
    pub priority: u8,
    /// Processor time on each core: so many µs, of each period of so many.
    pub budget: Option<(u32, u32)>,
}

/// How long a global variable is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until power-off: `ENV:`.
    Now,
    /// For ever: `ENV:` and `ENVARC:`.
    Save,
}

/// A signal of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C: stop the command.
    Command,
    /// Ctrl-D: stop the script.
    Script,
}

/// The world as the interpreter sees it.
pub trait Host {
    /// What `name`, typed as a command, stands for: looked up in `cwd`, then along `path`, then in C:.
    fn find(&mut self, name: &str, cwd: &str, path: &[String]) -> Found;
    /// Runs a job and waits for its end.
    ///
    /// # Errors
    /// The job did not start; nothing of it runs.
    fn run(&mut self, job: Job<'_>) -> Result<Finished, Fault>;
    /// Starts a job in the background.
    ///
    /// # Errors
    /// As `run`.
    fn start(&mut self, job: Job<'_>, background: &Background) -> Result<Started, Fault>;
    /// How what is started from now on is scheduled, instead of as usual; what was in force before.
    fn schedule(&mut self, how: Option<Scheduling>) -> Option<Scheduling>;
    /// Gives a process another priority.
    ///
    /// # Errors
    /// There is no such process, or it can't have that.
    fn set_priority(&mut self, process: u32, priority: u8) -> Result<(), Fault>;
    /// How many background jobs there are. Asked before one more is started: of [`crate::MAX_JOBS`] those that have ended may
    /// be forgotten.
    fn jobs(&mut self) -> usize;
    /// Writes to the shell's own standard output or error.
    fn write(&mut self, stream: Stream, bytes: &[u8]);
    /// Asks for a line; `None` at the end of input, or when there is nobody to ask.
    ///
    /// # Errors
    /// `Break`, or what the terminal reports.
    fn read_line(&mut self, prompt: &str) -> Result<Option<String>, Fault>;
    /// Reads a whole file (a script), at most `limit` bytes.
    ///
    /// # Errors
    /// What fsd reports; `Overflow` beyond the limit.
    fn read_file(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Fault>;
    /// Lists a directory.
    ///
    /// # Errors
    /// What fsd reports.
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Fault>;
    /// What is at a path.
    ///
    /// # Errors
    /// `NotFound` and others.
    fn kind(&mut self, path: &str) -> Result<Kind, Fault>;
    /// The names of volumes and assigns, without colon.
    fn volumes(&mut self) -> Vec<String>;
    /// A global variable.
    fn global(&mut self, name: &str) -> Option<String>;
    /// The names of all global variables.
    fn globals(&mut self) -> Vec<String>;
    /// Sets a global variable.
    ///
    /// # Errors
    /// What fsd reports.
    fn set_global(&mut self, name: &str, value: &str, keep: Keep) -> Result<(), Fault>;
    /// Removes a global variable.
    ///
    /// # Errors
    /// `NotFound` and others.
    fn unset_global(&mut self, name: &str, keep: Keep) -> Result<(), Fault>;
    /// Takes a signal that came since the last time. A Ctrl-C that stopped a foreground job is not told again.
    fn take_signal(&mut self) -> Option<Signal>;
    /// Nanoseconds since boot.
    fn now(&mut self) -> u64;
    /// The manuals of all commands that are no built-ins.
    fn manuals(&self) -> &[Manual];
    /// The history, oldest first.
    fn history(&self) -> Vec<String>;
    /// Forgets the history.
    fn clear_history(&mut self);
    /// A built-in of the host's own (ASSIGN, CLEAR); `None` if it has none of that name. What it prints goes to `out`.
    fn builtin(&mut self, name: &str, line: &Line, cwd: &str, out: &mut Vec<u8>) -> Option<Result<Outcome, Fault>>;
}
