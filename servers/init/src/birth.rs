//! Making a process: pool, address space, program, stack, thread, first handles (`contracts.md` §4).
//!
//! Everything lies in the process's own pool, made inside the one that pays: destroying that pool is how a process ends.
//! What fails on the way destroys the pool, so an error leaves nothing behind.

use archive::manifest::FIXED_PLACES;
use libsys::abi::{PAGE_SIZE, user};
use libsys::protocol::pager::Backing;
use libsys::{
    Access, Authority, Error, Grant, Memory, Notification, OwnedHandle, Pool, Private, Process, Rights, Thread, layout,
};

use alloc::string::String;

use elfload::{Segment, Use};
use supervise::lent::Lent;
use symbols::Symbols;

use crate::images::Image;
use crate::paging::{Origin, Paging};

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
    /// Anywhere, drawn from these random bits.
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
    /// Pages of its pool.
    pub pages: usize,
    /// The highest priority in it.
    pub ceiling: u8,
    /// The main thread's priority.
    pub priority: u8,
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
    /// Its number: the label of its log records.
    pub number: u32,
    /// Its handle 4, with CALL and TRANSFER.
    pub service: OwnedHandle,
}

/// Makes a process, not started. An error leaves nothing.
pub fn make(plan: Plan<'_>) -> Result<Body, Error> {
    let pool = plan.from.create(plan.pages, plan.ceiling)?;
    let spare = pool.dup(Rights::all())?;
    match build(plan, pool) {
        Ok(body) => Ok(body),
        Err(error) => {
            let _ = spare.destroy();
            Err(error)
        }
    }
}

fn build(plan: Plan<'_>, pool: Pool) -> Result<Body, Error> {
    let process = Process::create(&pool)?;
    let program = &plan.image.program;
    let base = match &plan.origin {
        Some(origin) => origin.base,
        None => place(program.span, program.align, plan.spot)?,
    };
    let mut loader = Loader { plan: &plan, base, pool: &pool, process: &process, paging: Paging::default() };
    for segment in &program.segments {
        loader.load(segment)?;
    }
    if plan.origin.is_none() {
        loader.stack_and_heap()?;
    }
    let mut paging = loader.paging;
    process.map(plan.time, user::TIME_PAGE as usize, 0, 1, Access::READ)?;
    let thread = process.thread(&pool, plan.priority, layout::MAIN_BUFFER)?;
    let notification = Notification::create(&pool)?;
    thread.set_notification(Some(&notification))?;
    thread.set_fault_channel(Some(plan.fault.as_ref().unwrap_or(&plan.service)))?;
    let (log, _) = plan.log.label(&pool, Rights::LOG | Rights::TRANSFER, plan.number.into())?;
    let first = [
        (user::OWN_PROCESS, process.handle(), Rights::MAP | Rights::ENDOW | Rights::INSPECT),
        (user::MAIN_THREAD, thread.handle(), Rights::CONTROL | Rights::INSPECT),
        (user::OWN_POOL, pool.handle(), Rights::MAKE | Rights::OWNER | Rights::TRANSFER),
        (user::PROCESS_CHANNEL, plan.service.handle(), Rights::CALL),
        (user::OWN_NOTIFICATION, notification.handle(), Rights::OWNER | Rights::NOTIFY | Rights::TRANSFER),
        (user::LOG, log.handle(), Rights::LOG),
        (user::TIME_MEMORY, plan.time.handle(), Rights::READ | Rights::TRANSFER),
    ];
    for (place, handle, rights) in first {
        process.endow(handle, rights, place.index())?;
    }
    let newborn = Some(Newborn::default());
    let span = program.span;
    let symbols = Symbols::parse(symbols::program::in_file(plan.image.file));
    let start = match plan.origin {
        Some(origin) => {
            paging.inherit(origin.regions, plan.pages as u64, origin.next_view);
            origin.start
        }
        None => (base + program.entry, layout::STACK_TOP as u64),
    };
    let lent = Lent::default();
    paging.fault = plan.fault;
    let image = plan.name.into();
    Ok(Body { pool, process, thread, notification, paging, image, base, span, start, symbols, lent, newborn })
}

