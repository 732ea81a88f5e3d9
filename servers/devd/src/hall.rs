//! devd's state: the devices, and what is left to give.

use alloc::{rc::Rc, vec::Vec};

use libsys::{
    Error, Handles, Interrupt, IoPorts, Memory, OwnedHandle, Pool, Rights, Trigger,
    abi::PAGE_SIZE,
    protocol::device::{Messages, RegionKind, Reply},
};
use machine::{extents::Extents, tree::Signal};
use pci::{
    Function,
    config::{COMMAND_NO_PIN, COMMAND_PORTS},
};

use crate::{
    bus::Bus,
    claim::{Claim, Plan, memory_plan, pci_plans},
    clock::TimePage,
    devices::{self, Device, SERIAL_COUNT, SERIAL_HZ, SERIAL_LINE, Source},
    dma::{Dma, Part},
    firmware::Firmware,
    roots::Root,
    space::Space,
};

/// Messages of one device at most: configuration, and three queues.
const MAX_VECTORS: usize = 4;

/// Everything.
pub struct Hall {
    /// Pays for what is cut out of the roots.
    pub pool: Pool,
    /// Device memory.
    pub space: Rc<Space>,
    /// PCI.
    pub bus: Option<Bus>,
    /// All devices, by id.
    pub devices: Vec<Device>,
    /// Lines.
    pub lines: Option<Root<Interrupt>>,
    /// Messages, and which of them are free.
    pub messages: Option<Root<Interrupt>>,
    /// See `messages`.
    pub vectors: Extents,
    /// I/O ports.
    pub ports: Option<IoPorts>,
    /// Memory for devices.
    pub dma: Option<Dma>,
    /// fw_cfg.
    pub firmware: Option<Firmware>,
    /// The kernel's command line.
    pub command_line: alloc::string::String,
    /// The time page.
    pub time: Option<TimePage>,
}

impl Hall {
    fn index(&self, id: u32) -> Result<usize, Error> {
        let index = (id as usize).checked_sub(1).filter(|index| *index < self.devices.len());
        index.ok_or(Error::NotFound)
    }

    /// The device of an id.
    pub fn device(&self, id: u32) -> Result<&Device, Error> {
        Ok(&self.devices[self.index(id)?])
    }

    /// A device that a session has claimed: [`Error::Denied`] if it is another's or nobody's.
    fn claimed(&mut self, id: u32, badge: u64) -> Result<&mut Claim, Error> {
        let index = self.index(id)?;
        self.devices[index].claim.as_mut().filter(|claim| claim.badge == badge).ok_or(Error::Denied)
    }

    /// Gives a device to a session.
    pub fn claim(&mut self, id: u32, badge: u64, client: u32, dma_pages: u32) -> Result<Reply, Error> {
        let index = self.index(id)?;
        let device = &self.devices[index];
        if device.claim.is_some() || self.shares_page(device, badge) {
            return Err(Error::InUse);
        }
        let mut claim = Claim::new(badge, client, dma_pages);
        let source = device.source.clone();
        if let Err(error) = self.fill(&mut claim, &source) {
            self.take_back(&source, claim);
            return Err(error);
        }
        let described = claim.describe()?;
        self.devices[index].claim = Some(claim);
        Ok(Reply::Claimed(described))
    }

    /// Whether another session has a device whose registers share a page with this one's: transports stand eight in a page,
    /// and a page can't be divided.
    fn shares_page(&self, device: &Device, badge: u64) -> bool {
        let page = |source: &Source| match source {
            Source::Transport(board) => Some(board.registers.base / PAGE_SIZE as u64),
            _ => None,
        };
        let own = page(&device.source);
        let mut others = self.devices.iter().filter(|other| own.is_some() && page(&other.source) == own);
        others.any(|other| other.claim.as_ref().is_some_and(|claim| claim.badge != badge))
    }

