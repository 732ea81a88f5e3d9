//! `scripts/test`: host tests, then the stories in QEMU on both processors. The last line counts.

use crate::arch::Arch;
use crate::build::{self, System};
use crate::command::run;
use crate::interrupt::{self, Interrupt};
use crate::options::Profile;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::system::runner::{self, Outcome, Stage};
use crate::system::stories::FEATURES;
use crate::system::story::{Length, State, Story};
use crate::{Failure, install, options};
use besides::Built;
use lexopt::prelude::*;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

mod besides;
mod host;
mod proof;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/test [--quick|--stories] [--long] [--arch ARCH] [NAME]
Runs the host's tests, then the system's stories in QEMU on both processors.
  --quick      the host part only
  --stories    the stories only
  --long       the long ones too
  --arch ARCH  stories on aarch64 or x86_64 only
  NAME         only tests and stories whose name contains NAME;
               kernel: the kernel core's proof by test, without QEMU
The last line is \"N passed, N failed\", with \", N skipped\" where there were some; exit status 1 if one failed.";

/// Ports for the stories: each worker has a hundred from here on.
const FIRST_PORT: u16 = 18100;
/// Stories running at once, at most: each is a QEMU that wants a core.
const MAX_WORKERS: usize = 2;

struct Options {
    quick: bool,
    stories: bool,
    long: bool,
    arch: Option<Arch>,
    name: Option<String>,
}

impl Options {
    /// Whether the kernel core's proof was asked for.
    fn proof(&self) -> bool {
        self.name.as_deref() == Some(proof::NAME) && !self.stories
    }

    /// Whether a test of this name was asked for.
    fn names(&self, test: &str) -> bool {
        self.name.as_deref().is_none_or(|name| test.contains(name))
    }
}

/// Passed, failed, skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that could not be run here, with a line that says why.
    pub skipped: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// Runs the command; returns the exit status.
///
/// # Errors
/// It was asked for wrongly.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<u8, Failure> {
    let Some(options) = parse(args)? else {
        println!("{USAGE}");
        return Ok(0);
    };
    let project = Project::find()?;
    let interrupt = Interrupt::catch();
    let mut count = match options.stories {
        true => Count::default(),
        false if options.proof() => proof::run(&project, options.long),
        false => host::run(&project, options.name.as_deref(), options.long),
    };
    if !options.quick && !options.proof() && !interrupt.came() {
        let archs: Vec<Arch> = options.arch.map_or(Arch::ALL.to_vec(), |a| vec![a]);
        for arch in archs {
            count.add(stories(&project, arch, &options, &interrupt));
        }
    }
    if interrupt.came() {
        println!("interrupted");
        return Ok(interrupt::STATUS);
    }
    if count == Count::default() {
        return Err(Failure::new("no test has such a name"));
    }
    println!("{count}");
    Ok(u8::from(count.failed > 0))
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, Failure> {
    let mut options = Options { quick: false, stories: false, long: false, arch: None, name: None };
    let mut parser = lexopt::Parser::from_args(args);
    let usage = |e: lexopt::Error| Failure::usage(e.to_string());
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("quick") => options.quick = true,
            Long("stories") => options.stories = true,
            Long("long") => options.long = true,
            Long("arch") => {
                let name = parser.value().and_then(|v| v.string()).map_err(usage)?;
                options.arch = Some(crate::options::arch(&name)?);
            }
            Long("help") | Short('h') => return Ok(None),
            Value(name) if options.name.is_none() => options.name = Some(name.string().map_err(usage)?),
            _ => return Err(usage(arg.unexpected())),
        }
    }
    if options.quick && options.stories {
        return Err(Failure::usage(
            "--quick is the host's part, --stories the system's: give one of them, or none for both",
        ));
    }
    Ok(Some(options))
}

/// The stories of one processor.
fn stories(project: &Project, arch: Arch, options: &Options, interrupt: &Interrupt) -> Count {
    let mut count = Count::default();
    let mut chosen: Vec<&Story> = Vec::new();
    for feature in FEATURES {
        let matching: Vec<&Story> = feature.stories.iter().filter(|s| wanted(s, arch, options)).collect();
        match feature.state {
            State::Enabled => chosen.extend(matching),
            State::Waiting(what) if !matching.is_empty() => {
                println!("skip {:7} {}: {} stories wait for {what}", arch.name(), feature.name, matching.len());
                count.skipped += matching.len();
            }
            State::Waiting(_) => {}
        }
    }
    chosen.retain(|story| match story.peer.map_or(Ok(()), |p| p.install()) {
        Ok(()) => true,
        Err(why) => {
            println!("skip {:7} {}: {why}", arch.name(), story.name);
            count.skipped += 1;
            false
        }
    });
    if chosen.is_empty() && !besides::names().any(|name| options.names(name)) {
        return count;
    }
    println!("building for {}", arch.name());
    match prepare(project, arch, &chosen) {
        Ok(systems) => {
            // Each build tells what the ones before it had to say.
            let last = systems.joined.last().map_or(&systems.own, |(_, system)| system);
            count.add(besides::warnings(last, arch));
            let typed = chosen.iter().filter(|story| !story.steps.is_empty()).count();
            println!("{} stories on {}, {typed} of them typed at a terminal:", chosen.len(), arch.name());
            count.add(besides::run(&Built { project, system: &systems.own, arch, long: options.long }, |name| {
                options.names(name)
            }));
            count.add(play(project, &systems, arch, &chosen, interrupt));
        }
        Err(failure) => {
            println!("FAIL {:7} build: {failure}", arch.name());
            count.failed += chosen.len();
        }
    }
    count
}

