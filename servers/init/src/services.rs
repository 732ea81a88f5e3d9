//! The services: what the manifest names, started by level, started again when they end.
//!
//! ```text
//!  waiting(at) ── start ─► up(number) ── end ─► waiting (back-off) │ failed │ stopped (ordered)
//! ```

use alloc::{format, string::String, string::ToString, vec::Vec};

use archive::manifest::{Class, Restart, Right, Root, SHELL_LEVEL, Server};
use libsys::abi::user::FIRST_NAMED;
use libsys::protocol::process::{Action, Rights, ServiceState};
use libsys::protocol::{StartBody, encode_vec, start::MAX_BODY};
use libsys::{Budget, Error, Pool, Rights as Handles, time};
use namespace::{Table as Names, Target};
use supervise::opens::Attention;
use supervise::restart::{End, Next, Restarts};
use supervise::table::New;
use supervise::{SECOND, Time};

use crate::badge::Badge;
use crate::birth::{self, Plan};
use crate::devices::{self, Gift};
use crate::process::command_priority;
use crate::world::{World, boot_page};

/// How long others wait for devd to find the devices.
const DEVICES_PATIENCE: Time = 5 * SECOND;
/// How long the pager rests after it ended too often.
const LAST_RESORT: Time = 3_200_000_000;
/// The part of a service's pages that its real-time programs have.
const REALTIME_PART: u64 = 8;
/// The period of their budget, in µs.
const REALTIME_PERIOD: u32 = 1_000;

/// How a service fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fares {
    /// It starts at this time.
    Waiting(Time),
    /// It runs as this process.
    Up(u32),
    /// Somebody stopped it.
    Stopped,
    /// It ended too often, or can't be started.
    Failed,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// What the manifest says.
    pub server: Server,
    /// Pages of its pool on this machine.
    pub pages: u64,
    /// The pool of its real-time programs, if it has such.
    pub realtime: Option<Pool>,
    /// How it fares.
    pub fares: Fares,
    /// Whether it asked for work since it started.
    pub ready: bool,
    /// Its ends.
    pub restarts: Restarts,
    /// Whether it answers.
    pub attention: Attention,
    /// Why it ended last: an error's number or 0.
    pub reason: u16,
    /// What to do when it ends next, if somebody said so.
    ordered: Option<Action>,
    started: bool,
    /// When it was started last.
    since: Time,
}

impl Service {
    /// To be started at once.
    pub fn new(server: &Server, pages: u64) -> Service {
        Service {
            server: server.clone(),
            pages,
            realtime: None,
            fares: Fares::Waiting(0),
            ready: false,
            restarts: Restarts::default(),
            attention: Attention::default(),
            reason: 0,
            ordered: None,
            started: false,
            since: 0,
        }
    }

    /// Until when it may look for the machine's devices: devd, until it asks for work.
    fn seeks_until(&self) -> Option<Time> {
        let seeks = self.process().is_some() && !self.ready && self.server.holds.contains(&Root::Devices);
        seeks.then(|| self.since.saturating_add(DEVICES_PATIENCE))
    }

    /// Its process.
    pub fn process(&self) -> Option<u32> {
        match self.fares {
            Fares::Up(number) => Some(number),
            _ => None,
        }
    }

    /// As lists show it.
    pub fn state(&self, now: Time) -> ServiceState {
        match self.fares {
            Fares::Waiting(_) => ServiceState::BackOff,
            Fares::Up(_) if self.attention.hung(now) => ServiceState::Hung,
            Fares::Up(_) if self.ready || self.server.provides.is_empty() => ServiceState::Running,
            Fares::Up(_) => ServiceState::Starting,
            Fares::Stopped => ServiceState::Stopped,
            Fares::Failed => ServiceState::Failed,
        }
    }
}

impl World {
    /// Starts what is due, lower levels first.
    pub fn start_due(&mut self, now: Time) {
        while let Some(index) = self.due_first(now) {
            self.start_service(index, now);
        }
    }