    fn fill(&mut self, claim: &mut Claim, source: &Source) -> Result<(), Error> {
        match source {
            Source::Own => Err(Error::InUse),
            Source::Pci(function) => self.fill_pci(claim, function),
            Source::Transport(board) => {
                claim.plans.push(memory_plan(board.registers.base, board.registers.length));
                self.fill_line(claim, board.line.map(|line| (line.number, line.signal)))
            }
            Source::Uart(board) => {
                claim.plans.push(memory_plan(board.registers.base, board.registers.length));
                claim.clock_hz = board.clock_hz;
                self.fill_line(claim, board.line.map(|line| (line.number, line.signal)))
            }
            Source::Serial(first) => {
                let region = libsys::protocol::device::Region {
                    bar: 0,
                    kind: RegionKind::Ports,
                    offset: 0,
                    length: SERIAL_COUNT.into(),
                };
                claim.plans.push(Plan { region, start: (*first).into() });
                claim.clock_hz = SERIAL_HZ;
                self.fill_line(claim, Some((SERIAL_LINE, Signal::Edge)))
            }
        }
    }

    fn fill_pci(&mut self, claim: &mut Claim, function: &Function) -> Result<(), Error> {
        let bus = self.bus.as_ref().ok_or(Error::Device)?;
        if !matches!(function.kind, pci::Kind::Device) {
            return Err(Error::Denied);
        }
        let msix = bus.messages(function);
        claim.plans = pci_plans(bus, function, msix.as_ref());
        let line = bus.line(function).map(|line| (line.number, line.signal));
        let taken = msix.and_then(|msix| self.take_vectors(claim, msix.vectors.into()).map(|all| (msix, all)));
        match taken {
            Some((msix, messages)) => {
                self.bus.as_mut().ok_or(Error::Device)?.send_messages(function, &msix, &messages)?;
                claim.messages = Messages::MsiX;
            }
            None => self.fill_line(claim, line)?,
        }
        let bus = self.bus.as_mut().ok_or(Error::Device)?;
        let ports = claim.plans.iter().any(|plan| plan.region.kind == RegionKind::Ports);
        let no_pin = claim.messages == Messages::MsiX;
        let bits = [(ports, COMMAND_PORTS), (no_pin, COMMAND_NO_PIN)];
        bus.enable(function, bits.iter().filter(|(wanted, _)| *wanted).map(|(_, bit)| bit).sum());
        claim.snapshot = bus.snapshot(function.at);
        Ok(())
    }

    /// Messages for a device: their addresses and data; none where there are none left.
    fn take_vectors(&mut self, claim: &mut Claim, wanted: usize) -> Option<Vec<(u64, u32)>> {
        let root = self.messages.as_ref()?;
        // As many as are left in a row.
        let counts = (1..=wanted.min(MAX_VECTORS)).rev();
        let (first, count) = counts.into_iter().find_map(|count| Some((self.vectors.take(count)?, count)))?;
        claim.vectors = Some((first, count));
        let mut messages = Vec::new();
        for vector in first..first + count {
            let interrupt = root.object.slice(&self.pool, vector as u64, Trigger::Edge).ok()?;
            messages.push(interrupt.message().ok()?);
            claim.interrupts.push(interrupt);
        }
        Some(messages)
    }

    /// A line for a device. One without a line works by polling; one whose line is taken doesn't work.
    fn fill_line(&mut self, claim: &mut Claim, line: Option<(u32, Signal)>) -> Result<(), Error> {
        claim.interrupts.clear();
        let (Some((line, signal)), Some(root)) = (line, &self.lines) else { return Ok(()) };
        let claims = self.devices.iter().filter_map(|device| device.claim.as_ref());
        if claims.into_iter().any(|other| other.line == Some(line)) {
            libsys::log!(Warning, "line {line} has a driver already: put the device into another slot");
            return Err(Error::InUse);
        }
        let trigger = match signal {
            Signal::Level => Trigger::Level,
            Signal::Edge => Trigger::Edge,
        };
        let offset = u64::from(line).checked_sub(root.first).ok_or(Error::Device)?;
        claim.interrupts.push(root.object.slice(&self.pool, offset, trigger)?);
        claim.line = Some(line);
        Ok(())
    }

