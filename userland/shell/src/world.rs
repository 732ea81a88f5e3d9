//! The world of the interpreter: its [`Host`] by system calls.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::info::REAL_TIME;
use libsys::fs::{self, File, Kind as FileKind};
use libsys::names::{NameSpace, bits};
use libsys::{Budget, Error, Pool, env, system, time, wait_bits};
use lineedit::History;
use readargs::{Line, Manual};
use shell_lang::MAX_JOBS;
use shell_lang::ast::Stream;
use shell_lang::fault::{Fault, code};
use shell_lang::host::{
    Background, Entry, Finished, Found, Host, Job, Keep, Kind, Outcome, Output, Scheduling, Signal, Source, Stage,
    Started,
};
use shell_lang::names::Names;

use crate::job::{Running, fault, reap};
use crate::plan::{self, How};
use crate::streams::Streams;
use crate::{find, globals, names, own};

/// Lines of history that are kept.
pub const HISTORY: usize = 500;

/// A job in the background.
struct InBackground {
    number: u32,
    running: Running,
}

/// The shell's process.
pub struct World {
    /// Its streams.
    pub streams: Streams,
    /// What was typed.
    pub history: History,
    /// Whether HISTORY CLEAR was said since the editor looked.
    pub forgotten: bool,
    /// Whether the terminal understands escape sequences.
    pub ansi: bool,
    /// The shell's number.
    pub number: u32,
    own: Pool,
    /// Jobs that outlive a shell are paid by this: the login session's.
    session: Pool,
    /// Who pays for programs with a CPU budget, if anybody does.
    realtime: Option<Pool>,
    /// How jobs are scheduled: by NICE.
    scheduling: Option<Scheduling>,
    jobs: Vec<InBackground>,
    manuals: Vec<Manual>,
    stop_script: bool,
}

impl World {
    /// A world around these streams.
    ///
    /// # Errors
    /// What the kernel says about the process's own pool.
    pub fn new(streams: Streams, number: u32) -> Result<World, Error> {
        let own = Pool::own()?;
        let session = match env::take_handle("session") {
            Ok(handle) => Pool::adopt(handle),
            Err(_) => Pool::own()?,
        };
        names::look_for_texts();
        let manuals = manuals::all().chain(own::MANUALS).copied().collect();
        Ok(World {
            streams,
            history: History::new(HISTORY),
            forgotten: false,
            ansi: false,
            number,
            own,
            session,
            realtime: env::take_handle("realtime").ok().map(Pool::adopt),
            scheduling: None,
            jobs: Vec::new(),
            manuals,
            stop_script: false,
        })
    }

    /// Asks for a line.
    pub fn ask(&mut self, prompt: &str) -> Result<Option<String>, Fault> {
        let answer = self.streams.read_line(prompt);
        if answer == Err(Error::Break) {
            // The same Ctrl-C rang here, too: it is told once.
            wait_bits(bits::BREAK_C, 0);
        }
        answer.map_err(fault(""))
    }

