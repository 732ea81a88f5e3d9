//! All that init knows, and its loop.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

use abi::boot::{BootInfo, RootKind};
use archive::manifest::{Manifest, PAGED_LEVEL, Server};
use archive::{Archive, MANIFEST_NAME};
use libsys::abi::{PAGE_SIZE, places::Places, user::TimePage};
use libsys::{Access, Error, Event, Frozen, Memory, OwnedHandle, Pool, Receiver, Rights, Token, time};
use supervise::entropy::Entropy;
use supervise::opens::Opens;
use supervise::table::Table;
use supervise::{SECOND, Time, budget};

use crate::badge::Badge;
use crate::birth::{Body, Spot};
use crate::images::Images;
use crate::names::Space;
use crate::paging::Sharing;
use crate::power::Shutdown;
use crate::roots::Roots;
use crate::services::Service;

/// Pages that init keeps for itself at least: its heap, the cells of its channel, tables.
const OWN_PAGES: u64 = 1024;
/// Pages of DMA memory beyond what the manifest's devices may have: for devd's own (the source of entropy).
const DMA_SPARE: usize = 16;

/// The whole state.
pub struct World {
    pub boot: &'static BootInfo,
    pub roots: Roots,
    /// The one channel that all handles made by init lead to.
    pub receiver: Receiver,
    /// The channel of the faults that the pager repairs. It lives here: a pager that dies leaves it to the next one.
    pub faults: Receiver,
    /// A page for the pager's notes to the next one.
    pub scratch: Memory,
    /// Clones whose memory is to be shared.
    pub clones: Vec<Sharing>,
    pub manifest: Manifest,
    pub images: Images,
    /// The time page.
    pub time: Memory,
    /// Memory for all devices. It stays here, so that no frame of it is used for anything else when devd dies.
    pub dma: Option<Memory>,
    pub table: Table<Box<Body>>,
    pub spaces: BTreeMap<u32, Space>,
    pub next_space: u32,
    pub services: Vec<Service>,
    pub opens: Opens<Token>,
    pub entropy: Entropy,
    /// Who waits for a good seed: process and until when.
    pub seeds: Vec<(u32, Time, Token)>,
    pub shutdown: Option<Shutdown>,
    /// When a terminal was first opened.
    pub prompt: Time,
    /// Whether the manifest has a pager.
    has_pager: bool,
    /// Whether programs are placed where a debugger looks for them: `place=fixed` on the kernel's command line.
    fixed: bool,
}

impl World {
    /// Reads the archive and the manifest, and makes what all processes share.
    pub fn new(boot: &'static BootInfo) -> Result<World, Error> {
        let roots = Roots::take(boot)?;
        let archive = Archive::parse(Frozen::map(&roots.archive)?.leak()).map_err(|why| {
            libsys::log!(Error, "the boot archive: {why}");
            Error::Corrupt
        })?;
        let manifest = read_manifest(&archive)?;
        let receiver = Receiver::new(&roots.pool)?;
        let faults = Receiver::new(&roots.pool)?;
        let scratch = Memory::create(&roots.pool, 1)?;
        let time = time_page(boot, &roots.pool)?;
        let command_line = command_line(boot)?;
        libsys::log!(Detail, "command line: {command_line}");
        let mut world = World {
            boot,
            receiver,
            faults,
            scratch,
            clones: Vec::new(),
            images: Images::new(archive, &manifest),
            time,
            dma: None,
            table: Table::default(),
            spaces: BTreeMap::new(),
            next_space: 1,
            services: Vec::new(),
            opens: Opens::default(),
            entropy: Entropy::new(&boot.seed),
            seeds: Vec::new(),
            shutdown: None,
            prompt: 0,
            has_pager: manifest.servers.iter().any(Server::is_pager),
            fixed: command_line.split_ascii_whitespace().any(|word| word == "place=fixed"),
            manifest,
            roots,
        };
        world.make_dma();
        world.make_services()?;
        Ok(world)
    }

