//! KBENCH: what the kernel's operations cost, as `RESULT name value` lines for scripts/bench.
//!
//! Under QEMU's `-icount shift=0` the virtual clock advances a nanosecond an instruction, and so time since boot counts
//! instructions. The counter may tick less often than that (aarch64: every 16 instructions), so an operation is repeated
//! and the sum divided; the least of several rounds is told, which leaves out rounds that an interrupt fell into.
//!
//! Round trips between processes have their other end in a child: this program again, with a word that says which end.
#![no_std]
#![no_main]

extern crate alloc;

mod kernel;
mod list;
mod load;
mod local;
mod peer;
mod remote;
mod stretch;

use libsys::{Error, Status, env, eprintln, println, system, time};

libsys::entry!(main);

/// The word that asks for the longest stretches with interrupts off.
const STRETCHES: &str = "STRETCHES";
/// The word that asks for a load on all cores.
const CORES: &str = "CORES";
/// The word before a row whose operation a debugger looks at.
const LIST: &str = "LIST";
/// Rounds of which the least counts.
const ROUNDS: usize = 5;

fn main() -> Status {
    if let [word, part] = &env::arguments()[..]
        && word == peer::WORD
    {
        return peer::run(part).into_status();
    }
    let what = match &env::arguments()[..] {
        [word] if word.eq_ignore_ascii_case(STRETCHES) => stretch::measure(),
        [word] if word.eq_ignore_ascii_case(CORES) => load::measure(),
        [word, row] if word.eq_ignore_ascii_case(LIST) => list::list(row),
        _ => measure(),
    };
    match what {
        Ok(()) => Status::OK,
        Err(error) => {
            eprintln!("kbench: {error}");
            error.into()
        }
    }
}

/// How a part ends.
trait IntoStatus {
    fn into_status(self) -> Status;
}

impl IntoStatus for Result<(), Error> {
    fn into_status(self) -> Status {
        self.map_or_else(Status::from, |()| Status::OK)
    }
}

fn measure() -> Result<(), Error> {
    tell("boot", time::now_ns());
    tell("boot-init", system::info()?.boot_ns);
    local::null()?;
    remote::calls()?;
    local::thread()?;
    local::thread_and_stack()?;
    local::fault()?;
    local::interrupt()?;
    remote::notify()?;
    remote::spawn()
}

/// One result; what a plugin counts from here on is the next one's.
fn tell(name: &str, value: u64) {
    println!("RESULT {name} {value}");
    libsys::raw::mark();
}

/// The least cost of an operation that is done so often in a round.
fn least(times: u64, mut operation: impl FnMut() -> Result<(), Error>) -> Result<u64, Error> {
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let before = time::now_ns();
        for _ in 0..times {
            operation()?;
        }
        best = best.min((time::now_ns() - before) / times);
    }
    Ok(best)
}
