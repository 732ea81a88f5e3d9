//! `scripts/run --exec`: the host's text as a script, its return code to the host, and power off (`contracts.md` §12).

use alloc::string::String;

use libsys::device::Devices;
use libsys::protocol::process::Power;
use libsys::{Error, system};
use shell_lang::{Host, Shell, ast::Stream};

use crate::login::{self, HOME, Kind};
use crate::streams::{Person, Streams};
use crate::world::World;

/// Bytes of the text, at most.
const MAX_TEXT: usize = 64 << 10;
/// The return code where the script could not be run to its end.
const FAIL: u8 = 20;

/// The text, if the host gave one.
pub fn text() -> Option<String> {
    let bytes = Devices::open_named("config").ok()?.file("exec", MAX_TEXT).ok()?;
    String::from_utf8(bytes).ok()
}

/// Runs the text, reports and powers off.
///
/// # Errors
/// There is no terminal; or the system can't be powered off.
pub fn run(text: &str, terminal: &str) -> Result<(), Error> {
    // A terminal was opened before: this shell was started again in the middle of the script. It is not run twice.
    let again = system::info().is_ok_and(|info| info.prompt_ns != 0);
    let mut world = World::new(Streams::of_terminal(terminal, Person::Absent)?, 1)?;
    let code = if again {
        world.write(Stream::Err, b"shell: it died in the middle of the script\n");
        FAIL
    } else {
        let mut shell = Shell::new(1, HOME);
        login::start_up(&mut world, &mut shell, Kind::Login);
        u8::try_from(shell.exec(&mut world, text)).unwrap_or(FAIL)
    };
    if let Some(terminal) = world.streams.terminal() {
        terminal.return_code(code)?;
        terminal.drain()?;
    }
    Err(system::power(Power::Off))
}