    /// What clears the screen.
    pub fn clear_sequence(&self) -> &'static [u8] {
        if self.ansi { b"\x1b[H\x1b[2J" } else { b"\n" }
    }

    /// Runs another shell on the same terminal, and waits for it.
    pub fn new_shell(&mut self, from: Option<&str>, caps: Option<&str>, cwd: &str) -> Result<Outcome, Fault> {
        if self.streams.terminal().is_none() {
            return Err(Fault::new(code::WRONG_TYPE, "there is no terminal for another shell"));
        }
        let mut words = alloc::vec!["NEWSHELL".to_string(), (self.number + 1).to_string()];
        words.extend(from.map(ToString::to_string));
        let line = Line::of(words.into_iter().map(readargs::Word::quoted));
        let source = Source::Program { path: plan::SHELL_PATH.into(), name: "shell".into(), line };
        let job = Job {
            stages: alloc::vec![Stage { source, redirections: Vec::new() }],
            output: Output::Shell,
            cwd,
            variables: &Names::default(),
            text: "NEWSHELL",
        };
        let names = caps.map(narrowed).transpose()?;
        let finished = self.foreground(job, names)?;
        Ok(finished.stages.last().copied().unwrap_or_default())
    }

    fn foreground(&mut self, job: Job<'_>, names: Option<NameSpace>) -> Result<Finished, Fault> {
        let (pool, pages) = self.job_pool(&job.stages)?;
        let how =
            How { pool: &pool, pages, waits: true, names, session: &self.session, realtime: self.realtime.as_ref() };
        let started = plan::start(&job, &mut self.streams, &how);
        drop(how);
        let mut running = match started {
            Ok(running) => running,
            Err(fault) => {
                let _ = pool.destroy();
                return Err(fault);
            }
        };
        running.pool = Some(pool);
        let (finished, left) = running.wait(&mut self.streams);
        self.stop_script |= left.script;
        // A command may have taken the breaks for itself.
        if let Some(terminal) = self.streams.terminal()
            && finished.stages.len() == 1
        {
            let _ = terminal.foreground();
        }
        Ok(finished)
    }

    /// A pool for a job, scheduled as NICE says, and the pages of each of its commands.
    fn job_pool(&self, stages: &[Stage]) -> Result<(Pool, u32), Fault> {
        let budgeted = |how: &Scheduling| how.budget.is_some() || how.priority >= REAL_TIME;
        let from = match self.scheduling.filter(budgeted) {
            None => &self.own,
            Some(_) => self.realtime.as_ref().ok_or_else(|| {
                Fault::new(
                    Error::Denied.code(),
                    "this shell has no processor time to reserve, and so no real-time class",
                )
            })?,
        };
        let (pages, all) = plan::pages(from, stages)?;
        let info = from.info().map_err(fault(""))?;
        let highest = info.ceiling as u8;
        let ceiling = self.scheduling.map_or(highest, |how| how.priority);
        if ceiling > highest {
            return Err(Fault::new(
                Error::Denied.code(),
                alloc::format!("priority {ceiling} is above this shell's, {highest}"),
            ));
        }
        let budget = self.scheduling.and_then(|how| how.budget).map(|(micros, period)| Budget { micros, period });
        match from.create_limited(all, ceiling, budget) {
            Ok(pool) => Ok((pool, pages)),
            Err(Error::OverBudget) => {
                let most = info.budget.map_or(0, |budget| u64::from(budget.micros) * 100 / u64::from(budget.period));
                let text = alloc::format!("this shell can reserve {most} % of a core for all its jobs together");
                Err(Fault::new(Error::OverBudget.code(), text))
            }
            Err(error) => Err(fault("")(error)),
        }
    }

    /// Jobs that ended since the last time: a line for each.
    pub fn ended_jobs(&mut self) -> Vec<String> {
        if self.jobs.is_empty() {
            return Vec::new();
        }
        reap();
        let mut lines = Vec::new();
        let mut index = 0;
        while let Some(job) = self.jobs.get_mut(index) {
            if !job.running.is_over() {
                index += 1;
                continue;
            }
            let job = self.jobs.remove(index);
            let last = job.running.outcomes().last().copied().unwrap_or_default();
            let how = match last {
                last if last.is_break() => String::from("was stopped"),
                Outcome { code: 0, .. } => String::from("has ended"),
                Outcome { code, .. } => alloc::format!("ended with return code {code}"),
            };
            lines.push(alloc::format!("[{}] {} {how}\n", job.number, job.running.text.trim()));
            job.running.end();
        }
        lines
    }
}

/// A copy of the name space with nothing but these names.
fn narrowed(caps: &str) -> Result<NameSpace, Fault> {
    let wanted: Vec<&str> =
        caps.split([' ', ',']).filter(|name| !name.is_empty()).map(|n| n.trim_end_matches(':')).collect();
    let all = NameSpace::own().list().map_err(fault(""))?;
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))) {
        return Err(Fault::new(
            code::NOT_FOUND,
            alloc::format!("CAPS: there is no name \"{unknown}\"; ASSIGN lists names"),
        ));
    }
    let copy = NameSpace::own().copy().map_err(fault(""))?;
    for entry in &all {
        if !wanted.iter().any(|name| entry.name.eq_ignore_ascii_case(name)) {
            copy.unbind(&entry.name, None).map_err(fault(&entry.name))?;
        }
    }
    Ok(copy)
}

/// Arguments that begin with a name bound to a text lead where it does.
fn resolve_arguments(stages: &mut [Stage]) -> Result<(), Fault> {
    for stage in stages {
        let Source::Program { line, .. } = &mut stage.source else { continue };
        let mut words = line.words.clone();
        let mut changed = false;
        for word in &mut words {
            if let Some(other) = names::argument(&word.text)? {
                (word.text, changed) = (other, true);
            }
        }
        if changed {
            *line = Line::of(words);
        }
    }
    Ok(())
}

impl Host for World {
    fn find(&mut self, name: &str, cwd: &str, path: &[String]) -> Found {
        find::find(name, cwd, path)
    }

    fn run(&mut self, mut job: Job<'_>) -> Result<Finished, Fault> {
        resolve_arguments(&mut job.stages)?;
        self.foreground(job, None)
    }