    /// Takes a device back from a session that has it.
    pub fn release(&mut self, id: u32, badge: u64) -> Result<Reply, Error> {
        self.claimed(id, badge)?;
        let index = self.index(id)?;
        let source = self.devices[index].source.clone();
        if let Some(claim) = self.devices[index].claim.take() {
            self.take_back(&source, claim);
        }
        Ok(Reply::Done)
    }

    /// Takes all devices of a session back.
    pub fn release_all(&mut self, badge: u64) {
        for id in 1..=self.devices.len() as u32 {
            if self.release(id, badge).is_ok() {
                libsys::log!(Notice, "{} is free again", self.devices[id as usize - 1].name);
            }
        }
    }

    fn take_back(&mut self, source: &Source, mut claim: Claim) {
        claim.revoke();
        claim.interrupts.clear();
        let quiet = self.quiet(source);
        if let Some((first, count)) = claim.vectors {
            self.vectors.give(first, count);
        }
        match (quiet, &mut self.dma) {
            (Ok(()), Some(dma)) => claim.dma.drain(..).for_each(|part| dma.give(part)),
            // What can't be reset keeps its memory: it may still write there.
            (Err(error), _) => libsys::log!(Error, "a device can't be reset ({error}): its memory is not used again"),
            (Ok(()), None) => {}
        }
    }

    /// Resets a device that nobody has.
    fn quiet(&mut self, source: &Source) -> Result<(), Error> {
        match source {
            Source::Pci(function) => self.bus.as_mut().ok_or(Error::Device)?.quiet(function),
            Source::Transport(board) => devices::reset_transport(&self.space, board),
            // Serial ports have no memory and no reset.
            Source::Uart(_) | Source::Serial(_) | Source::Own => Ok(()),
        }
    }

    /// At devd's start: whatever drivers of another devd are left loses its device, and every device is reset.
    pub fn quiet_all(&mut self) {
        let sources: Vec<Source> = self.devices.iter().map(|device| device.source.clone()).collect();
        for (i, source) in sources.iter().enumerate() {
            let regions = match (source, &self.bus) {
                (Source::Pci(function), Some(bus)) => {
                    function.bars.iter().filter_map(|bar| Some((bus.address(bar)?, bar.size))).collect()
                }
                (Source::Transport(board), _) => alloc::vec![(board.registers.base, board.registers.length)],
                _ => Vec::new(),
            };
            for (address, length) in regions {
                // A part that nobody ever mapped needs no eviction.
                let _ = self.space.evict(address, length);
            }
            if let Err(error) = self.quiet(source) {
                libsys::log!(Warning, "{} does not reset: {error}", self.devices[i].name);
            }
        }
    }

    /// Resets a claimed device; it is set up again as it was claimed.
    pub fn reset(&mut self, id: u32, badge: u64) -> Result<Reply, Error> {
        self.claimed(id, badge)?;
        let index = self.index(id)?;
        match self.devices[index].source.clone() {
            Source::Pci(function) => {
                let interrupts = self.devices[index].claim.iter().flat_map(|claim| &claim.interrupts);
                let messages = interrupts.map(Interrupt::message).collect::<Result<Vec<_>, _>>()?;
                let with = self.claimed(id, badge)?.messages;
                let bus = self.bus.as_mut().ok_or(Error::Device)?;
                bus.reset(&function)?;
                if let (Messages::MsiX, Some(msix)) = (with, bus.messages(&function)) {
                    bus.send_messages(&function, &msix, &messages)?;
                }
            }
            source => self.quiet(&source)?,
        }
        Ok(Reply::Done)
    }

    /// A region's registers.
    pub fn region(&mut self, id: u32, badge: u64, index: u8) -> Result<(Reply, Handles), Error> {
        let plan = *self.claimed(id, badge)?.plans.get(usize::from(index)).ok_or(Error::NotFound)?;
        let (object, rights) = match plan.region.kind {
            RegionKind::Memory => {
                let memory = self.space.cut(&self.pool, plan.start, plan.region.length)?;
                (OwnedHandle::from(memory), Rights::READ | Rights::WRITE)
            }
            RegionKind::Ports => {
                let ports = self.ports.as_ref().ok_or(Error::NotFound)?;
                (OwnedHandle::from(ports.slice(&self.pool, plan.start, plan.region.length)?), Rights::USE)
            }
        };
        self.lend(id, badge, &object, rights)
    }