    /// What is due of the lowest level.
    fn due_first(&self, now: Time) -> Option<usize> {
        let all = self.services.iter().enumerate();
        let due = all.filter(|(_, service)| self.due(service).is_some_and(|at| at <= now));
        due.min_by_key(|(_, service)| service.server.level).map(|(index, _)| index)
    }

    /// When a service is to be started. While devd looks for devices, whose memory comes and goes meanwhile, none above it is.
    pub fn due(&self, service: &Service) -> Option<Time> {
        let Fares::Waiting(at) = service.fares else { return None };
        let below = self.services.iter().filter(|other| other.server.level < service.server.level);
        Some(below.filter_map(Service::seeks_until).fold(at, Time::max))
    }

    fn start_service(&mut self, index: usize, now: Time) {
        let result = self.launch(index);
        let Some(service) = self.services.get_mut(index) else { return };
        let name = &service.server.name;
        match result {
            Ok(number) => {
                libsys::log!(Notice, "{name} started as process {number}, {} KiB", service.pages * 4);
                if core::mem::replace(&mut service.started, true) {
                    service.restarts.restarted();
                }
                (service.fares, service.ready, service.since) = (Fares::Up(number), false, now);
                self.ring_work(index);
            }
            Err(error) => {
                libsys::log!(Error, "{name} can't be started: {error}");
                service.reason = error.code();
                // What is not there or no program will not be there next time.
                let hopeless = matches!(error, Error::NotFound | Error::NotExecutable);
                let next = if hopeless { Next::Fail } else { service.restarts.ended(now, End::Own) };
                self.set_next(index, next);
            }
        }
    }

    /// Makes and starts a service's process.
    fn launch(&mut self, index: usize) -> Result<u32, Error> {
        let server = self.services.get(index).ok_or(Error::NotFound)?.server.clone();
        let mut pages = self.services.get(index).map_or(0, |service| service.pages);
        let realtime = self.make_realtime(index, &server, &mut pages)?;
        let number = self.table.reserve(0)?;
        let (places, spot) = (self.places(), self.spot(&server.image));
        let fault = self.fault_channel(number, server.level)?;
        let (image, _) = self.images.find(&server.image, &self.roots.archive, &self.roots.seal)?;
        let ceiling = server.class.ceiling();
        let plan = Plan {
            image,
            name: &server.image,
            archive: &self.roots.archive,
            from: &self.roots.pool,
            own: &self.roots.pool,
            receiver: &self.receiver,
            pages: pages as usize,
            ceiling,
            priority: match server.class {
                Class::Interactive if server.level < SHELL_LEVEL => command_priority(),
                _ => ceiling,
            },
            places,
            spot,
            origin: None,
            fault,
            log: &self.roots.log,
            time: &self.time,
            number,
            block: None,
        };
        let body = birth::make(plan)?;
        let pool = body.pool.dup(Handles::all())?;
        let new = New {
            parent: 0,
            name: server.name.clone(),
            level: server.level,
            rights: rights(&server.rights),
            service: Some(index),
        };
        self.table.add(number, new, body).map_err(|(error, _)| error)?;
        let result = self.equip(number, &server, realtime);
        if result.is_err() {
            let _ = self.table.end(number, 20, 0);
            let _ = pool.destroy();
        }
        result.map(|()| number)
    }

    /// The pool of a service's real-time programs: beside its own, as that has a lower ceiling, and with a part of its
    /// pages. What the last instance had in there is gone.
    fn make_realtime(&mut self, index: usize, server: &Server, pages: &mut u64) -> Result<Option<Gift>, Error> {
        let service = self.services.get_mut(index).ok_or(Error::NotFound)?;
        if let Some(old) = service.realtime.take() {
            old.destroy()?;
        }
        if server.realtime == 0 {
            return Ok(None);
        }
        let part = *pages / REALTIME_PART;
        *pages -= part;
        let budget = Budget::percent(server.realtime, REALTIME_PERIOD);
        let pool = self.roots.pool.create_limited(part as usize, Class::RealTime.ceiling(), Some(budget))?;
        let gift = Gift::named("realtime", pool.dup(Handles::MAKE | Handles::TRANSFER)?);
        service.realtime = Some(pool);
        Ok(Some(gift))
    }

