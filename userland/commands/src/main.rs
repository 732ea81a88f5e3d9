//! The commands: one program that answers to many names, so that they share their code in the boot archive. Which
//! command it is stands in argument 0; templates and texts are in `manuals`.
//!
//! Each command is a function `fn(&Args) -> Outcome`. What it prints goes to standard output; what went wrong is one line
//! on standard error that names the thing and says what would be right, and the return code is the error's.
#![no_std]
#![no_main]

extern crate alloc;

mod context;
mod date;
mod digest;
mod files;
mod format;
mod listing;
mod processes;
mod system;
mod text;
mod transfer;

use alloc::string::{String, ToString};

use libsys::io::{self, Lines, Write};
use libsys::{Error, Status, env, print};
use readargs::{Args, Line, Parsed, RAW_VARIABLE};

use context::{Failure, Outcome};

libsys::entry!(main);

/// The commands by their manuals' names.
const COMMANDS: &[(&str, fn(&Args) -> Outcome)] = &[
    ("DIR", listing::dir),
    ("LIST", listing::list),
    ("TYPE", files::show),
    ("MORE", files::more),
    ("COPY", transfer::copy),
    ("MOVE", transfer::move_files),
    ("RENAME", transfer::rename),
    ("DELETE", transfer::delete),
    ("MAKEDIR", files::make_dir),
    ("MAKELINK", files::make_link),
    ("TOUCH", files::touch),
    ("WRITE", files::write),
    ("JOIN", files::join),
    ("PROTECT", files::protect),
    ("FILENOTE", files::note),
    ("INFO", listing::info),
    ("DU", listing::usage),
    ("SYNC", files::sync),
    ("STAT", listing::stat),
    ("HASH", digest::hash),
    ("SEARCH", text::search),
    ("WC", text::count),
    ("HEAD", text::head),
    ("TAIL", text::tail),
    ("SORT", text::sort),
    ("UNIQ", text::unique),
    ("TEE", text::tee),
    ("HEX", text::hex),
    ("SEQ", text::sequence),
    ("PS", processes::list),
    ("STATUS", processes::status),
    ("BREAK", processes::send_break),
    ("SERVICES", processes::services),
    ("CAPS", processes::caps),
    ("VERSION", system::version),
    ("UPTIME", system::uptime),
    ("DATE", date::date),
    ("WAIT", date::wait),
    ("AVAIL", system::available),
    ("SMPINFO", system::cores),
    ("KSTATS", system::counters),
    ("KLOG", system::log),
    ("DIAGDUMP", system::diagnostics),
    ("LSPCI", system::devices),
    ("SHUTDOWN", system::shut_down),
    ("REBOOT", system::reboot),
    ("CRASH", system::crash),
];

fn main() -> Status {
    let name = env::name();
    let short = name.rsplit([':', '/']).next().unwrap_or(&name).to_string();
    match run(&short) {
        Ok(status) => match io::stdout().flush() {
            Ok(()) => status,
            Err(error) => Status::from(error),
        },
        Err(failure) => {
            // A reader that went away has nothing to be told.
            let _ = io::stdout().flush();
            if failure.error != Error::BrokenPipe {
                let _ = io::stderr().write_fmt(format_args!("{short}: {failure}\n"));
            }
            failure.status()
        }
    }
}

fn run(name: &str) -> Outcome {
    let manual = manuals::find(name).ok_or_else(|| Failure::new(Error::NotFound, "no such command"))?;
    let command = COMMANDS.iter().find(|(known, _)| *known == manual.name).map(|(_, command)| *command);
    let command = command.ok_or_else(|| Failure::new(Error::NotFound, "not one of this program's commands"))?;
    let template = manual.template()?;
    let mut line = Line::received(&env::arguments(), env::local_var(RAW_VARIABLE).as_deref());
    loop {
        match template.parse(&line)? {
            Parsed::Args(args) => return context::with_alias(name, || command(&args)),
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