    /// Starts the services, then serves for ever. Returns only if the channel itself fails.
    pub fn run(&mut self) -> Error {
        libsys::log!(
            Notice,
            "{} MiB free, {} services, seed {}",
            self.boot.ram_free >> 20,
            self.services.len(),
            if self.entropy.seeded() { "good" } else { "missing" }
        );
        loop {
            let (mut until, now) = (self.deadline(), time::now_ns());
            if until <= now || self.shutdown.is_some() {
                self.timers(now);
                until = self.deadline();
            }
            match self.receiver.recv(until) {
                Ok(event) => self.handle(event),
                Err(error) => return error,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Call(incoming) => match Badge::unpack(incoming.badge) {
                Some(Badge::Process(number)) => self.process_call(number, incoming),
                Some(Badge::Names(number)) => self.names_call(number, incoming),
                Some(Badge::Child(number)) => self.child_call(number, incoming),
                Some(Badge::Pager(_)) => self.pager_call(incoming),
                None => {}
            },
            Event::Closed(badge) => match Badge::unpack(badge) {
                Some(Badge::Process(number)) => self.process_closed(number),
                Some(Badge::Names(number)) => self.names_closed(number),
                Some(Badge::Child(number)) => self.child_closed(number),
                Some(Badge::Pager(_)) => {}
                None => {}
            },
            Event::Fault(fault) => self.faulted(fault),
            Event::Bits(_) | Event::Deadline => {}
        }
    }

    /// Does what time has come for.
    fn timers(&mut self, now: Time) {
        for token in self.opens.expire(now) {
            token.reply::<libsys::protocol::names::Service>(Err(Error::Unavailable));
        }
        self.expire_seeds(now);
        if self.shutdown.is_some() {
            self.go_down(now);
        } else {
            self.start_due(now);
        }
    }

    fn deadline(&self) -> Time {
        // Nothing is started while the system goes down.
        let due = |service: &Service| self.due(service).filter(|_| self.shutdown.is_none());
        let services = self.services.iter().filter_map(due);
        let seeds = self.seeds.iter().map(|(_, until, _)| *until);
        let shutdown = self.shutdown.as_ref().map(|shutdown| shutdown.until);
        services.chain(seeds).chain(self.opens.deadline()).chain(shutdown).min().unwrap_or(Time::MAX)
    }

    /// A handle of init's channel with this badge; its cell lies in init's own pool, so that its end is always told.
    pub fn client(&self, badge: Badge) -> Result<OwnedHandle, Error> {
        self.receiver.lasting_client(&self.roots.pool, badge.pack())
    }

    /// What tells the pager of a process's faults; none for those that have all their memory from the start.
    pub fn fault_channel(&self, number: u32, level: u8) -> Result<Option<OwnedHandle>, Error> {
        if level < PAGED_LEVEL || !self.has_pager {
            return Ok(None);
        }
        self.faults.lasting_client(&self.roots.pool, number.into()).map(Some)
    }

    /// Where the own things of a new process lie.
    pub fn places(&mut self) -> Places {
        Places::draw([(); 4].map(|()| self.entropy.word()))
    }

    /// Where the program of an image is placed.
    pub fn spot(&mut self, image: &str) -> Spot {
        let place = if self.fixed { self.manifest.fixed_place(image) } else { None };
        match place {
            Some(address) => Spot::At(address),
            None => Spot::Anywhere(self.entropy.word()),
        }
    }

    /// One Memory for all devices. A machine with too little memory goes without: its drivers will say so.
    fn make_dma(&mut self) {
        let devices = self.manifest.servers.iter().flat_map(|server| &server.devices);
        let pages = devices.map(|device| device.dma_pages as usize).sum::<usize>() + DMA_SPARE;
        match Memory::create_dma(&self.roots.pool, pages) {
            Ok(memory) => self.dma = Some(memory),
            Err(error) => libsys::log!(Error, "no memory for devices ({pages} pages): {error}"),
        }
    }

    /// The services of the manifest, with the pages that each may have on this machine.
    fn make_services(&mut self) -> Result<(), Error> {
        let info = self.roots.pool.info()?;
        let free = info.pages.saturating_sub(info.used);
        let wanted: Vec<u64> = self.manifest.servers.iter().map(|server| server.pages.into()).collect();
        let own = OWN_PAGES.max(free / 16);
        let pages = budget::share(&wanted, free.saturating_sub(own));
        self.services =
            self.manifest.servers.iter().zip(pages).map(|(server, pages)| Service::new(server, pages)).collect();
        Ok(())
    }

    /// Answers those who wait for a seed, if there is a good one or they have waited too long.
    pub fn expire_seeds(&mut self, now: Time) {
        let good = self.entropy.seeded();
        let (ready, waiting) =
            core::mem::take(&mut self.seeds).into_iter().partition(|(_, until, _)| good || *until <= now);
        self.seeds = waiting;
        let ready: Vec<(u32, Time, Token)> = ready;
        for (_, _, token) in ready {
            let answer = if good { Ok(self.entropy.derive()) } else { Err(Error::NoEntropy) };
            token.reply::<libsys::protocol::process::Service>(answer.map(libsys::protocol::process::Reply::Seed));
        }
    }
}

/// How long `process.seed` waits.
pub const SEED_PATIENCE: Time = 5 * SECOND;

fn read_manifest(archive: &Archive<'static>) -> Result<Manifest, Error> {
    let entry = archive.find(MANIFEST_NAME).ok_or(Error::NotFound);
    let bytes = entry.and_then(|e| {
        archive.bytes().get(e.offset as usize..).and_then(|b| b.get(..e.length as usize)).ok_or(Error::Corrupt)
    });
    let manifest = bytes.and_then(|bytes| Manifest::decode(bytes).ok_or(Error::Corrupt));
    manifest.inspect_err(|error| libsys::log!(Error, "the manifest {MANIFEST_NAME}: {error}"))
}

/// The kernel's command line.
fn command_line(boot: &BootInfo) -> Result<String, Error> {
    let Some(root) = libsys::root(boot, RootKind::CommandLine).next() else { return Ok(String::new()) };
    let handle = libsys::dup(root.handle().ok_or(Error::BadHandle)?, Rights::READ)?;
    let text = Frozen::map(&Memory::from(handle))?;
    Ok(String::from_utf8_lossy(text.get(..root.length as usize).unwrap_or_default()).into_owned())
}

/// The page that everybody computes the time from. devd adds UTC.
fn time_page(boot: &BootInfo, pool: &Pool) -> Result<Memory, Error> {
    use core::mem::offset_of;
    let memory = Memory::create(pool, 1)?;
    let page = memory.map_part(0, 1, Access::READ | Access::WRITE)?;
    for (field, value) in [
        (offset_of!(TimePage, base), boot.counter_base),
        (offset_of!(TimePage, multiplier), boot.counter_multiplier),
        (offset_of!(TimePage, shift), boot.counter_shift),
        (offset_of!(TimePage, features), boot.features),
    ] {
        page.write(field, &value.to_le_bytes())?;
    }
    const { assert!(size_of::<TimePage>() <= PAGE_SIZE) };
    Ok(memory)
}

/// The boot page's Memory, for the copy that devd gets.
pub fn boot_page(boot: &BootInfo) -> Result<Memory, Error> {
    let root = libsys::root(boot, RootKind::BootInfo).next().ok_or(Error::NotFound)?;
    Ok(libsys::dup(root.handle().ok_or(Error::BadHandle)?, Rights::READ)?.into())
}
