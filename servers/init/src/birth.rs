//! Making a process: pool, address space, program, stack, thread, first handles (`contracts.md` §4).
//!
//! Everything lies in the process's own pool, made inside the one that pays: destroying that pool is how a process ends.
//! What fails on the way destroys the pool, so an error leaves nothing behind.

use archive::manifest::FIXED_PLACES;
use libsys::abi::{PAGE_SIZE, places::Places, user};
use libsys::protocol::pager::Backing;
use libsys::{
    Access, Authority, Error, Gifts, Grant, Memory, Notification, OwnedHandle, Pool, Private, Process, Receiver,
    Rights, Thread, layout,
};

use alloc::boxed::Box;
use alloc::string::String;

use elfload::{Segment, Use};
use supervise::lent::Lent;
use symbols::Symbols;

use crate::badge::Badge;
use crate::images::Image;
use crate::paging::{Origin, Paging};
use crate::start_block::{self, Block};

/// What the kernel has of a process.
#[derive(Debug)]
pub struct Body {
    /// All of it lies in here.
    pub pool: Pool,
    /// Its address space and handles.
    pub process: Process,
    /// Its main thread.
    pub thread: Thread,
    /// Its notification, with OWNER.
    pub notification: Notification,
    /// What lies where, for its pager and for traces.
    pub paging: Paging,
    /// Its program's name in the archive.
    pub image: String,
    /// Where its own things lie.
    pub places: Places,
    /// Where its program lies.
    pub base: u64,
    /// Bytes of its program.
    pub span: u64,
    /// Where it starts, and its stack pointer then.
    pub start: (u64, u64),
    /// The names of its functions, for traces.
    pub symbols: Option<Symbols<'static>>,
    /// Sessions that it was given, by the service they are of: to be taken back.
    pub lent: Lent<Grant>,
    /// What there is only until it starts.
    pub newborn: Option<Newborn>,
}

/// A process in init's table.
pub type Known = supervise::table::Process<Box<Body>>;

/// A process that was not started yet.
#[derive(Debug, Default)]
pub struct Newborn {
    /// The start block's body so far.
    pub body: alloc::vec::Vec<u8>,
    /// Which of its first 128 handles were given.
    pub given: u128,
}

/// Where a program is placed.
#[derive(Clone, Copy)]
pub enum Spot {
    /// Anywhere, by this random number.
    Anywhere(u64),
    /// At this address, for a debugger.
    At(u64),
}

/// What a process is made from.
pub struct Plan<'a> {
    /// Its program.
    pub image: &'a Image,
    /// The program's name.
    pub name: &'a str,
    /// The archive's Memory.
    pub archive: &'a Memory,
    /// Who pays.
    pub from: &'a Pool,
    /// init's own.
    pub own: &'a Pool,
    /// The channel that its handle 4 leads to.
    pub receiver: &'a Receiver,
    /// Pages of its pool.
    pub pages: usize,
    /// The highest priority in it.
    pub ceiling: u8,
    /// The main thread's priority.
    pub priority: u8,
    /// Where its own things go.
    pub places: Places,
    /// Where its program goes.
    pub spot: Spot,
    /// Whose memory it is to have, if it is a clone.
    pub origin: Option<Origin>,
    /// Tells the pager of its faults. Without one everything is there from the start, and init is told.
    pub fault: Option<OwnedHandle>,
    /// LOG, with OWNER.
    pub log: &'a Authority,
    /// The time page.
    pub time: &'a Memory,
    /// Its number: its handle 4's badge, and the label of its log records.
    pub number: u32,
    /// Its start block, if that is known already.
    pub block: Option<Block<'a>>,
}

/// Makes a process, not started. An error leaves nothing.
pub fn make(plan: Plan<'_>) -> Result<Box<Body>, Error> {
    let pool = plan.from.create(plan.pages, plan.ceiling)?;
    match build(&plan, &pool) {
        Ok(Built { process, thread, notification, paging, base, start }) => Ok(Box::new(Body {
            pool,
            process,
            thread,
            notification,
            paging: paging.begun(plan.fault, plan.origin, plan.pages, &plan.places),
            image: plan.name.into(),
            places: plan.places,
            base,
            span: plan.image.program.span,
            start,
            symbols: plan.image.symbols,
            lent: Lent::default(),
            newborn: Some(Newborn::default()),
        })),
        Err(error) => {
            let _ = pool.destroy();
            Err(error)
        }
    }
}

/// What [`build`] made in the pool.
struct Built {
    process: Process,
    thread: Thread,
    notification: Notification,
    paging: Paging,
    base: u64,
    start: (u64, u64),
}

