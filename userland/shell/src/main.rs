//! The shell's process: `shell-lang` with the world that system calls make.
//!
//! | arguments | what it is |
//! |---|---|
//! | `LOGIN` | the session's shell: opens the terminal; or, with a text from the host, the harness's |
//! | `NEWSHELL number [script]` | a further shell on the terminal it was given |
//! | `LINE text` | runs one line: a script or built-in that is a stage of a pipeline or runs in the background |
//! | `script [arguments]` | runs a script |
//!
//! ```text
//!  keyboard ─► login ─► shell-lang ──Host──► world ─► plan ─► job ─► processes
//!  harness ────────────────┘                  ├► find, names, globals, assign
//!                                             └► streams, relay
//! ```
#![no_std]
#![no_main]

extern crate alloc;

mod assign;
mod banner;
mod find;
mod globals;
mod harness;
mod job;
mod keyboard;
mod login;
mod names;
mod own;
mod plan;
mod relay;
mod streams;
mod world;

use alloc::string::String;
use alloc::vec::Vec;

use libsys::{Error, Status, env, spawn};
use readargs::{Line, RAW_VARIABLE};
use shell_lang::{After, Shell};

use login::Kind;
use streams::{Person, Streams};
use world::World;

libsys::entry!(main);

/// The service behind the session's terminal.
const TERMINAL: &str = "console";
/// The BREAKs that the shell hears itself: C and D.
const HEARD: u8 = 3;

fn main() -> Result<Status, Error> {
    spawn::catch(HEARD)?;
    let arguments = env::arguments();
    let rest = arguments.get(1..).unwrap_or_default();
    match arguments.first().map(String::as_str) {
        Some("LOGIN") => log_in(),
        Some("NEWSHELL") => {
            let number = rest.first().and_then(|number| number.parse().ok()).unwrap_or(2);
            let mut streams = Streams::given()?;
            streams.terminal().ok_or(Error::WrongType)?.take_breaks()?;
            let mut world = World::new(streams, number)?;
            let code = login::run(&mut world, Kind::Further, rest.get(1).map(String::as_str))?;
            Ok(Status { code, reason: 0 })
        }
        Some("LINE") => serve(|shell, world| shell.line(world, rest.first().map_or("", String::as_str))),
        Some(script) => {
            let line = Line::received(&arguments, env::local_var(RAW_VARIABLE).as_deref());
            let words = line.words.into_iter().skip(1);
            serve(|shell, world| shell.script(world, script, &Line::of(words)))
        }
        None => serve(from_input),
    }
}

fn log_in() -> Result<Status, Error> {
    if let Some(text) = harness::text() {
        harness::run(&text, TERMINAL)?;
    }
    let mut world = World::new(Streams::of_terminal(TERMINAL, Person::Sits)?, 1)?;
    let code = login::run(&mut world, Kind::Login, None)?;
    Ok(Status { code, reason: 0 })
}

/// A shell without a person: it does one thing and ends with its outcome.
fn serve(run: impl FnOnce(&mut Shell, &mut World) -> After) -> Result<Status, Error> {
    let mut world = World::new(Streams::given()?, env::number())?;
    let mut shell = Shell::new(env::number(), &env::current_dir());
    let own = |name: &str| name.eq_ignore_ascii_case(RAW_VARIABLE);
    let variables: Vec<(String, String)> = env::vars().into_iter().filter(|(name, _)| !own(name)).collect();
    for (name, value) in variables {
        // The spawner's names obey the same rules.
        let _ = shell.set_variable(&name, &value);
    }
    let after = run(&mut shell, &mut world);
    let last = shell.last();
    let status = match after {
        After::Leave(code) => Status { code, reason: 0 },
        After::Prompt => Status { code: last.code, reason: last.reason },
    };
    let failed = (status.code >= 10).then(|| Error::from_code(status.reason).unwrap_or(Error::BrokenPipe));
    world.streams.close(failed);
    Ok(status)
}

/// Runs the lines of standard input.
fn from_input(shell: &mut Shell, world: &mut World) -> After {
    while let Ok(Some(line)) = world.ask("") {
        if let After::Leave(code) = shell.line(world, &line) {
            return After::Leave(code);
        }
    }
    After::Prompt
}
