//! Shells for people: the login shell, and those that NEWSHELL opens.

use alloc::string::{String, ToString};

use libsys::fs::{self, File};
use libsys::{Error, Result, time};
use lineedit::{Event, MAX_TEXT};
use readargs::Line;
use shell_lang::ast::Stream;
use shell_lang::{After, Around, Host, Shell};

use crate::keyboard::Keyboard;
use crate::world::World;
use crate::{banner, job};

/// What every new shell runs.
const SHELL_STARTUP: &str = "S:Shell-Startup";
/// What the first one runs before.
const STARTUP_SEQUENCE: &str = "S:Startup-Sequence";
/// Where the history is kept, in the order of preference; S: may be read-only.
const HISTORY_FILES: [&str; 2] = ["S:Shell-History", "T:Shell-History"];
/// The directory that a shell begins in.
pub const HOME: &str = "SYS:";
/// How often a terminal that fails is tried again, a second apart.
const PATIENCE: u32 = 60;

/// Which shell it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The session's first.
    Login,
    /// One that NEWSHELL opened.
    Further,
}

/// Serves a person until they leave, and gives the return code.
///
/// # Errors
/// The terminal is gone for good.
pub fn run(world: &mut World, kind: Kind, first: Option<&str>) -> Result<u32> {
    if kind == Kind::Login {
        let text = banner::text();
        world.streams.write(Stream::Out, text.as_bytes())?;
    }
    load_history(world);
    let mut keyboard = Keyboard::new(world)?;
    loop {
        let mut shell = start(world, kind, first);
        let code = serve(world, &mut shell, &mut keyboard)?;
        if kind == Kind::Further {
            return Ok(code);
        }
        // Nobody is left to go back to.
        world.write(Stream::Out, b"This is the login shell: it begins anew. SHUTDOWN powers off.\n");
    }
}

/// A shell that has run its start-up scripts.
fn start(world: &mut World, kind: Kind, first: Option<&str>) -> Shell {
    let cwd = if kind == Kind::Login { String::from(HOME) } else { libsys::env::current_dir() };
    let mut shell = Shell::new(world.number, &cwd);
    start_up(world, &mut shell, kind);
    if let Some(script) = first {
        shell.script(world, script, &Line::default());
    }
    shell
}

/// Runs the start-up scripts that there are.
pub fn start_up(world: &mut World, shell: &mut Shell, kind: Kind) {
    let scripts = [STARTUP_SEQUENCE, SHELL_STARTUP];
    let scripts = if kind == Kind::Login { &scripts[..] } else { &scripts[1..] };
    for script in scripts {
        if fs::exists(script) {
            shell.script(world, script, &Line::default());
        }
    }
}

fn serve(world: &mut World, shell: &mut Shell, keyboard: &mut Keyboard) -> Result<u32> {
    let mut failures = 0;
    loop {
        for line in world.ended_jobs() {
            world.write(Stream::Out, line.as_bytes());
        }
        let clock = clock();
        let prompt = shell.prompt(world, Around { time: clock.as_deref(), host: "viaether" });
        match keyboard.line(shell, world, &prompt) {
            Ok(Event::Line(line)) => {
                failures = 0;
                if let After::Leave(code) = typed(world, shell, keyboard, line) {
                    return Ok(code);
                }
            }
            Ok(Event::TooLong) => {
                let text = alloc::format!("more than {MAX_TEXT} bytes at once: nothing was run\n");
                world.write(Stream::Err, text.as_bytes());
            }
            Ok(Event::Cancelled | Event::Function(_)) => {}
            Ok(Event::End) => {
                world.write(Stream::Out, b"ENDSHELL\n");
                return Ok(shell.last().code);
            }
            Err(error) => {
                failures += 1;
                libsys::log!(Warning, "shell: terminal: {error}");
                if failures >= PATIENCE {
                    return Err(error);
                }
                job::pause(time::SECOND);
            }
        }
    }
}

/// Runs what was typed.
fn typed(world: &mut World, shell: &mut Shell, keyboard: &mut Keyboard, line: String) -> After {
    let line = match keyboard.expand(&line) {
        Ok(Some(other)) => {
            world.write(Stream::Out, alloc::format!("{other}\n").as_bytes());
            other
        }
        Ok(None) => line,
        Err(text) => {
            world.write(Stream::Err, text.as_bytes());
            return After::Prompt;
        }
    };
    keyboard.remember(&line, world);
    let after = shell.line(world, &line);
    save_history(world, &line);
    after
}

fn clock() -> Option<String> {
    let minutes = time::utc_ns().ok()? / (60 * time::SECOND);
    Some(alloc::format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60))
}

// ---- history ----

fn load_history(world: &mut World) {
    for path in HISTORY_FILES {
        if let Ok(text) = fs::read_to_string(path) {
            world.history.load(&text);
            return;
        }
    }
}

/// Adds a line to the file; the whole of it is written anew where it was cleared.
fn save_history(world: &mut World, line: &str) {
    let append = |path: &str| -> Result<()> {
        if world.forgotten {
            return fs::write(path, world.history.to_text().as_bytes());
        }
        if world.history.lines().next_back() != Some(line) {
            return Ok(());
        }
        File::append(path)?.write_all((line.to_string() + "\n").as_bytes())
    };
    // A history that can't be kept is no reason to bother anybody.
    let _: Option<()> = HISTORY_FILES.iter().find_map(|path| match append(path) {
        Err(Error::ReadOnly | Error::WriteProtected | Error::Denied | Error::NotMounted) => None,
        _ => Some(()),
    });
}