fn build(plan: &Plan<'_>, pool: &Pool) -> Result<Built, Error> {
    let process = Process::create(pool)?;
    let program = &plan.image.program;
    let (base, start) = match &plan.origin {
        Some(origin) => (origin.base, origin.start),
        None => {
            let base = plan.place().ok_or(Error::NotExecutable)?;
            (base, (base + program.entry, plan.places.stack))
        }
    };
    let mut loader = Loader { plan, base, pool, process: &process, paging: Paging::default() };
    for segment in &program.segments {
        loader.map_constants(segment)?;
    }
    if plan.origin.is_none() {
        loader.fill()?;
    }
    let paging = loader.paging;
    process.map(plan.time, (plan.places.block + user::TIME_PAGE) as usize, 0, 1, Access::READ)?;
    let thread = process.thread(pool, plan.priority, (plan.places.block + user::MAIN_BUFFER) as usize)?;
    let notification = Notification::create(pool)?;
    let (badge, place) = (Badge::Process(plan.number).pack(), user::PROCESS_CHANNEL.index());
    if plan.fault.is_some() {
        plan.receiver.client_for(plan.own, badge, (&process, place))?;
    } else {
        // Faults go there, too. For others that is said as they start.
        let service = plan.receiver.lasting_client(plan.own, badge)?;
        thread.set_fault_channel(Some(&service))?;
        let mut gift = Gifts::new();
        gift.hand(service, Rights::CALL, place)?;
        process.give(gift)?;
    }
    // init pays for the cells of what leads to it, and for this one.
    plan.log.label_for(plan.own, Rights::LOG, plan.number.into(), (&process, user::LOG.index()))?;
    let mut first = Gifts::new();
    let own = Rights::OWNER | Rights::TRANSFER;
    for (place, handle, rights) in [
        (user::OWN_PROCESS, process.handle(), Rights::MAP | Rights::ENDOW | Rights::INSPECT),
        (user::MAIN_THREAD, thread.handle(), Rights::CONTROL | Rights::INSPECT),
        (user::OWN_POOL, pool.handle(), own | Rights::MAKE),
        (user::OWN_NOTIFICATION, notification.handle(), own | Rights::NOTIFY),
    ] {
        first.copy(handle, rights, place.index())?;
    }
    process.give(first)?;
    Ok(Built { process, thread, notification, paging, base, start })
}

impl Plan<'_> {
    /// Where the program goes; none if it is too long for any place.
    fn place(&self) -> Option<u64> {
        const { assert!(FIXED_PLACES.0 == layout::FIXED.start) };
        let program = &self.image.program;
        match self.spot {
            Spot::Anywhere(random) => self.places.program(program.span, program.align, random),
            Spot::At(address) => Some(address.next_multiple_of(program.align)),
        }
    }
}

/// Fills a process's address space.
struct Loader<'a> {
    plan: &'a Plan<'a>,
    base: u64,
    pool: &'a Pool,
    process: &'a Process,
    paging: Paging,
}

impl Loader<'_> {
    /// Maps a segment that can't be written, from the archive. Names of functions come when a trace wants them.
    fn map_constants(&mut self, segment: &Segment) -> Result<(), Error> {
        let (address, pages) = ((self.base + segment.address) as usize, segment.pages() as usize);
        let first = self.plan.image.pages_before(segment);
        let access = match segment.usage {
            Use::Read => Access::READ,
            Use::ReadExecute => Access::READ | Access::EXECUTE,
            Use::ReadWrite => return Ok(()),
        };
        if self.plan.fault.is_some() && self.plan.image.has_names_in(segment) {
            self.paging.add(address, pages, Backing::Memory { first: first as u32, write: false });
            return Ok(());
        }
        self.process.map(self.plan.archive, address, first, pages, access)
    }

    /// All that the process has to itself: its start block, its writable segments, as relocated copies with zeros behind them,
    /// and what there is of stack and heap at the start. It is one Memory; init sees as much of it as it fills.
    fn fill(&mut self) -> Result<(), Error> {
        let program = &self.plan.image.program;
        let writable = || program.segments.iter().filter(|segment| segment.usage == Use::ReadWrite);
        let block = self.plan.block.map_or(0, |block| block.pages());
        let (mut data, mut shown) = (block, block.max(1));
        for segment in writable() {
            shown = shown.max(data + filled(segment));
            data += segment.pages() as usize;
        }
        let paged = self.plan.fault.is_some();
        let stack = if paged { layout::STACK_START } else { layout::MAIN_STACK_BYTES } / PAGE_SIZE;
        let heap = if paged { layout::HEAP_START / PAGE_SIZE } else { 0 };
        let mut bytes = Private::create_showing(self.pool, data + stack + heap, shown)?;
        if let Some(block) = &self.plan.block {
            block.write(&mut bytes)?;
        }
        let mut first = block;
        for segment in writable() {
            let place = bytes.get_mut(first * PAGE_SIZE..).unwrap_or_default();
            program.fill(self.plan.image.file, segment, self.base, place);
            first += segment.pages() as usize;
        }
        let (memory, mapping) = bytes.share();
        drop(mapping);
        if block > 0 {
            start_block::show(self.process, &memory, block, self.plan.places.block)?;
        }
        let mut first = block;
        for segment in writable() {
            self.map_data(&memory, first, segment)?;
            first += segment.pages() as usize;
        }
        let (top, start) = (self.plan.places.stack as usize, self.plan.places.heap as usize);
        let write = Access::READ | Access::WRITE;
        self.process.map(&memory, top - stack * PAGE_SIZE, data, stack, write)?;
        if paged {
            self.process.map(&memory, start, data + stack, heap, write)?;
            let limit = layout::MAIN_STACK_BYTES;
            self.paging.add(top - limit, limit / PAGE_SIZE, Backing::Zero);
            self.paging.add(start, self.plan.pages, Backing::Zero);
        }
        self.paging.keep(memory)
    }

    /// Maps a writable segment, whose pages begin with the `first` of the Memory. What is constant from now on can only be read.
    fn map_data(&mut self, memory: &Memory, first: usize, segment: &Segment) -> Result<(), Error> {
        let (address, pages) = ((self.base + segment.address) as usize, segment.pages() as usize);
        let constant = (segment.constant_pages as usize).min(filled(segment));
        let behind = address + constant * PAGE_SIZE;
        if constant > 0 {
            self.process.map(memory, address, first, constant, Access::READ)?;
        }
        if pages > constant {
            self.process.map(memory, behind, first + constant, pages - constant, Access::READ | Access::WRITE)?;
        }
        self.paging.add(address, constant, Backing::Constant);
        self.paging.add(behind, pages - constant, Backing::Zero);
        Ok(())
    }
}

/// Pages of a segment that the file fills.
fn filled(segment: &Segment) -> usize {
    (segment.file_length as usize).div_ceil(PAGE_SIZE)
}
