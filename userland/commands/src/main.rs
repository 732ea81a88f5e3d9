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
mod logs;
mod processes;
mod report;
mod system;
mod text;
mod tracing;
mod transfer;

use command::Command;
use libsys::Status;

libsys::entry!(main);

/// The commands by their manuals' names.
const COMMANDS: &[Command] = &[
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
    ("TRACE", tracing::trace),
    ("REVOKE", processes::revoke),
    ("CAPS", processes::caps),
    ("VERSION", system::version),
    ("UPTIME", system::uptime),
    ("DATE", date::date),
    ("WAIT", date::wait),
    ("AVAIL", system::available),
    ("SMPINFO", system::cores),
    ("KSTATS", system::counters),
    ("KLOG", logs::klog),
    ("DIAGDUMP", report::diagnostics),
    ("LSPCI", system::devices),
    ("SHUTDOWN", system::shut_down),
    ("REBOOT", system::reboot),
    ("CRASH", system::crash),
];

fn main() -> Status {
    command::run(COMMANDS, |name, command| context::with_alias(name, command))
}
