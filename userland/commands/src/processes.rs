//! PS, STATUS, BREAK, SERVICES, CAPS.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

use libsys::abi::info::class_of;
use libsys::device::Devices;
use libsys::protocol::device::Info;
use libsys::protocol::process::{Action, ProcessInfo, ServiceInfo, ServiceState, Signal, State};
use libsys::system::LogReader;
use libsys::{Error, Status, env, println, spawn, system};
use readargs::Args;

use crate::context::{Failure, Outcome};
use crate::format::{human, span};
use crate::logs;

const PAGE: u64 = 4096;

/// PS.
pub fn list(args: &Args) -> Outcome {
    let mut all = system::processes()?;
    if let Some(name) = args.string("NAME") {
        let pattern = pattern::Pattern::new(name)
            .map_err(|_| Failure::new(Error::BadTemplate, alloc::format!("{name}: not a pattern")))?;
        all.retain(|info| pattern.matches(&info.name));
    }
    header();
    if args.switch("TREE") {
        tree(&all, 0, 0);
    } else {
        all.iter().for_each(|info| row(info, 0));
    }
    if args.switch("FULL") {
        for info in &all {
            println!(
                "{}: {} threads, {} handles, {} of {} pages",
                info.name, info.threads, info.handles, info.used, info.pages
            );
        }
    }
    Ok(Status::OK)
}

fn tree(all: &[ProcessInfo], parent: u32, depth: usize) {
    // Numbers grow, so a child comes after its parent and this ends.
    for info in all.iter().filter(|info| info.parent == parent && info.number > parent) {
        row(info, depth);
        tree(all, info.number, depth + 1);
    }
}

/// What stands above rows.
fn header() {
    println!(
        "{:>5} {:>6} {:<20} {:>4} {:<11} {:>6} {:<24} {:>10} {:>12}",
        "Num", "Parent", "Name", "Prio", "Class", "Budget", "State", "Memory", "CPU"
    );
}

fn row(info: &ProcessInfo, depth: usize) {
    let state = match info.waits_for.is_empty() {
        true => alloc::format!("{:?}", info.state).to_ascii_lowercase(),
        false => alloc::format!("waits for {}", info.waits_for),
    };
    println!(
        "{:>5} {:>6} {:<20} {:>4} {:<11} {:>6} {:<24} {:>10} {:>12}",
        info.number,
        info.parent,
        alloc::format!("{:depth$}{}", "", info.name),
        info.priority,
        class_of(info.priority),
        budget(info),
        state,
        human(info.used as u64 * PAGE),
        span(info.cpu_ns)
    );
}

/// The CPU budget that a process has or shares, of each core.
pub fn budget(info: &ProcessInfo) -> String {
    let Some(tenths) = (u64::from(info.budget_us) * 1000).checked_div(info.period_us.into()) else {
        return String::from("-");
    };
    match (tenths / 10, tenths % 10) {
        (0, 0) => String::from("<0.1 %"),
        (percent, 0) => alloc::format!("{percent} %"),
        (percent, tenth) => alloc::format!("{percent}.{tenth} %"),
    }
}

/// STATUS.
pub fn status(args: &Args) -> Outcome {
    let mut all = system::processes()?;
    if let Some(name) = args.string("COMMAND") {
        let found = all.iter().find(|info| info.name.eq_ignore_ascii_case(name));
        return match found {
            Some(info) => {
                println!("{}", info.number);
                Ok(Status::OK)
            }
            None => Ok(Status::WARN),
        };
    }
    if let Some(target) = args.string("PROCESS") {
        let chosen = numbers(target)?;
        all.retain(|info| chosen.contains(&info.number));
        if all.is_empty() {
            return Err(no_process(target));
        }
    }
    if args.switch("FULL") {
        header();
    }
    for info in all.iter().filter(|info| info.level == 7 || args.switch("ALL") || args.is_given("PROCESS")) {
        if args.switch("FULL") {
            row(info, 0);
        } else {
            let budget = if info.budget_us == 0 { String::new() } else { alloc::format!(", {} at most", budget(info)) };
            println!("Process {:>3}: {} ({}{budget})", info.number, info.name, class_of(info.priority));
        }
    }
    Ok(Status::OK)
}

