//! What the programs of the commands share. Each program answers to many names, so that its commands share their code in
//! the boot archive; which one it is stands in argument 0, templates and texts are in `manuals`.
//!
//! A command is a function `fn(&Args) -> Outcome`. What it prints goes to standard output; what went wrong is one line on
//! standard error that names the thing and says what would be right, and the return code is the error's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod failure;

use alloc::string::{String, ToString};

use libsys::io::{self, Lines, Write};
use libsys::{Error, Status, env, print};
use readargs::{Args, Line, Manual, Parsed, RAW_VARIABLE};

pub use failure::{About, Failure, Outcome};

/// A command: its manual's name, and what it does.
pub type Command = (&'static str, fn(&Args) -> Outcome);

/// A command with a manual of its own, which the system's `manuals` don't have.
pub type OwnCommand = (&'static Manual, fn(&Args) -> Outcome);

/// The program's main function: runs the command that argument 0 names. `around` runs it, told the name it was called by.
pub fn run(commands: &[Command], around: impl FnOnce(&str, &dyn Fn() -> Outcome) -> Outcome) -> Status {
    end(|name| {
        let manual = manuals::find(name).ok_or_else(|| Failure::new(Error::NotFound, "no such command"))?;
        let command = commands.iter().find(|(known, _)| *known == manual.name).map(|(_, command)| *command);
        let command = command.ok_or_else(|| Failure::new(Error::NotFound, "not one of this program's commands"))?;
        perform(manual, |args| around(name, &|| command(args)))
    })
}

/// The main function of a program that stands outside the system's tree and brings its manuals along.
pub fn run_with(commands: &[OwnCommand]) -> Status {
    end(|name| {
        let named = |(manual, _): &&OwnCommand| {
            core::iter::once(&manual.name).chain(manual.aliases).any(|known| known.eq_ignore_ascii_case(name))
        };
        let command = commands.iter().find(named);
        let (manual, command) = command.ok_or_else(|| Failure::new(Error::NotFound, "no such command"))?;
        perform(manual, command)
    })
}

/// Runs what the program was called as, flushes, tells of a failure.
fn end(run: impl FnOnce(&str) -> Outcome) -> Status {
    let name = env::name();
    let short = name.rsplit([':', '/']).next().unwrap_or(&name).to_string();
    match run(&short) {
        Ok(status) => match io::stdout().flush() {
            Ok(()) => status,
            Err(error) => Status::from(error),
        },
        Err(failure) => {
            let _ = io::stdout().flush();
            // A reader that went away has nothing to be told.
            if failure.error != Error::BrokenPipe {
                let _ = io::stderr().write_fmt(format_args!("{short}: {failure}\n"));
            }
            failure.status()
        }
    }
}

/// Parses the arguments by the manual's template and runs the command with them, or shows what was asked for instead.
fn perform(manual: &Manual, command: impl FnOnce(&Args) -> Outcome) -> Outcome {
    let template = manual.template()?;
    let mut line = Line::received(&env::arguments(), env::local_var(RAW_VARIABLE).as_deref());
    loop {
        match template.parse(&line)? {
            Parsed::Args(args) => return command(&args),
            Parsed::Help => {
                print!("{}", manual.help());
                return Ok(Status::OK);
            }
            Parsed::Template => {
                print!("{}: ", manual.template);
                line = line.answered(&answer()?)?;
            }
        }
    }
}

/// The line that is typed after a template.
fn answer() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        libsys::println!("");
        return Err(Failure::new(Error::ArgumentMissing, "the arguments were to be typed, but nobody sits there"));
    }
    Ok(Lines::new(io::stdin()).next_line()?.unwrap_or_default())
}
