//! VERSION, UPTIME, AVAIL, SMPINFO, KSTATS, LSPCI, SHUTDOWN, REBOOT, CRASH.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::info::COUNTERS;
use libsys::abi::user::Features;
use libsys::device::Devices;
use libsys::io::{self, Lines, Write};
use libsys::protocol::device::{Bus, Info, Messages};
use libsys::protocol::process::{Power, SystemInfo};
use libsys::system;
use libsys::{CoreFigures, Error, Pool, Status, print, println, time};
use readargs::Args;

use crate::context::{Failure, Outcome};
use crate::format::{grouped, human, span};
use crate::processes;

const PAGE: u64 = 4096;
/// The processor that this was built for.
pub const ARCH: &str = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };

/// VERSION.
pub fn version(args: &Args) -> Outcome {
    let info = system::info()?;
    println!("Viaether {} ({ARCH})", info.version);
    if args.switch("FULL") {
        println!("{}, {} of memory", how_many(&info), human(info.ram_total));
        println!("features: {}", features(info.features));
    }
    Ok(Status::OK)
}

/// What the processor can do, as names.
pub fn features(bits: u64) -> String {
    let set = Features::from_bits_truncate(bits);
    let names: alloc::vec::Vec<String> = set.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// UPTIME.
pub fn uptime(_args: &Args) -> Outcome {
    println!("up {}", span(time::now_ns()));
    Ok(Status::OK)
}

/// AVAIL.
pub fn available(args: &Args) -> Outcome {
    let total = |bytes: u64| if args.switch("H") { human(bytes) } else { alloc::format!("{bytes}") };
    if let Some(target) = args.string("PROC") {
        let number = processes::number(target)?;
        let all = system::processes()?;
        let found = all.iter().find(|info| info.number == number);
        let info = found.ok_or_else(|| processes::no_process(number))?;
        let (used, size) = (info.used as u64 * PAGE, info.pages as u64 * PAGE);
        match args.switch("TOTAL") {
            true => println!("{}", total(used)),
            false => println!("{}: {} of {} used", info.name, human(used), human(size)),
        }
        return Ok(Status::OK);
    }
    let info = system::info()?;
    if args.switch("TOTAL") {
        println!("{}", total(info.ram_free));
        return Ok(Status::OK);
    }
    let show = |bytes: u64| if args.switch("H") { human(bytes) } else { alloc::format!("{} KiB", bytes / 1024) };
    println!("{:<8} {:>14} {:>14} {:>14}", "Memory", "Size", "Used", "Free");
    let used = info.ram_total.saturating_sub(info.ram_free);
    println!("{:<8} {:>14} {:>14} {:>14}", "RAM", show(info.ram_total), show(used), show(info.ram_free));
    let own = Pool::own()?.info()?;
    let (size, taken) = (own.pages * PAGE, own.used * PAGE);
    println!("{:<8} {:>14} {:>14} {:>14}", "own pool", show(size), show(taken), show(size.saturating_sub(taken)));
    Ok(Status::OK)
}

/// SMPINFO.
pub fn cores(args: &Args) -> Outcome {
    let interval = interval(args)?;
    let info = system::info()?;
    println!("{ARCH}: {}", how_many(&info));
    println!("features: {}", features(info.features));
    let (mut before, mut since) = (figures()?, time::now_ns());
    // The first table's "now" is a moment's, so that it comes at once.
    let mut pause = MOMENT;
    loop {
        libsys::wait_bits(0, time::after(pause));
        let (after, now) = (figures()?, time::now_ns());
        println!("");
        table(&before, &after, now, now - since).iter().for_each(|line| println!("{line}"));
        let Some(interval) = interval else { return Ok(Status::OK) };
        io::stdout().flush()?;
        (before, since, pause) = (after, now, interval);
    }
}

/// ns of INTERVAL, if it was given: up to a day.
fn interval(args: &Args) -> Result<Option<u64>, Failure> {
    Ok(args.within("INTERVAL", 1..=86_400)?.map(|seconds| seconds * time::SECOND))
}

/// What the cores have done since boot, and in a time till now.
fn table(before: &[Core], after: &[Core], now: u64, time: u64) -> Vec<String> {
    let head = alloc::format!(
        "{:<4} {:>6} {:>6} {:>14} {:>10} {:>10} {:>10} {:>8}",
        "Core",
        "Boot",
        "Now",
        "Switches",
        "Calls",
        "Flushes",
        "Moves",
        "Runs"
    );
    let line = |(old, (core, new)): (&Core, &Core)| {
        let (boot, late) = (load(new.idle_ns, now), load(new.idle_ns.saturating_sub(old.1.idle_ns), time));
        let runs = new.priority.map_or_else(|| "-".into(), |priority| alloc::format!("{priority}"));
        let [switches, kicks, flushes, taken] = [new.switches, new.kicks, new.flushes, new.taken].map(grouped);
        alloc::format!("{core:<4} {boot:>5}% {late:>5}% {switches:>14} {kicks:>10} {flushes:>10} {taken:>10} {runs:>8}")
    };
    [head].into_iter().chain(before.iter().zip(after).map(line)).collect()
}

/// How many cores there are, in words.
pub fn how_many(info: &SystemInfo) -> String {
    match info.cores {
        1 => "1 core".into(),
        cores => alloc::format!("{cores} cores, {} of them running", info.running),
    }
}

/// The cores as SMPINFO shows them, over a moment.
pub fn core_lines() -> Result<Vec<String>, Error> {
    let (before, since) = (figures()?, time::now_ns());
    libsys::wait_bits(0, time::after(MOMENT));
    let (after, now) = (figures()?, time::now_ns());
    Ok(table(&before, &after, now, now - since))
}

/// A core's number and figures.
type Core = (u32, CoreFigures);

/// ns for which SMPINFO looks before it tells the load of now.
const MOMENT: u64 = 200_000_000;

/// The cores that run, by number.
fn figures() -> Result<Vec<Core>, Error> {
    let mut all = Vec::new();
    for core in 0..MAX_CORES {
        let figures = libsys::core_figures(core)?;
        if figures.running {
            all.push((core, figures));
        }
    }
    Ok(all)
}

/// Percent of a time in which a core had something to run.
fn load(idle: u64, time: u64) -> u64 {
    let busy = u128::from(time.saturating_sub(idle));
    (busy * 100 / u128::from(time.max(1))) as u64
}

/// Most cores that the kernel runs.
const MAX_CORES: u32 = 8;

/// KSTATS.
pub fn counters(args: &Args) -> Outcome {
    let interval = interval(args)?;
    loop {
        for ((name, count), (_, text)) in libsys::kernel_counters()?.into_iter().zip(COUNTERS) {
            let text = if args.switch("FULL") { text } else { "" };
            println!("{}", alloc::format!("{name:<30} {:>16}  {text}", grouped(count)).trim_end());
        }
        let Some(interval) = interval else { return Ok(Status::OK) };
        io::stdout().flush()?;
        libsys::wait_bits(0, time::after(interval));
        println!("");
    }
}

/// LSPCI.
pub fn devices(args: &Args) -> Outcome {
    for info in Devices::open_named("config")?.list()? {
        print!("{:<28} {:<16}", info.name, info.kind);
        match (args.switch("VERBOSE"), info.bus) {
            (true, Bus::Pci { vendor, product, class, subsystem, .. }) => {
                print!(" {vendor:04x}:{product:04x} class {class:06x} subsystem {subsystem:04x}");
            }
            (true, Bus::VirtioMmio { address, product }) => print!(" {address:#x} virtio {product}"),
            (true, Bus::Board { address }) => print!(" {address:#x}"),
            _ => {}
        }
        match info.claimed_by {
            0 => println!(""),
            process => println!(" process {process}{}", interrupts(&info)),
        }
    }
    Ok(Status::OK)
}

/// By what a device reaches its driver.
fn interrupts(info: &Info) -> String {
    match (info.interrupts, info.messages) {
        (0, _) => ", polled".into(),
        (_, Messages::Line) => ", a line".into(),
        (count, Messages::MsiX) => alloc::format!(", {count} messages"),
    }
}

/// SHUTDOWN.
pub fn shut_down(args: &Args) -> Outcome {
    let how = if args.switch("REBOOT") { Power::Reboot } else { Power::Off };
    if !args.switch("NOW") && libsys::env::is_interactive() {
        print!("Really {}? (y/n) ", if args.switch("REBOOT") { "reboot" } else { "power off" });
        let answer = Lines::new(io::stdin()).next_line()?.unwrap_or_default();
        if !answer.trim().eq_ignore_ascii_case("y") && !answer.trim().eq_ignore_ascii_case("yes") {
            return Ok(Status::WARN);
        }
    }
    io::stdout().flush()?;
    Err(system::power(how).into())
}

/// REBOOT.
pub fn reboot(_args: &Args) -> Outcome {
    io::stdout().flush()?;
    Err(system::power(Power::Reboot).into())
}

/// CRASH.
pub fn crash(args: &Args) -> Outcome {
    match args.string_or("HOW", "READ").to_ascii_uppercase().as_str() {
        "READ" => libsys::fault::read(),
        "WRITE" => libsys::fault::write(),
        "FETCH" => libsys::fault::fetch(),
        "STACK" => libsys::fault::stack(),
        "PANIC" => panic!("CRASH PANIC was asked for"),
        other => {
            Err(Failure::new(Error::BadArgument, alloc::format!("{other}: not READ, WRITE, FETCH, STACK or PANIC")))
        }
    }
}
