//! From stages to processes: opens the files of redirections, makes the processes, joins their streams.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::fs::{File, Open, Rights as FileRights};
use libsys::names::NameSpace;
use libsys::protocol::Text;
use libsys::protocol::process::Rights;
use libsys::protocol::start::{MAX_ARGS, MAX_ENV, Stream, StreamRights};
use libsys::spawn::{COMMAND_PAGES, Command, Prepared, Stdio};
use libsys::{Error, Handles, Pool};
use readargs::RAW_VARIABLE;
use shell_lang::ast::{Mode, Stream as Name};
use shell_lang::fault::{Fault, code};
use shell_lang::host::{Job, Output, Redirection, Source, Stage};

use crate::job::{Member, Running, fault};
use crate::names;
use crate::relay::{Relays, Target};
use crate::streams::{Lent, Streams, number};

/// The shell's own program in the archive.
const SHELL: &str = "C/shell";
/// The same as a path.
pub const SHELL_PATH: &str = "SYS:C/shell";
/// Commands that start others or try what large pools cost, and the pages that they get at most.
const LARGE: [(&str, u64); 6] = [
    ("shelltest", SHELL_PAGES),
    ("killtest", SHELL_PAGES),
    ("sectest", SHELL_PAGES),
    ("selftest", SHELL_PAGES),
    ("vmtest", 10 * COMMAND_PAGES as u64),
    ("kbench", 28 << 10),
];
/// Pages of a shell's pool that stay the shell's own.
const OWN_PAGES: u64 = 512;
/// Pages of a job's pool beside those of its commands: pipes, doorbells.
const JOB_PAGES: u64 = 64;
/// Pages of a command's pool at least.
const LEAST_PAGES: u64 = 192;
/// Pages of a shell that is a command, at most: what it starts lies in there.
const SHELL_PAGES: u64 = 6 * COMMAND_PAGES as u64;

/// Where a stream of a stage leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Where this stream leads if nothing is said: the neighbour in the pipeline, or the shell's own.
    Usual(Name),
    /// To an opened file.
    File(usize),
    /// Nowhere: what is written is thrown away, and reading is at the end at once.
    Nil,
}

/// What redirections to [`Slot::Nil`] name, as AmigaDOS does.
const NIL: &str = "NIL:";

/// How a job runs.
pub struct How<'a> {
    /// Who pays for processes and pipes.
    pub pool: &'a Pool,
    /// Pages of each command.
    pub pages: u32,
    /// Whether the shell waits, so that bytes can pass through it.
    pub waits: bool,
    /// A name space instead of a copy of the shell's own, for each command a copy of it.
    pub names: Option<NameSpace>,
    /// What lends its pool to jobs that outlive a shell.
    pub session: &'a Pool,
    /// What pays for its programs with a CPU budget.
    pub realtime: Option<&'a Pool>,
}

/// An opened file.
struct Opened {
    file: File,
    path: String,
    rights: StreamRights,
}

/// A stage on its way.
struct Planned {
    slots: [Slot; 3],
    prepared: Option<Prepared>,
}

/// Whether bytes of the job have to pass through the shell.
pub fn needs_relay(stages: &[Stage]) -> bool {
    let merges = |stage: &Stage| stage.redirections.iter().any(|one| matches!(one, Redirection::Join(Name::Err, _)));
    let text = |stage: &Stage| matches!(stage.source, Source::Text { .. });
    let last = stages.len().saturating_sub(1);
    stages.iter().enumerate().any(|(at, stage)| text(stage) || at < last && merges(stage))
}

/// How many pages each of so many commands can have, and the job altogether.
pub fn pages(own: &Pool, stages: &[Stage]) -> Result<(u32, usize), Fault> {
    let info = own.info().map_err(fault(""))?;
    let free = info.pages.saturating_sub(info.used).saturating_sub(OWN_PAGES);
    let commands = stages.iter().filter(|stage| !matches!(stage.source, Source::Text { .. })).count() as u64;
    let most = |stage: &Stage| match &stage.source {
        Source::Shell { .. } => SHELL_PAGES,
        Source::Program { path, .. } if path == SHELL_PATH => SHELL_PAGES,
        Source::Program { path, .. } => {
            let large = LARGE.iter().find(|(name, _)| file_name(path).eq_ignore_ascii_case(name));
            large.map_or(COMMAND_PAGES.into(), |(_, pages)| *pages)
        }
        Source::Text { .. } => COMMAND_PAGES.into(),
    };
    let most = stages.iter().map(most).max().unwrap_or(COMMAND_PAGES.into());
    let each = (free.saturating_sub(JOB_PAGES) / (commands + 1).max(1)).min(most);
    if each < LEAST_PAGES {
        return Err(Fault::new(
            Error::PoolEmpty.code(),
            "not enough memory for another command; AVAIL shows who has it",
        ));
    }
    Ok((each as u32, (each * commands + JOB_PAGES + 16 * commands) as usize))
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', ':']).next().unwrap_or(path)
}

