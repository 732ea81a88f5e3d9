//! DIAGDUMP: one file for a bug report.
//!
//! Each part stands under a line of its own. A part that can't be had says why; the others are there all the same.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::info::{COUNTERS, class_of};
use libsys::device::Devices;
use libsys::system::{self, LogReader};
use libsys::{Error, Pool, Status, fs, println, time};
use readargs::Args;

use crate::context::{About, Outcome};
use crate::format::{human, span};
use crate::system::{ARCH, core_lines, features, how_many};
use crate::{logs, processes};

/// Records of the log that are written without ALL.
const RECORDS: usize = 200;

/// DIAGDUMP.
pub fn diagnostics(args: &Args) -> Outcome {
    let path = args.string_or("TO", "RAM:diagdump.txt");
    let mut out = fs::File::create(path).about(path)?;
    let records = if args.switch("ALL") { usize::MAX } else { RECORDS };
    let parts: [(&str, Lines); 9] = [
        ("machine", machine()),
        ("cores", core_lines()),
        ("memory", memory()),
        ("processes", process_list()),
        ("services", services()),
        ("devices", devices()),
        ("capabilities of the services", capabilities()),
        ("counters", counters()),
        ("log", log(records)),
    ];
    for (name, lines) in parts {
        out.write_all(format!("== {name}\n").as_bytes())?;
        let lines = lines.unwrap_or_else(|error| alloc::vec![format!("not to be had: {error}")]);
        lines.iter().try_for_each(|line| out.write_all(format!("{line}\n").as_bytes()))?;
        out.write_all(b"\n")?;
    }
    println!("written to {path}");
    Ok(Status::OK)
}

type Lines = Result<Vec<String>, Error>;

fn machine() -> Lines {
    let info = system::info()?;
    Ok(alloc::vec![
        format!("Viaether {} ({ARCH})", info.version),
        format!("up {}, {} after the kernel's first instruction", span(time::now_ns()), span(info.boot_ns)),
        how_many(&info),
        format!("features: {}", features(info.features)),
    ])
}

fn memory() -> Lines {
    let (info, own) = (system::info()?, Pool::own()?.info()?);
    Ok(alloc::vec![
        format!("{} free of {}", human(info.ram_free), human(info.ram_total)),
        format!("this command's pool: {} of {} pages", own.used, own.pages),
    ])
}

fn process_list() -> Lines {
    let line = |p: &libsys::protocol::process::ProcessInfo| {
        let waits = if p.waits_for.is_empty() { String::new() } else { format!(" for {}", p.waits_for) };
        let scheduling = format!("priority {} ({}, budget {})", p.priority, class_of(p.priority), processes::budget(p));
        let size = format!("{} of {} pages, {} threads, {} handles", p.used, p.pages, p.threads, p.handles);
        let state = format!("{:?}{waits}", p.state);
        format!("{:>5} of {:>3} {:<16} {state}, {scheduling}, {size}, {}", p.number, p.parent, p.name, span(p.cpu_ns))
    };
    Ok(system::processes()?.iter().map(line).collect())
}

fn services() -> Lines {
    let line = |s: &libsys::protocol::process::ServiceInfo| {
        let (name, why) =
            (&s.name, Error::from_code(s.reason).map_or(String::new(), |why| format!(", ended last: {why}")));
        format!("{name}: {:?}, process {}, {} restarts{why}, provides {}", s.state, s.process, s.restarts, s.provides)
    };
    Ok(system::services()?.iter().map(line).collect())
}

fn devices() -> Lines {
    let line = |info: &libsys::protocol::device::Info| {
        format!("{} ({}): {:?}, claimed by {}", info.name, info.kind, info.bus, info.claimed_by)
    };
    Ok(Devices::open_named("config")?.list()?.iter().map(line).collect())
}

/// What each service may, and how many handles of each kind it holds.
fn capabilities() -> Lines {
    let mut all = Vec::new();
    for service in system::services()?.iter().filter(|service| service.process > 1) {
        all.push(format!("{} (process {})", service.name, service.process));
        let lines = system::holds(service.process)?;
        all.extend(lines.iter().map(|line| format!("  {line}")));
    }
    Ok(all)
}

fn counters() -> Lines {
    let counts = libsys::kernel_counters()?;
    Ok(counts.iter().zip(COUNTERS).map(|((name, count), (_, text))| format!("{count:>16} {name}: {text}")).collect())
}

fn log(most: usize) -> Lines {
    Ok(logs::newest(&mut LogReader::open()?, most, |_| true)
        .iter()
        .map(logs::line)
        .map(|line| line.to_string())
        .collect())
}