/// BREAK.
pub fn send_break(args: &Args) -> Outcome {
    let mut signals: Vec<Signal> = Vec::new();
    if args.switch("FORCE") {
        signals.push(Signal::Force);
    } else {
        let all = args.switch("ALL");
        let chosen = [("C", Signal::C), ("D", Signal::D), ("E", Signal::E), ("F", Signal::F)];
        signals.extend(chosen.iter().filter(|(name, _)| all || args.switch(name)).map(|(_, signal)| *signal));
        if signals.is_empty() {
            signals.push(Signal::C);
        }
    }
    for target in args.many("PROCESS") {
        for number in numbers(target)? {
            for signal in &signals {
                spawn::send(number, *signal).map_err(|error| about_process(number, error))?;
            }
        }
    }
    Ok(Status::OK)
}

/// The processes that a number or name means.
pub fn numbers(target: &str) -> Result<Vec<u32>, Failure> {
    if let Ok(number) = target.parse() {
        return Ok(alloc::vec![number]);
    }
    let own = env::number();
    let all = system::processes()?;
    let named = all.iter().filter(|info| info.name.eq_ignore_ascii_case(target) && info.number != own);
    let found: Vec<u32> = named.map(|info| info.number).collect();
    if found.is_empty() {
        return Err(no_process(target));
    }
    Ok(found)
}

/// The one process that a number or name means.
pub fn number(target: &str) -> Result<u32, Failure> {
    match numbers(target)?[..] {
        [number] => Ok(number),
        _ => {
            Err(Failure::new(Error::BadArgument, alloc::format!("{target}: there are several; PS lists their numbers")))
        }
    }
}

/// A name or number that is nobody's.
fn no_such(kind: &str, name: &str, list: &str) -> Failure {
    Failure::new(Error::NotFound, alloc::format!("{name}: no such {kind}; {list} lists them"))
}

/// A process's name or number that is nobody's.
pub fn no_process(name: impl Display) -> Failure {
    no_such("process", &alloc::format!("{name}"), "PS")
}

/// What init says about a process.
pub fn about_process(number: u32, error: Error) -> Failure {
    match error {
        Error::NotFound if number == system::INIT => {
            Failure::new(error, "1: that is init, which nobody can break, take from or look into")
        }
        Error::NotFound => no_process(number),
        error => Failure::about(&alloc::format!("{number}"), error),
    }
}

/// REVOKE.
pub fn revoke(args: &Args) -> Outcome {
    let target = args.string_or("PROCESS", "");
    let service = args.string_or("SERVICE", "");
    let known = system::services()?.iter().any(|known| known.name.eq_ignore_ascii_case(service));
    for number in numbers(target)? {
        system::revoke(number, service).map_err(|error| match error {
            Error::NotFound if !known => no_such("service", service, "SERVICES"),
            Error::NotFound => about_process(number, error),
            error => Failure::about(&alloc::format!("{service} of {target}"), error),
        })?;
    }
    Ok(Status::OK)
}

/// SERVICES.
pub fn services(args: &Args) -> Outcome {
    match args.one_of(&["START", "STOP", "RESTART", "LOG"])? {
        Some("START") => order(args, Action::Start),
        Some("STOP") => order(args, Action::Stop),
        Some("RESTART") => order(args, Action::Restart),
        Some(_) => log_of(args),
        None => table(args),
    }
}

/// Starts or stops a service.
fn order(args: &Args, action: Action) -> Outcome {
    let missing = || Failure::new(Error::ArgumentMissing, "which service? NAME is missing");
    let name = args.string("NAME").ok_or_else(missing)?;
    match system::service(name, action) {
        Ok(()) => Ok(Status::OK),
        Err(error) => Err(not_ordered(name, error)),
    }
}

/// The services that NAME means: all without it.
fn named(args: &Args) -> Result<Vec<ServiceInfo>, Failure> {
    let mut all = system::services()?;
    if let Some(name) = args.string("NAME") {
        all.retain(|service| service.name.eq_ignore_ascii_case(name));
        if all.is_empty() {
            return Err(no_such("service", name, "SERVICES"));
        }
    }
    Ok(all)
}

