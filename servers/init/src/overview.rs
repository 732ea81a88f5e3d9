//! What init tells about processes, services and the machine.

use alloc::{format, string::String, string::ToString, vec::Vec};

use libsys::Held;
use libsys::abi::info::{ThreadState, class_of};
use libsys::protocol::process::{ProcessInfo, Reply, ServiceInfo, State, SystemInfo};
use libsys::protocol::{List, Text};
use libsys::{Error, time};

use crate::birth::Known;
use crate::services::Service;
use crate::world::World;

/// Processes in a message.
const PROCESSES: usize = 16;
/// Lines in a message.
const LINES: usize = 24;
/// Handles of a process that are told, at most.
const MAX_HELD: usize = 1024;
/// Services in a message.
const SERVICES: usize = 6;

impl World {
    /// Processes that the caller may see, above a number. init itself is the first.
    pub fn list(&self, caller: u32, after: u32) -> Reply {
        let own = (after == 0 && self.table.may_see(caller, 1)).then(|| self.own_info());
        let others = self.table.iter().filter(|p| p.number > after && self.table.may_see(caller, p.number));
        let all: Vec<ProcessInfo> = own.into_iter().chain(others.map(|p| self.info(p))).take(PROCESSES).collect();
        Reply::Processes(List::new(all).unwrap_or_default())
    }

    fn info(&self, process: &Known) -> ProcessInfo {
        let body = &process.kernel;
        let figures = body.process.figures().ok();
        let thread = body.thread.figures().ok();
        let pool = body.pool.info().ok();
        let budget = pool.and_then(|pool| pool.budget);
        let state = match (process.started, thread.map(|thread| thread.state)) {
            (None, _) => State::New,
            (_, Some(ThreadState::Receiving)) => State::Receiving,
            (_, Some(ThreadState::Calling | ThreadState::AwaitingReply)) => State::Calling,
            (_, Some(ThreadState::Stopped | ThreadState::Faulted)) => State::Stopped,
            (_, Some(ThreadState::Parked)) => State::Parked,
            (_, None) => State::Ended,
            _ => State::Running,
        };
        ProcessInfo {
            number: process.number,
            parent: process.parent,
            name: Text::cut(&process.name),
            waits_for: Text::cut(if state == State::Calling { self.waits_for(process.number) } else { "" }),
            state,
            level: process.level,
            priority: thread.map_or(0, |thread| thread.base),
            threads: figures.map_or(0, |figures| figures.threads as u16),
            handles: figures.map_or(0, |figures| figures.handles as u32),
            used: pool.map_or(0, |pool| pool.used as u32),
            pages: pool.map_or(0, |pool| pool.pages as u32),
            cpu_ns: thread.map_or(0, |thread| thread.cpu_ns),
            budget_us: budget.map_or(0, |budget| budget.micros),
            period_us: budget.map_or(0, |budget| budget.period),
            started_ns: process.started.unwrap_or(0),
        }
    }

    /// What init can know of what a process waits for: a service to be opened. Sessions are between it and the server.
    fn waits_for(&self, number: u32) -> &str {
        let provider = self.opens.provider_for(number).and_then(|index| self.services.get(index));
        provider.map_or("", |service| service.server.name.as_str())
    }

    fn own_info(&self) -> ProcessInfo {
        let pool = self.roots.pool.info().ok();
        let own = libsys::dup(libsys::abi::user::OWN_PROCESS, libsys::Rights::INSPECT);
        let figures = own.and_then(|own| libsys::Process::adopt(own).figures()).ok();
        let main = libsys::dup(libsys::abi::user::MAIN_THREAD, libsys::Rights::INSPECT);
        let main = main.and_then(|main| libsys::Thread::adopt(main).figures()).ok();
        ProcessInfo {
            number: 1,
            parent: 0,
            name: Text::cut("init"),
            waits_for: Text::cut(""),
            state: State::Running,
            level: 1,
            priority: main.map_or(0, |main| main.base),
            threads: figures.map_or(0, |figures| figures.threads as u16),
            // Without the one that was just made to ask.
            handles: figures.map_or(0, |figures| figures.handles.saturating_sub(1) as u32),
            used: pool.map_or(0, |pool| pool.used.saturating_sub(pool.given) as u32),
            pages: pool.map_or(0, |pool| pool.pages as u32),
            cpu_ns: main.map_or(0, |main| main.cpu_ns),
            budget_us: 0,
            period_us: 0,
            started_ns: self.boot.boot_ns,
        }
    }