/// Where a program goes, in its part of the address space.
fn place(span: u64, align: u64, spot: Spot) -> Result<u64, Error> {
    const { assert!(FIXED_PLACES.0 == layout::IMAGES.start as u64) };
    let (start, end) = (layout::IMAGES.start as u64, layout::IMAGES.end as u64);
    let places = (end - start).checked_sub(span).ok_or(Error::NotExecutable)? / align;
    Ok(match spot {
        Spot::Anywhere(random) => start + random % places.max(1) * align,
        Spot::At(address) => address.next_multiple_of(align),
    })
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
    /// Maps a segment: what can't be written from the archive, the rest as a relocated copy. A clone has its origin's.
    fn load(&mut self, segment: &Segment) -> Result<(), Error> {
        let (address, pages) = ((self.base + segment.address) as usize, segment.pages() as usize);
        let access = match segment.usage {
            Use::Read => Access::READ,
            Use::ReadExecute => Access::READ | Access::EXECUTE,
            Use::ReadWrite if self.plan.origin.is_some() => return Ok(()),
            Use::ReadWrite => return self.copy(segment),
        };
        self.process.map(self.plan.archive, address, self.plan.image.pages_before(segment), pages, access)
    }

    /// A writable segment: the pages that the file fills are copied and relocated, those that are only zeros are a Memory
    /// of their own. What is constant from now on is mapped read-only.
    fn copy(&mut self, segment: &Segment) -> Result<(), Error> {
        let address = (self.base + segment.address) as usize;
        let (pages, filled) = (segment.pages() as usize, (segment.file_length as usize).div_ceil(PAGE_SIZE));
        let constant = (segment.constant_pages as usize).min(filled);
        let write = Access::READ | Access::WRITE;
        if filled > 0 {
            let mut bytes = Private::create(self.pool, filled)?;
            self.plan.image.program.fill(self.plan.image.file, segment, self.base, &mut bytes);
            let (memory, mapping) = bytes.share();
            drop(mapping);
            if constant > 0 {
                self.process.map(&memory, address, 0, constant, Access::READ)?;
            }
            if filled > constant {
                self.process.map(&memory, address + constant * PAGE_SIZE, constant, filled - constant, write)?;
            }
            self.paging.keep(memory)?;
        }
        if pages > filled {
            let zeros = Memory::create(self.pool, pages - filled)?;
            self.process.map(&zeros, address + filled * PAGE_SIZE, 0, pages - filled, write)?;
            self.paging.keep(zeros)?;
        }
        self.paging.add(address, constant, Backing::Constant);
        self.paging.add(address + constant * PAGE_SIZE, pages - constant, Backing::Zero);
        Ok(())
    }

    /// The main thread's stack and, with a pager, the first of the heap. What there is of both at the start is one Memory.
    fn stack_and_heap(&mut self) -> Result<(), Error> {
        let (paged, write) = (self.plan.fault.is_some(), Access::READ | Access::WRITE);
        let stack = if paged { layout::STACK_START } else { layout::MAIN_STACK_BYTES } / PAGE_SIZE;
        let heap = if paged { layout::HEAP_START / PAGE_SIZE } else { 0 };
        let memory = Memory::create(self.pool, stack + heap)?;
        self.process.map(&memory, layout::STACK_TOP - stack * PAGE_SIZE, 0, stack, write)?;
        if paged {
            self.process.map(&memory, layout::HEAP.start, stack, heap, write)?;
            let limit = layout::MAIN_STACK_BYTES;
            self.paging.add(layout::STACK_TOP - limit, limit / PAGE_SIZE, Backing::Zero);
            self.paging.add(layout::HEAP.start, self.plan.pages, Backing::Zero);
        }
        self.paging.keep(memory)
    }
}
