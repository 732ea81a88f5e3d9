//! Runs one story on one processor.

use crate::arch::Arch;
use crate::build::System;
use crate::command::run::execute_with;
use crate::guest::{self, Heard};
use crate::interrupt::Interrupt;
use crate::options::{self, Options, Request};
use crate::project::Project;
use crate::system::peer::{self, Running};
use crate::system::story::{Ending, Story, Told, judge};
use crate::system::typist;
use crate::{Failure, port};
use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long a story may take; a busy machine is slow.
const TIMEOUT: Duration = Duration::from_secs(240);

/// What became of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it failed; `None`: it passed.
    pub failure: Option<String>,
    /// All that was said.
    pub transcript: String,
    /// How long it took.
    pub took: Duration,
}

/// Where and with what stories are run.
#[derive(Debug, Clone)]
pub struct Stage<'a> {
    /// The repository.
    pub project: &'a Project,
    /// What is booted.
    pub system: &'a System,
    /// For which processor it is.
    pub arch: Arch,
    /// QEMU, or a double.
    pub qemu: OsString,
    /// This program, whose command `run` is started at a terminal.
    pub harness: PathBuf,
    /// Ports from here on are this stage's own.
    pub first_port: u16,
}

impl<'a> Stage<'a> {
    /// A stage with QEMU.
    #[must_use]
    pub fn new(project: &'a Project, system: &'a System, arch: Arch, first_port: u16) -> Self {
        // This very program, also when cargo has put a newer one in its place since it was started: the host's tests are
        // built with the features of all packages together, and the harness with them.
        let harness = format!("/proc/{}/exe", std::process::id()).into();
        Self { project, system, arch, qemu: guest::program(arch.qemu()), harness, first_port }
    }
}

/// The folders that join the system for a story: its `--with`.
#[must_use]
pub fn folders(project: &Project, story: &Story) -> Vec<PathBuf> {
    let pairs = story.options.windows(2).filter(|pair| pair[0] == "--with");
    pairs.map(|pair| in_root(pair[1], project).into()).collect()
}

/// Runs a story to its end.
#[must_use]
pub fn run(stage: &Stage<'_>, story: &Story, stop: &Interrupt) -> Outcome {
    let began = Instant::now();
    let attempt = if story.steps.is_empty() { attempt } else { at_terminal };
    let (failure, transcript) = match attempt(stage, story, stop) {
        Ok((failure, told)) => (failure, format!("{}\n--- log ---\n{}", told.output, told.log)),
        Err(failure) => (Some(failure.message), String::new()),
    };
    Outcome { failure, transcript, took: began.elapsed() }
}

fn attempt(stage: &Stage<'_>, story: &Story, stop: &Interrupt) -> Result<(Option<String>, Told), Failure> {
    let running = peer::start(story.peer, stage.first_port + 50)?;
    let fill = |text: &str| fill(text, stage.project, &running);
    let arguments: Vec<String> = story.options.iter().map(|o| fill(o)).collect();
    let Request::Run(mut options) = options::parse(&arguments)? else {
        return Err(Failure::usage(format!("{}: --help is no story", story.name)));
    };
    options.arch = stage.arch;
    options.exec = Some(fill(story.exec));
    options.timeout = options.timeout.or(Some(TIMEOUT));
    let mut told = Heard::default();
    let (report, visited) = match story.ending {
        Ending::Status(_) => (play(stage, &options, stage.first_port, &mut told, stop)?, Ok(())),
        Ending::Visited => with_visitor(stage, story, &options, &mut told)?,
    };
    let output = String::from_utf8_lossy(&told.output).into_owned();
    let told = Told { end: report.end, output, log: told.log };
    let expect: Vec<String> = story.expect.iter().map(|t| fill(t)).collect();
    Ok((visited.err().or_else(|| judge(story, &expect, &told)), told))
}

/// A typed story: `scripts/run` as it is, on a terminal.
fn at_terminal(stage: &Stage<'_>, story: &Story, stop: &Interrupt) -> Result<(Option<String>, Told), Failure> {
    let port = port::free_from(stage.first_port)?;
    let web = format!("{port}:{}", crate::machine::HTTP);
    let arguments = ["run", "--arch", stage.arch.name(), "--forward", &web];
    let arguments = arguments.iter().chain(story.options).map(OsString::from);
    let program: Vec<OsString> = [stage.harness.clone().into_os_string()].into_iter().chain(arguments).collect();
    let seen = typist::perform(&program, story.steps, stop)?;
    let told = Told { end: seen.end, output: seen.output, log: String::new() };
    let expect: Vec<String> = story.expect.iter().map(ToString::to_string).collect();
    Ok((seen.failure.or_else(|| judge(story, &expect, &told)), told))
}

fn play(
    stage: &Stage<'_>,
    options: &Options,
    port: u16,
    heard: &mut Heard,
    stop: &Interrupt,
) -> Result<guest::Report, Failure> {
    execute_with(stage.qemu.clone(), stage.system, options, port, heard, stop)
}

/// The visitor runs beside the guest, and ends it when it has seen enough.
fn with_visitor(
    stage: &Stage<'_>,
    story: &Story,
    options: &Options,
    heard: &mut Heard,
) -> Result<(guest::Report, Result<(), String>), Failure> {
    let port = port::free_from(stage.first_port)?;
    let (enough, gone) = (Interrupt::own(), Interrupt::own());
    thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let visited = story.peer.map_or(Ok(()), |p| peer::visit(p, port, &|| gone.came()));
            enough.raise();
            visited
        });
        let report = play(stage, options, port, heard, &enough);
        gone.raise();
        let visited = visitor.join().unwrap_or_else(|_| Err("the visitor broke down".into()));
        Ok((report?, visited))
    })
}

fn fill(text: &str, project: &Project, running: &Running) -> String {
    let mut text = in_root(text, project);
    for (name, value) in &running.names {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

fn in_root(text: &str, project: &Project) -> String {
    text.replace("{root}", &project.root.to_string_lossy())
}