/// Makes all processes of a job and starts them.
///
/// # Errors
/// What could not be opened or made; nothing runs then.
pub fn start(job: &Job<'_>, own: &mut Streams, how: &How<'_>) -> Result<Running, Fault> {
    let mut files = Vec::new();
    let mut planned = Vec::new();
    for stage in &job.stages {
        let slots = slots(stage, &mut files)?;
        let prepared = match &stage.source {
            Source::Text { .. } => None,
            _ => Some(prepare(job, stage, how)?),
        };
        planned.push(Planned { slots, prepared });
    }
    let limit = match job.output {
        Output::Capture(limit) => limit,
        Output::Shell => 0,
    };
    let mut joiner = Joiner { job, own, how, files, relays: Relays::new(limit), feeds: Vec::new() };
    joiner.feeds.resize(planned.len(), None);
    for at in 0..planned.len() {
        joiner.input(&mut planned, at)?;
        joiner.outputs(&mut planned, at)?;
    }
    for at in 0..planned.len() {
        joiner.text(&mut planned, at)?;
    }
    let mut members = Vec::new();
    for (stage, Planned { prepared, .. }) in job.stages.iter().zip(planned) {
        members.push(match (&stage.source, prepared) {
            (Source::Text { outcome, .. }, _) => Member::Over(*outcome),
            (_, Some(prepared)) => Member::Runs(prepared.start().map_err(fault(""))?),
            (_, None) => Member::Over(Default::default()),
        });
    }
    Ok(Running { members, relays: joiner.relays, pool: None, text: job.text.to_string() })
}

// ---- redirections ----

fn slots(stage: &Stage, files: &mut Vec<Opened>) -> Result<[Slot; 3], Fault> {
    let mut slots = [Name::In, Name::Out, Name::Err].map(Slot::Usual);
    for redirection in &stage.redirections {
        match redirection {
            Redirection::File { stream, path, .. } if path.eq_ignore_ascii_case(NIL) => {
                slots[number(*stream)] = Slot::Nil;
            }
            Redirection::File { stream, mode, path } => {
                files.push(open(path, *mode)?);
                slots[number(*stream)] = Slot::File(files.len() - 1);
            }
            Redirection::Join(from, to) => slots[number(*from)] = slots[number(*to)],
        }
    }
    Ok(slots)
}

fn open(path: &str, mode: Mode) -> Result<Opened, Fault> {
    let path = names::textual(path)?;
    let write = FileRights::WRITE | FileRights::APPEND;
    let (file, rights) = match mode {
        Mode::Read => (File::open(&path), StreamRights::READ),
        Mode::Write => {
            let flags = Open::CREATE | Open::TRUNCATE;
            (File::open_with(&path, flags, write), StreamRights::WRITE | StreamRights::APPEND)
        }
        Mode::Append => (File::open_with(&path, Open::CREATE, write), StreamRights::WRITE | StreamRights::APPEND),
    };
    Ok(Opened { file: file.map_err(fault(&path))?, path, rights })
}

// ---- processes ----