    /// An interrupt.
    pub fn interrupt(&mut self, id: u32, badge: u64, index: u8) -> Result<(Reply, Handles), Error> {
        let interrupt = self.claimed(id, badge)?.interrupts.get(usize::from(index)).ok_or(Error::NotFound)?;
        let object = OwnedHandle::from(interrupt.dup(Rights::all())?);
        self.lend(id, badge, &object, Rights::USE)
    }

    /// Memory for the device.
    pub fn take_dma(&mut self, id: u32, badge: u64, pages: u32) -> Result<(Reply, Handles), Error> {
        let claim = self.claimed(id, badge)?;
        if pages == 0 {
            return Err(Error::BadArgument);
        }
        claim.dma_left = claim.dma_left.checked_sub(pages).ok_or(Error::Quota)?;
        match self.lend_dma(id, badge, pages) {
            Ok(lent) => Ok(lent),
            Err(error) => {
                self.claimed(id, badge)?.dma_left += pages;
                Err(error)
            }
        }
    }

    fn lend_dma(&mut self, id: u32, badge: u64, pages: u32) -> Result<(Reply, Handles), Error> {
        let dma = self.dma.as_mut().ok_or(Error::NoMemory)?;
        let (part, address) = dma.take(pages as usize)?;
        let cut = dma.cut(&self.pool, part).map(OwnedHandle::from);
        match cut.and_then(|object| self.lend(id, badge, &object, Rights::READ | Rights::WRITE)) {
            Ok((_, handles)) => {
                self.keep(id, badge, part)?;
                Ok((Reply::Dma { address }, handles))
            }
            Err(error) => {
                // Nobody has seen it.
                if let Some(dma) = &mut self.dma {
                    dma.give(part);
                }
                Err(error)
            }
        }
    }

    /// Memory for a device that devd drives itself, taken back with the device.
    pub fn own_dma(&mut self, id: u32, badge: u64, pages: usize) -> Result<(Memory, u64), Error> {
        let dma = self.dma.as_mut().ok_or(Error::NoMemory)?;
        let (part, address) = dma.take(pages)?;
        let memory = dma.cut(&self.pool, part)?;
        self.keep(id, badge, part)?;
        Ok((memory, address))
    }

    fn keep(&mut self, id: u32, badge: u64, part: Part) -> Result<(), Error> {
        self.claimed(id, badge)?.dma.push(part);
        Ok(())
    }

    fn lend(&mut self, id: u32, badge: u64, object: &OwnedHandle, rights: Rights) -> Result<(Reply, Handles), Error> {
        // A handle of its own: borrowing the claim borrows all of `self`.
        let pool = self.pool.dup(Rights::all())?;
        let handle = self.claimed(id, badge)?.lend(&pool, object, rights)?;
        Ok((Reply::Done, Handles::one(handle)))
    }

    /// Configuration space as it was at the claim.
    pub fn configuration(&mut self, id: u32, badge: u64, offset: u16, length: u16) -> Result<Reply, Error> {
        let (start, length) = (usize::from(offset), usize::from(length));
        let snapshot = &self.claimed(id, badge)?.snapshot;
        let bytes = snapshot.get(start..start + length).ok_or(Error::BadArgument)?;
        Ok(Reply::Bytes(libsys::protocol::Bytes::new(bytes)?))
    }

    /// Writes configuration space.
    pub fn configure(&mut self, id: u32, badge: u64, offset: u16, size: u8, value: u32) -> Result<Reply, Error> {
        self.claimed(id, badge)?;
        let Source::Pci(function) = self.device(id)?.source.clone() else { return Err(Error::WrongType) };
        self.bus.as_mut().ok_or(Error::Device)?.configure(function.at, offset, size, value)?;
        Ok(Reply::Done)
    }
}