    /// What a process holds, a line each.
    pub fn holds(&self, caller: u32, number: u32, skip: usize) -> Result<Reply, Error> {
        if !self.table.may_see(caller, number) {
            return Err(Error::NotFound);
        }
        let process = self.table.get(number).ok_or(Error::NotFound)?;
        let mut lines: Vec<String> = Vec::new();
        if let Ok(pool) = process.kernel.pool.info() {
            let (used, pages, given) = (pool.used, pool.pages, pool.given);
            lines
                .push(format!("pool: {used} of {pages} pages, {given} of them in sub-pools, {} objects", pool.objects));
            lines.push(format!("ceiling: {} ({})", pool.ceiling, class_of(pool.ceiling as u8)));
            if let Some(budget) = pool.budget {
                let charged = pool.charged_ns / 1_000_000;
                lines.push(format!(
                    "budget: {} of {} us on each core, {charged} ms used so far",
                    budget.micros, budget.period
                ));
            }
        }
        lines.push(format!("process: {}", rights_text(process)));
        if let Some(service) = process.service.and_then(|index| self.services.get(index)) {
            lines.extend(service.server.holds.iter().map(|root| format!("root: {root:?}")));
        }
        let own = self.spaces.values().find(|space| space.owner == number && !space.copy);
        for entry in own
            .iter()
            .flat_map(|space| (0..).step_by(4).map(|skip| space.table.list(skip)).take_while(|l| !l.is_empty()))
        {
            for name in &entry {
                lines.extend(
                    name.bindings.iter().map(|binding| format!("name {}: {}", name.name, binding_text(binding))),
                );
            }
        }
        let held = process.kernel.process.handles(MAX_HELD).unwrap_or_default();
        lines.extend(held.iter().map(held_text));
        let some: Vec<Text<128>> = lines.iter().skip(skip).take(LINES).map(|line| Text::cut(line)).collect();
        Ok(Reply::Holds(List::new(some)?))
    }

    /// Services from the `skip`-th on; init is the first.
    pub fn list_services(&self, skip: usize) -> Reply {
        let own = core::iter::once_with(|| self.own_service());
        let all: Vec<ServiceInfo> =
            own.chain(self.services.iter().map(|s| self.service_info(s))).skip(skip).take(SERVICES).collect();
        Reply::Services(List::new(all).unwrap_or_default())
    }

    fn own_service(&self) -> ServiceInfo {
        let pool = self.roots.pool.info().ok();
        ServiceInfo {
            name: Text::cut("init"),
            process: 1,
            state: libsys::protocol::process::ServiceState::Running,
            restarts: 0,
            used: pool.map_or(0, |pool| pool.used.saturating_sub(pool.given) as u32),
            provides: Text::cut("names, process"),
            holds: Text::cut("root pool, seal, power, log"),
            reason: 0,
        }
    }

    fn service_info(&self, service: &Service) -> ServiceInfo {
        let process = service.process().and_then(|number| self.table.get(number));
        let pool = process.and_then(|process| process.kernel.pool.info().ok());
        let server = &service.server;
        let roots = server.holds.iter().map(|root| format!("{root:?}").to_ascii_lowercase());
        let devices = server.devices.iter().map(|device| device.kind.name().to_string());
        let needs = server.needs.iter().map(|need| need.name.clone());
        let holds: Vec<String> = roots.chain(devices).chain(needs).collect();
        ServiceInfo {
            name: Text::cut(&server.name),
            process: service.process().unwrap_or(0),
            state: service.state(time::now_ns()),
            restarts: service.restarts.total(),
            used: pool.map_or(0, |pool| pool.used as u32),
            provides: Text::cut(&server.provides.join(", ")),
            holds: Text::cut(&holds.join(", ")),
            reason: service.reason,
        }
    }

    /// The machine.
    pub fn system(&self) -> Result<Reply, Error> {
        let pool = self.roots.pool.info()?;
        let used: u64 = self.services.iter().map(|service| self.unused_of(service)).sum();
        let free = (pool.pages.saturating_sub(pool.used) + used) * libsys::abi::PAGE_SIZE as u64;
        Ok(Reply::System(SystemInfo {
            cores: self.boot.cores,
            running: self.boot.cores_running,
            ram_total: self.boot.ram_total,
            ram_free: free,
            boot_ns: self.boot.boot_ns,
            features: self.boot.features,
            prompt_ns: self.prompt,
            version: Text::cut(env!("CARGO_PKG_VERSION")),
        }))
    }

    /// Pages that a service's pool has and does not use.
    fn unused_of(&self, service: &Service) -> u64 {
        let process = service.process().and_then(|number| self.table.get(number));
        let pool = process.and_then(|process| process.kernel.pool.info().ok());
        pool.map_or(0, |pool| pool.pages.saturating_sub(pool.used))
    }
}

/// A handle as a line: index, kind, rights, badge, and how deep it was derived.
fn held_text(held: &Held) -> String {
    let rights: Vec<String> = held.rights.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let badge = if held.badge == 0 { String::new() } else { format!(", badge {:#x}", held.badge) };
    let depth = if held.depth == 0 { String::new() } else { format!(", grant depth {}", held.depth) };
    let dead = if held.alive { "" } else { ", dead" };
    format!("handle {}: {:?} {}{badge}{depth}{dead}", held.handle.index(), held.kind, rights.join(" "))
}

fn rights_text(process: &Known) -> String {
    let names: Vec<String> = process.rights.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    if names.is_empty() { "no rights beyond its own children".to_string() } else { names.join(", ") }
}

fn binding_text(binding: &libsys::protocol::names::Binding) -> String {
    use libsys::protocol::names::Binding;
    match binding {
        Binding::Service { service, narrowings } if narrowings.is_empty() => service.to_string(),
        Binding::Service { service, narrowings } => format!("{service} ({narrowings})"),
        Binding::Defer(text) | Binding::Path(text) => text.to_string(),
    }
}