fn prepare(job: &Job<'_>, stage: &Stage, how: &How<'_>) -> Result<Prepared, Fault> {
    // One more tells the raw line. Those that do not fit are not worth a command that can't be started.
    let variables = job.variables.iter().take(MAX_ENV - 1);
    let mut variables: Vec<(String, String)> =
        variables.map(|(name, value)| (name.to_string(), value.clone())).collect();
    let command = match &stage.source {
        Source::Program { name, line, .. } if line.words.len() >= MAX_ARGS => {
            let text = alloc::format!("{} arguments for \"{name}\"; {} are possible", line.words.len(), MAX_ARGS - 1);
            return Err(Fault::new(code::LIMIT, text));
        }
        Source::Program { path, name, line } => {
            variables.push((RAW_VARIABLE.to_string(), line.raw.clone()));
            let image = names::archive_path(path)?;
            Command::new(&image).name(last_part(name)).args(line.words.iter().map(|word| &word.text))
        }
        Source::Shell { text } => Command::new(SHELL).args(["LINE", text]),
        Source::Text { .. } => return Err(Fault::new(code::BAD_ARGUMENT, "a text is no process")),
    };
    let mut command = command.vars(variables).current_dir(job.cwd).pages(how.pages);
    // What it gets of them, its manifest entry says; with a narrowed name space it gets none.
    command = match &how.names {
        Some(names) => command.names(names.copy().map_err(fault(""))?),
        None => command.rights(Rights::all()),
    };
    if let Source::Shell { .. } = stage.source {
        command = command.handle("session", how.session.lend().map_err(fault(""))?);
        if let Some(realtime) = how.realtime {
            command = command.handle("realtime", realtime.lend().map_err(fault(""))?);
        }
    }
    let about = match &stage.source {
        Source::Program { name, .. } => name,
        _ => "",
    };
    command.prepare(how.pool).map_err(fault(about))
}

fn last_part(name: &str) -> &str {
    name.rsplit(['/', ':']).next().filter(|part| !part.is_empty()).unwrap_or(name)
}

// ---- joining ----

struct Joiner<'a, 'j> {
    job: &'a Job<'j>,
    own: &'a mut Streams,
    how: &'a How<'a>,
    files: Vec<Opened>,
    relays: Relays,
    /// The feed into each stage, if there is one.
    feeds: Vec<Option<usize>>,
}

type Joined = Result<(), Fault>;

impl Joiner<'_, '_> {
    fn is_last(&self, at: usize) -> bool {
        at + 1 >= self.job.stages.len()
    }

    /// Whether a stage reads what the one before it writes.
    fn reads(&self, planned: &[Planned], at: usize) -> bool {
        planned.get(at).is_some_and(|next| next.prepared.is_some() && next.slots[0] == Slot::Usual(Name::In))
    }

    fn set(&self, prepared: &mut Prepared, index: usize, stdio: Stdio) -> Joined {
        let (stream, handles) = match stdio {
            Stdio::Raw(stream, handles) => (stream, handles),
            Stdio::Terminal(session, name) => {
                let rights = StreamRights::READ | StreamRights::WRITE;
                (Stream::Terminal { name: Text::cut(&name), rights }, Handles::one(session))
            }
            _ => return Ok(()),
        };
        prepared.set_stream(index, stream, handles).map_err(fault(""))
    }

    fn file(&self, index: usize) -> Result<Stdio, Fault> {
        let opened = self.files.get(index).ok_or_else(|| fault("")(Error::Internal))?;
        let session = opened.file.share(FileRights::from_bits_truncate(opened.rights.bits())).map_err(fault(""))?;
        let name = Text::try_from(opened.path.as_str()).map_err(fault(&opened.path))?;
        Ok(Stdio::Raw(Stream::File { name, rights: opened.rights }, Handles::one(session)))
    }

    /// A stage's standard input. What the stage before it writes is joined by [`Joiner::outputs`].
    fn input(&mut self, planned: &mut [Planned], at: usize) -> Joined {
        let slot = planned[at].slots[0];
        let Some(prepared) = planned[at].prepared.as_mut() else { return Ok(()) };
        match slot {
            Slot::File(index) => {
                let stdio = self.file(index)?;
                self.set(prepared, 0, stdio)
            }
            Slot::Nil => self.set(prepared, 0, Stdio::Null),
            Slot::Usual(Name::In) if at == 0 && self.how.waits => match self.own.lend(0).map_err(fault(""))? {
                Lent::Direct(stdio) => self.set(prepared, 0, stdio),
                Lent::Relayed => {
                    let writer = prepared.pipe_from_here(self.how.pool).map_err(fault(""))?;
                    let feed = self.relays.feed(writer);
                    self.relays.feed_own_input(feed);
                    Ok(())
                }
            },
            // In the background nobody types; elsewhere the pipe is made from its other end.
            _ => Ok(()),
        }
    }

