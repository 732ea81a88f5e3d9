//! Making a process: pool, address space, program, stack, thread, first handles (`contracts.md` §4).
//!
//! Everything lies in the process's own pool, made inside the one that pays: destroying that pool is how a process ends.
//! What fails on the way destroys the pool, so an error leaves nothing behind.

use archive::manifest::FIXED_PLACES;
use libsys::abi::{PAGE_SIZE, user};
use libsys::{
    Access, Authority, Error, Memory, Notification, OwnedHandle, Pool, Private, Process, Rights, Thread, layout,
};

use elfload::{Segment, Use};
use symbols::Symbols;

use crate::images::Image;

/// Pages that the kernel maps at once.
const MAP_PAGES: usize = 128;

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
    /// Its main thread's stack, for traces.
    pub stack: Memory,
    /// Where its program lies.
    pub base: u64,
    /// Bytes of its program.
    pub span: u64,
    /// Where it starts.
    pub entry: u64,
    /// The names of its functions, for traces.
    pub symbols: Option<Symbols<'static>>,
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
    /// Bytes of its stack.
    pub stack: usize,
    /// Where its program goes.
    pub spot: Spot,
    /// LOG, with OWNER.
    pub log: &'a Authority,
    /// The time page.
    pub time: &'a Memory,
    /// Its number: the label of its log records.
    pub number: u32,
    /// Its handle 4, with CALL and TRANSFER, also told of its faults.
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
    let base = place(program.span, program.align, plan.spot)?;
    for segment in &program.segments {
        load(&plan, segment, base, &pool, &process)?;
    }
    let pages = plan.stack / PAGE_SIZE;
    let stack = Memory::create(&pool, pages)?;
    map(&process, &stack, layout::STACK_TOP - plan.stack, 0, pages, Access::READ | Access::WRITE)?;
    process.map(plan.time, user::TIME_PAGE as usize, 0, 1, Access::READ)?;
    let thread = process.thread(&pool, plan.priority, layout::MAIN_BUFFER)?;
    let notification = Notification::create(&pool)?;
    thread.set_notification(Some(&notification))?;
    thread.set_fault_channel(Some(&plan.service))?;
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
    let (span, entry) = (program.span, base + program.entry);
    let symbols = Symbols::parse(symbols::program::in_file(plan.image.file));
    Ok(Body { pool, process, thread, notification, stack, base, span, entry, symbols, newborn })
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

/// Maps a segment: what can't be written from the archive, the rest as a relocated copy.
fn load(plan: &Plan<'_>, segment: &Segment, base: u64, pool: &Pool, process: &Process) -> Result<(), Error> {
    let (address, pages) = ((base + segment.address) as usize, segment.pages() as usize);
    let access = match segment.usage {
        Use::Read => Access::READ,
        Use::ReadExecute => Access::READ | Access::EXECUTE,
        Use::ReadWrite => return copy(plan, segment, base, pool, process),
    };
    map(process, plan.archive, address, plan.image.pages_before(segment), pages, access)
}

/// A writable segment: the pages that the file fills are copied and relocated, those that are only zeros are a Memory of
/// their own. What is constant from now on is mapped read-only.
fn copy(plan: &Plan<'_>, segment: &Segment, base: u64, pool: &Pool, process: &Process) -> Result<(), Error> {
    let address = (base + segment.address) as usize;
    let (pages, filled) = (segment.pages() as usize, (segment.file_length as usize).div_ceil(PAGE_SIZE));
    let write = Access::READ | Access::WRITE;
    if filled > 0 {
        let mut bytes = Private::create(pool, filled)?;
        plan.image.program.fill(plan.image.file, segment, base, &mut bytes);
        let (memory, mapping) = bytes.share();
        drop(mapping);
        let constant = (segment.constant_pages as usize).min(filled);
        if constant > 0 {
            map(process, &memory, address, 0, constant, Access::READ)?;
        }
        if filled > constant {
            map(process, &memory, address + constant * PAGE_SIZE, constant, filled - constant, write)?;
        }
    }
    if pages > filled {
        let zeros = Memory::create(pool, pages - filled)?;
        map(process, &zeros, address + filled * PAGE_SIZE, 0, pages - filled, write)?;
    }
    Ok(())
}

/// Maps any number of pages.
pub fn map(
    process: &Process,
    memory: &Memory,
    address: usize,
    first: usize,
    pages: usize,
    access: Access,
) -> Result<(), Error> {
    for done in (0..pages).step_by(MAP_PAGES) {
        let step = (pages - done).min(MAP_PAGES);
        process.map(memory, address + done * PAGE_SIZE, first + done, step, access)?;
    }
    Ok(())
}