/// What stories boot.
struct Systems {
    /// The system itself.
    own: System,
    /// The system joined by the folders of `--with`.
    joined: Vec<(Vec<PathBuf>, System)>,
}

impl Systems {
    fn of(&self, folders: &[PathBuf]) -> &System {
        self.joined.iter().find(|(with, _)| with == folders).map_or(&self.own, |(_, system)| system)
    }
}

fn wanted(story: &Story, arch: Arch, options: &Options) -> bool {
    let named = options.names(story.name);
    let here = story.only.is_none_or(|only| only == arch);
    named && here && (options.long || story.length == Length::Ordinary)
}

fn prepare(project: &Project, arch: Arch, stories: &[&Story]) -> Result<Systems, Failure> {
    let steps = Steps::new(Say::Lines);
    install::rust(arch, &steps)?;
    install::qemu(arch, &steps)?;
    let mut systems = Systems { own: build::system(project, arch, Profile::Release, &[], &steps)?, joined: Vec::new() };
    if stories.iter().any(|story| story.options.contains(&"--media")) {
        let options = options::Options { arch, ..options::Options::default() };
        run::add_image(&mut systems.own, project, &options, &steps)?;
    }
    for story in stories {
        let folders = runner::folders(project, story);
        if !folders.is_empty() && !systems.joined.iter().any(|(with, _)| *with == folders) {
            let system = build::system(project, arch, Profile::Release, &folders, &steps)?;
            systems.joined.push((folders, system));
        }
    }
    Ok(systems)
}

/// Runs stories, a few at once, and prints a line for each when it ends.
fn play(project: &Project, systems: &Systems, arch: Arch, stories: &[&Story], interrupt: &Interrupt) -> Count {
    let workers = thread::available_parallelism().map_or(1, |n| n.get().min(MAX_WORKERS));
    let next = AtomicUsize::new(0);
    let count = Mutex::new(Count::default());
    thread::scope(|scope| {
        for worker in 0..workers {
            let (next, count) = (&next, &count);
            scope.spawn(move || {
                let stage = Stage::new(project, &systems.own, arch, FIRST_PORT + 100 * worker as u16);
                while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if interrupt.came() {
                        return;
                    }
                    let system = systems.of(&runner::folders(project, story));
                    let outcome = runner::run(&Stage { system, ..stage.clone() }, story, interrupt);
                    let one = report(project, arch, story, &outcome);
                    if let Ok(mut count) = count.lock() {
                        count.add(one);
                    }
                }
            });
        }
    });
    count.into_inner().unwrap_or_default()
}

fn report(project: &Project, arch: Arch, story: &Story, outcome: &Outcome) -> Count {
    let (name, seconds) = (story.name, outcome.took.as_secs_f64());
    let Some(why) = &outcome.failure else {
        println!("ok   {:7} {name} ({seconds:.1} s)", arch.name());
        return Count { passed: 1, ..Count::default() };
    };
    let folder = project.target.join("test-logs");
    let file = folder.join(format!("{name}-{}.log", arch.name()));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, &outcome.transcript));
    println!("FAIL {:7} {name} ({seconds:.1} s): {why}", arch.name());
    for line in outcome.transcript.lines().rev().take(15).collect::<Vec<_>>().into_iter().rev() {
        println!("     | {line}");
    }
    if kept.is_ok() {
        println!("     all of it: {}", file.display());
    }
    Count { failed: 1, ..Count::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let mut count = Count { passed: 2, failed: 0, skipped: 0 };
        assert_eq!(count.to_string(), "2 passed, 0 failed");
        count.add(Count { passed: 1, failed: 1, skipped: 3 });
        assert_eq!(count.to_string(), "3 passed, 1 failed, 3 skipped");
    }

    #[test]
    fn options() {
        let parse = |args: &[&str]| parse(args.iter().map(OsString::from));
        let options = parse(&["--arch", "aarch64", "fetch"]).unwrap().unwrap();
        assert_eq!((options.arch, options.name.as_deref(), options.quick), (Some(Arch::Aarch64), Some("fetch"), false));
        assert!(parse(&["--quick"]).unwrap().unwrap().quick);
        assert!(parse(&["--stories"]).unwrap().unwrap().stories);
        assert!(parse(&["kernel"]).unwrap().unwrap().proof() && !parse(&["kernel-trace"]).unwrap().unwrap().proof());
        assert_eq!(parse(&["--quick", "--stories"]).err().unwrap().status, 2);
        assert_eq!(parse(&["--slow"]).err().unwrap().status, 2);
        assert_eq!(parse(&["a", "b"]).err().unwrap().status, 2);
    }
}