/// The services, a line each.
fn table(args: &Args) -> Outcome {
    let chosen = named(args)?;
    let processes = system::processes()?;
    // Without devd the list is wanted most; devices have no names then.
    let devices = Devices::open_named("config").and_then(|devices| devices.list()).unwrap_or_default();
    println!(
        "{:<10} {:>7} {:<9} {:>8} {:>10}  {:<14} Holds",
        "Name", "Process", "State", "Restarts", "Memory", "Provides"
    );
    for s in &chosen {
        let (memory, holds) = (human(s.used as u64 * PAGE), holds(s, &devices));
        println!(
            "{:<10} {:>7} {:<9} {:>8} {:>10}  {:<14} {holds}",
            s.name,
            s.process,
            service_state(s, &processes),
            s.restarts,
            memory,
            s.provides
        );
    }
    Ok(Status::OK)
}

/// Why a service was not started or stopped.
fn not_ordered(name: &str, error: Error) -> Failure {
    match error {
        Error::NotFound if name.eq_ignore_ascii_case("init") => Failure::new(
            error,
            alloc::format!("{name}: that is init, which nobody can start or stop; SHUTDOWN ends it"),
        ),
        Error::NotFound => no_such("service", name, "SERVICES"),
        Error::InUse => {
            let text = alloc::format!("{name}: without it nobody could start it again; RESTART starts it anew");
            Failure::new(error, text)
        }
        Error::Exists => Failure::new(error, alloc::format!("{name}: it runs already; RESTART starts it anew")),
        error => Failure::about(name, error),
    }
}

/// What a service does: where it is at work, what its main thread does.
fn service_state(service: &ServiceInfo, processes: &[ProcessInfo]) -> String {
    let process = processes.iter().find(|info| info.number == service.process);
    let state = match (service.state, process.map(|info| info.state)) {
        (ServiceState::Running, Some(State::Receiving)) => return "recv".into(),
        (ServiceState::Running, Some(State::Calling)) => return "call".into(),
        (state, _) => state,
    };
    alloc::format!("{state:?}").to_ascii_lowercase()
}

/// What a service holds; a device that it has claimed by name and address.
fn holds(service: &ServiceInfo, devices: &[Info]) -> String {
    let claimed = |kind: &str| devices.iter().find(|d| d.claimed_by == service.process && &*d.kind == kind);
    let names = service.holds.split(", ").map(|item| claimed(item).map_or(item, |device| &device.name));
    names.collect::<Vec<&str>>().join(", ")
}

/// The log of the services that run. It knows processes by their numbers; init writes as the kernel does, as 0.
fn log_of(args: &Args) -> Outcome {
    let chosen = named(args)?;
    if let (Some(name), [ServiceInfo { process: 0, .. }]) = (args.string("NAME"), &chosen[..]) {
        let text = alloc::format!("{name}: it does not run; KLOG has what it said");
        return Err(Failure::new(Error::Unavailable, text));
    }
    let label = |service: &ServiceInfo| match service.process {
        0 => None,
        system::INIT => Some(0),
        number => Some(u64::from(number)),
    };
    let labels: Vec<u64> = chosen.iter().filter_map(label).collect();
    let records = logs::newest(&mut LogReader::open()?, usize::MAX, |record| labels.contains(&record.label));
    records.iter().for_each(|record| println!("{}", logs::line(record)));
    Ok(Status::OK)
}

/// CAPS.
pub fn caps(args: &Args) -> Outcome {
    let number = args.string("PROCESS").map_or(Ok(env::number()), number)?;
    let lines = system::holds(number).map_err(|error| about_process(number, error))?;
    for line in lines.iter().filter(|line| args.switch("FULL") || !line.starts_with("handle ")) {
        println!("{line}");
    }
    if !args.switch("FULL") {
        let count = lines.iter().filter(|line| line.starts_with("handle ")).count();
        println!("{count} handles; CAPS {number} FULL lists them");
    }
    Ok(Status::OK)
}