    /// Name space, root objects, start block; then it runs.
    fn equip(&mut self, number: u32, server: &Server, realtime: Option<Gift>) -> Result<(), Error> {
        let names = self.names_of(server);
        self.new_space(names, number)?;
        let body = &self.table.get(number).ok_or(Error::Internal)?.kernel;
        let mut gifts = self.gifts(number, server, &body.pool)?;
        gifts.extend(realtime);
        for (gift, index) in gifts.iter().zip(FIRST_NAMED..) {
            body.process.endow(gift.handle.handle(), Handles::all(), index)?;
        }
        let mut args: Vec<String> = alloc::vec![server.name.clone()];
        args.extend(server.args.iter().cloned());
        let block = StartBody {
            args,
            cwd: "SYS:".to_string(),
            handles: devices::index(&gifts, FIRST_NAMED),
            ..StartBody::default()
        };
        self.begin(number, &encode_vec(&block, MAX_BODY)?)
    }

    /// What a server `holds`: root objects as named handles.
    fn gifts(&self, number: u32, server: &Server, pool: &libsys::Pool) -> Result<Vec<Gift>, Error> {
        let read = Handles::READ | Handles::TRANSFER;
        let mut gifts = Vec::new();
        // The device roots speak of each other by index: they come first.
        let mut holds = server.holds.clone();
        holds.sort();
        for root in holds {
            match root {
                Root::Devices => {
                    gifts.append(&mut devices::gifts(self.boot, &boot_page(self.boot)?, pool, FIRST_NAMED)?);
                    if let Some(dma) = &self.dma {
                        let rights = read | Handles::WRITE | Handles::OWNER;
                        gifts.push(Gift::named("dma", dma.dup(rights)?));
                    }
                }
                Root::Time => gifts.push(Gift::named("time", self.time.dup(read | Handles::WRITE)?)),
                Root::Archive => gifts.push(Gift::named("archive", self.roots.archive.dup(read)?)),
                Root::LogRing => {
                    gifts.push(Gift::named("log-ring", self.roots.log_ring.dup(read)?));
                    let interrupt = self.roots.log_interrupt.dup(Handles::USE | Handles::TRANSFER)?;
                    gifts.push(Gift::named("log-interrupt", interrupt));
                }
                Root::Faults => {
                    let faults = libsys::dup(self.faults.handle(), Handles::RECV | Handles::TRANSFER)?;
                    gifts.push(Gift::named("faults", faults));
                    gifts.push(Gift::named("pager", self.client(Badge::Pager(number))?));
                    gifts.push(Gift::named("scratch", self.scratch.dup(read | Handles::WRITE)?));
                }
            }
        }
        Ok(gifts)
    }

    /// The name space of a server: what it needs, narrowed, and its devices.
    fn names_of(&self, server: &Server) -> Names {
        let mut names = Names::new();
        for need in &server.needs {
            let bound = self.manifest.names.iter().filter(|b| b.name.eq_ignore_ascii_case(&need.name));
            let mut targets: Vec<Target> =
                bound.map(|b| Target { service: b.service.clone(), narrowings: b.narrow.clone() }).collect();
            if targets.is_empty() && self.manifest.provider(&need.name).is_some() {
                targets.push(Target { service: need.name.clone(), narrowings: Vec::new() });
            }
            for mut target in targets {
                target.narrowings.extend(need.narrow.iter().cloned());
                grant(&mut names, &need.name, target, server);
            }
        }
        if !server.devices.is_empty() {
            let list: Vec<String> =
                server.devices.iter().map(|d| format!("{}={}", d.kind.name(), d.dma_pages)).collect();
            let target = Target { service: "device".to_string(), narrowings: alloc::vec![list.join(" ")] };
            grant(&mut names, "device", target, server);
        }
        names
    }