    /// A stage's two outputs.
    fn outputs(&mut self, planned: &mut [Planned], at: usize) -> Joined {
        let slots = planned[at].slots;
        let both = slots[1] == Slot::Usual(Name::Out) && slots[2] == slots[1];
        for index in [1, 2] {
            if planned[at].prepared.is_none() {
                continue;
            }
            match slots[index] {
                Slot::File(file) => {
                    let stdio = self.file(file)?;
                    if let Some(prepared) = planned[at].prepared.as_mut() {
                        self.set(prepared, index, stdio)?;
                    }
                }
                Slot::Nil => {
                    if let Some(prepared) = planned[at].prepared.as_mut() {
                        self.set(prepared, index, Stdio::Null)?;
                    }
                }
                Slot::Usual(Name::Out) if !self.is_last(at) => self.join_next(planned, at, index, both)?,
                Slot::Usual(Name::Out) if self.job.output != Output::Shell => {
                    self.take(planned, at, index, Target::Captured)?;
                }
                Slot::Usual(name) => self.join_own(planned, at, index, name)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, planned: &mut [Planned], at: usize, index: usize, target: Target) -> Joined {
        if let Some(prepared) = planned[at].prepared.as_mut() {
            let reader = prepared.pipe_here(index, self.how.pool).map_err(fault(""))?;
            self.relays.take(reader, target);
        }
        Ok(())
    }

    fn join_own(&mut self, planned: &mut [Planned], at: usize, index: usize, name: Name) -> Joined {
        match self.own.lend(number(name)).map_err(fault(""))? {
            Lent::Direct(stdio) => match planned[at].prepared.as_mut() {
                Some(prepared) => self.set(prepared, index, stdio),
                None => Ok(()),
            },
            Lent::Relayed if self.how.waits => self.take(planned, at, index, Target::Own(name)),
            Lent::Relayed => Ok(()),
        }
    }

    /// Into the next stage's input.
    fn join_next(&mut self, planned: &mut [Planned], at: usize, index: usize, both: bool) -> Joined {
        if !self.reads(planned, at + 1) {
            // Nobody will read: the writer is to know at once.
            if let Some(prepared) = planned[at].prepared.as_mut() {
                drop(prepared.pipe_here(index, self.how.pool).map_err(fault(""))?);
            }
            return Ok(());
        }
        if both {
            let feed = self.feed_into(planned, at + 1)?;
            return self.take(planned, at, index, Target::Feed(feed));
        }
        let (before, after) = planned.split_at_mut(at + 1);
        match (before.last_mut().and_then(|p| p.prepared.as_mut()), after.first_mut().and_then(|p| p.prepared.as_mut()))
        {
            (Some(writer), Some(reader)) => writer.pipe(index, reader, self.how.pool).map_err(fault("")),
            _ => Ok(()),
        }
    }

    /// What a built-in wrote goes where a command's output would.
    fn text(&mut self, planned: &mut [Planned], at: usize) -> Joined {
        let job = self.job;
        let Some(Stage { source: Source::Text { out, err, .. }, .. }) = job.stages.get(at) else { return Ok(()) };
        let slots = planned[at].slots;
        for (index, bytes) in [(1, out), (2, err)] {
            match slots[index] {
                Slot::File(file) => {
                    let opened = self.files.get_mut(file).ok_or_else(|| fault("")(Error::Internal))?;
                    opened.file.write_all(bytes).map_err(fault(&opened.path))?;
                }
                Slot::Nil => {}
                Slot::Usual(Name::Out) if !self.is_last(at) => {
                    if self.reads(planned, at + 1) {
                        let feed = self.feed_into(planned, at + 1)?;
                        self.relays.append(feed, bytes);
                    }
                }
                Slot::Usual(Name::Out) if job.output != Output::Shell => self.relays.capture(bytes),
                Slot::Usual(name) => self.own.write(name, bytes).map_err(fault(""))?,
            }
        }
        Ok(())
    }

    /// The feed into a stage, made where there is none.
    fn feed_into(&mut self, planned: &mut [Planned], at: usize) -> Result<usize, Fault> {
        if let Some(Some(feed)) = self.feeds.get(at) {
            return Ok(*feed);
        }
        let prepared = planned.get_mut(at).and_then(|stage| stage.prepared.as_mut());
        let prepared = prepared.ok_or_else(|| fault("")(Error::Internal))?;
        let writer = prepared.pipe_from_here(self.how.pool).map_err(fault(""))?;
        let feed = self.relays.feed(writer);
        self.feeds[at] = Some(feed);
        Ok(feed)
    }
}