    fn start(&mut self, mut job: Job<'_>, background: &Background) -> Result<Started, Fault> {
        resolve_arguments(&mut job.stages)?;
        if plan::needs_relay(&job.stages) {
            // Nobody would pass the bytes on: a shell of its own does.
            let source = Source::Shell { text: job.text.to_string() };
            job.stages = alloc::vec![Stage { source, redirections: Vec::new() }];
        }
        let names = background.caps.as_deref().map(narrowed).transpose()?;
        let (session, realtime) = (&self.session, self.realtime.as_ref());
        // A job that is scheduled in its own way has a pool of its own.
        let own = if self.scheduling.is_some() { Some(self.job_pool(&job.stages)?) } else { None };
        let (pool, pages) = match &own {
            Some((pool, pages)) => (pool, *pages),
            None => (session, plan::pages(&self.own, &job.stages)?.0),
        };
        let how = How { pool, pages, waits: false, names, session, realtime };
        let started = plan::start(&job, &mut self.streams, &how);
        drop(how);
        let running = match (started, own) {
            (Ok(running), own) => Running { pool: own.map(|(pool, _)| pool), ..running },
            (Err(fault), own) => {
                if let Some((pool, _)) = own {
                    let _ = pool.destroy();
                }
                return Err(fault);
            }
        };
        let process = running.process();
        let number = (1..).find(|number| !self.jobs.iter().any(|job| job.number == *number)).unwrap_or(1);
        self.jobs.push(InBackground { number, running });
        Ok(Started { job: number, process })
    }

    fn schedule(&mut self, how: Option<Scheduling>) -> Option<Scheduling> {
        core::mem::replace(&mut self.scheduling, how)
    }

    fn set_priority(&mut self, process: u32, priority: u8) -> Result<(), Fault> {
        system::set_priority(process, priority).map_err(|error| match error {
            Error::BadArgument => {
                Fault::new(error.code(), "that is above what its pool allows; CAPS shows the ceiling")
            }
            Error::NotFound if process == system::INIT => {
                Fault::new(error.code(), "1: that is init, whose priority nobody can change")
            }
            Error::NotFound => Fault::new(error.code(), alloc::format!("{process}: no such process; PS lists them")),
            error => fault(&alloc::format!("process {process}"))(error),
        })
    }

    fn jobs(&mut self) -> usize {
        if self.jobs.len() >= MAX_JOBS {
            // A script has no prompt that would tell of those that have ended.
            drop(self.ended_jobs());
        }
        self.jobs.len()
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        // Where nothing can be said, there is nobody to tell so.
        let _ = self.streams.write(stream, bytes);
    }

    fn read_line(&mut self, prompt: &str) -> Result<Option<String>, Fault> {
        self.ask(prompt)
    }

    fn read_file(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        let path = &names::textual(path)?;
        let mut file = File::open(path).map_err(fault(path))?;
        if file.stat().size > limit as u64 {
            return Err(Fault::about(Error::Overflow.code(), path));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fault(path))?;
        if bytes.len() > limit { Err(Fault::about(Error::Overflow.code(), path)) } else { Ok(bytes) }
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Fault> {
        let path = &names::textual(path)?;
        let entries = fs::read_dir(path).map_err(fault(path))?;
        let entry = |entry: fs::Entry| Entry { name: entry.name.to_string(), kind: kind(entry.kind) };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn kind(&mut self, path: &str) -> Result<Kind, Fault> {
        let path = &names::textual(path)?;
        fs::stat(path).map(|stat| kind(stat.kind)).map_err(fault(path))
    }

    fn volumes(&mut self) -> Vec<String> {
        names::directories().into_iter().map(|entry| entry.name.into_string()).collect()
    }

    fn global(&mut self, name: &str) -> Option<String> {
        globals::get(name)
    }

    fn globals(&mut self) -> Vec<String> {
        globals::names()
    }

    fn set_global(&mut self, name: &str, value: &str, keep: Keep) -> Result<(), Fault> {
        globals::set(name, value, keep)
    }

    fn unset_global(&mut self, name: &str, keep: Keep) -> Result<(), Fault> {
        globals::unset(name, keep)
    }

    fn take_signal(&mut self) -> Option<Signal> {
        let came = wait_bits(bits::BREAK_C | bits::BREAK_D, 0);
        let script = core::mem::take(&mut self.stop_script) || came & bits::BREAK_D != 0;
        match (came & bits::BREAK_C != 0, script) {
            (true, _) => Some(Signal::Command),
            (false, true) => Some(Signal::Script),
            (false, false) => None,
        }
    }

    fn now(&mut self) -> u64 {
        time::now_ns()
    }

    fn manuals(&self) -> &[Manual] {
        &self.manuals
    }

    fn history(&self) -> Vec<String> {
        self.history.lines().map(ToString::to_string).collect()
    }

    fn clear_history(&mut self) {
        self.history.clear();
        self.forgotten = true;
    }

    fn builtin(&mut self, name: &str, line: &Line, cwd: &str, out: &mut Vec<u8>) -> Option<Result<Outcome, Fault>> {
        own::run(self, name, line, cwd, out)
    }
}

fn kind(kind: FileKind) -> Kind {
    match kind {
        FileKind::Directory => Kind::Directory,
        FileKind::File | FileKind::Link => Kind::File,
    }
}