    /// A service's process is over.
    pub fn service_ended(&mut self, index: usize, code: u32, reason: u16, end: End, now: Time) {
        // What it had taken waits for its next instance.
        self.opens.release(index);
        let end = if self.lost_its_devices(index) { End::Ordered } else { end };
        let Some(service) = self.services.get_mut(index) else { return };
        let name = &service.server.name;
        service.reason = reason;
        service.ready = false;
        service.attention.answered();
        let next = match (service.ordered.take(), service.server.restart) {
            (Some(Action::Stop), _) => {
                libsys::log!(Notice, "{name} is stopped");
                None
            }
            (Some(_), _) => Some(service.restarts.ended(now, End::Ordered)),
            (None, Restart::Never) => None,
            (None, Restart::OnFailure) if code == 0 => None,
            (None, _) => Some(service.restarts.ended(now, end)),
        };
        match next {
            Some(next) => self.set_next(index, next),
            None => {
                service.fares = Fares::Stopped;
                self.refuse_all(index);
            }
        }
    }

    /// Whether devd was started again after this driver: then its devices were taken from it, and that it ends is not its own
    /// fault. How often that happens is bounded by how often devd may end.
    fn lost_its_devices(&self, index: usize) -> bool {
        let Some(driver) = self.services.get(index).filter(|service| !service.server.devices.is_empty()) else {
            return false;
        };
        let gives = |service: &&Service| service.server.provides.iter().any(|name| name == "device");
        self.services.iter().find(gives).is_some_and(|devd| devd.since > driver.since)
    }

    fn set_next(&mut self, index: usize, next: Next) {
        let Some(service) = self.services.get_mut(index) else { return };
        match next {
            Next::Start(at) => service.fares = Fares::Waiting(at),
            // Without a pager no other process gets far: it is tried again for ever.
            Next::Fail if service.server.is_pager() => {
                service.fares = Fares::Waiting(time::now_ns().saturating_add(LAST_RESORT));
            }
            Next::Fail => {
                service.fares = Fares::Failed;
                libsys::log!(Error, "{} is left alone", service.server.name);
                self.refuse_all(index);
            }
        }
    }

    /// Nobody is going to answer those who wait for this service.
    fn refuse_all(&mut self, index: usize) {
        for token in self.opens.abandon(index) {
            token.reply::<libsys::protocol::names::Service>(Err(Error::Unavailable));
        }
    }

    /// `process.service`: starts, stops or restarts.
    pub fn order(&mut self, name: &str, action: Action) -> Result<(), Error> {
        let found = self.services.iter().position(|service| service.server.name.eq_ignore_ascii_case(name));
        let index = found.ok_or(Error::NotFound)?;
        let service = self.services.get_mut(index).ok_or(Error::NotFound)?;
        if action == Action::Stop && service.server.is_needed_to_order() {
            // Whoever stopped it could not start it again.
            return Err(Error::InUse);
        }
        match (action, service.process()) {
            (Action::Start, Some(_)) => return Err(Error::Exists),
            (Action::Stop, None) => {
                service.fares = Fares::Stopped;
                self.refuse_all(index);
            }
            (Action::Start | Action::Restart, None) => {
                service.restarts.forgive();
                service.fares = Fares::Waiting(0);
            }
            (Action::Stop | Action::Restart, Some(number)) => {
                service.ordered = Some(action);
                self.end_process(number, 20, Error::Break.code(), End::Ordered, time::now_ns());
            }
        }
        Ok(())
    }
}

fn grant(names: &mut Names, name: &str, target: Target, server: &Server) {
    if let Err(error) = names.grant(name, target) {
        libsys::log!(Error, "{}: the name {name} can't be bound: {error}", server.name);
    }
}

/// The manifest's rights as the protocol has them.
pub fn rights(list: &[Right]) -> Rights {
    list.iter().fold(Rights::empty(), |all, right| {
        all | match right {
            Right::List => Rights::LIST,
            Right::Break => Rights::BREAK,
            Right::Services => Rights::SERVICES,
            Right::Power => Rights::POWER,
        }
    })
}
