//! How processes end: by themselves, by a fault, by others, by their pool; all alike (`contracts.md` §6).

use core::cell::{Cell, RefCell};

use abi::message::Fault;
use libsys::abi::PAGE_SIZE;
use libsys::protocol::pager::Why;
use libsys::{Access, Error, Faulted, Mapping, layout, time};
use supervise::Time;
use supervise::restart::End;

use crate::birth::Body;
use crate::world::World;

/// Bit 4 of a notification: a child is over.
const CHILD: u64 = 1 << 4;
/// What counts as a step beyond a stack's end.
const GUARD: u64 = 64 << 10;
/// Frames of a trace, at most.
const MAX_FRAMES: usize = 24;

impl World {
    /// Ends a process: its pool goes, its parent gets a record and is told, a service is started again.
    pub fn end_process(&mut self, number: u32, code: u32, reason: u16, end: End, now: Time) {
        let Some(process) = self.table.end(number, code, reason) else { return };
        for token in self.opens.forget(number) {
            token.abandon();
        }
        for (_, _, token) in self.seeds.extract_if(.., |(who, _, _)| *who == number) {
            token.abandon();
        }
        self.forget_clones(number);
        // Whoever has a handle of one by now: it counted for this process, and REVOKE looked for it here.
        self.spaces.retain(|_, space| space.owner != number);
        let Body { pool, process: space, thread, notification, paging, .. } = *process.kernel;
        let handles = [space.into(), thread.into(), notification.into()].into_iter().chain(paging.into_handles());
        // It may be gone already, with the pool it lay in.
        let _ = pool.destroy_with(handles);
        self.entropy.stir(now);
        if let Some(index) = process.service {
            let why = Error::from_code(reason);
            match why {
                Some(why) => libsys::log!(Notice, "{} (process {number}) ended with {code}: {why}", process.name),
                None => libsys::log!(Notice, "{} (process {number}) ended with {code}", process.name),
            }
            self.service_ended(index, code, reason, end, now);
        }
        if process.started.is_some()
            && let Some(parent) = self.table.get(process.parent)
        {
            let _ = parent.kernel.notification.notify(CHILD);
        }
    }

    /// The last handle 4 of a process is gone: whoever destroyed the pool, it is over.
    pub fn process_closed(&mut self, number: u32) {
        self.end_process(number, 20, Error::Break.code(), End::Own, time::now_ns());
    }

    /// A thread faulted: a report, then its process ends.
    pub fn faulted(&mut self, fault: Faulted) {
        let Faulted { badge, words, token } = fault;
        token.abandon();
        let Some(crate::badge::Badge::Process(number)) = crate::badge::Badge::unpack(badge) else { return };
        if self.table.get(number).is_none() {
            return;
        }
        let [a, b, c, d, e, f, ..] = words;
        self.unrepaired(number, [a, b, c, d, e, f], Why::Wild);
    }

    /// A fault that nobody repairs: a report, then the process ends.
    pub fn unrepaired(&mut self, number: u32, words: [u64; 6], why: Why) {
        self.report(number, &words, why);
        let reason = match why {
            Why::Wild => Error::Fault,
            Why::PoolEmpty => Error::NoMemory,
            Why::Limit => Error::Limit,
        };
        self.end_process(number, 20, reason.code(), End::Own, time::now_ns());
    }

    fn report(&self, number: u32, words: &[u64; 6], why: Why) {
        let Some(process) = self.table.get(number) else { return };
        let [class, address, pc, sp, syndrome, ..] = *words;
        let body = &process.kernel;
        let name = &process.name;
        let pages = body.pool.info().map_or(0, |pool| pool.pages);
        match why {
            Why::Wild => {}
            Why::PoolEmpty => libsys::log!(
                Error,
                "{name} (process {number}) is out of memory: its pool of {pages} pages, {} KiB, is used up",
                pages * 4
            ),
            Why::Limit => {
                libsys::log!(Error, "{name} (process {number}) is out of memory: its pages are in too many pieces")
            }
        }
        let guard = body.places.stack - layout::MAIN_STACK_BYTES as u64;
        if why == Why::Wild && (guard - GUARD..guard).contains(&address) {
            let limit = layout::MAIN_STACK_BYTES >> 10;
            libsys::log!(Error, "{name} (process {number}): its stack has grown to its limit of {limit} KiB");
        }
        libsys::log!(
            Error,
            "{name} (process {number}) faulted: {} at {address:#x}, pc {pc:#x}, sp {sp:#x}, syndrome {syndrome:#x}",
            class_name(class)
        );
        let mut frames = [0; MAX_FRAMES];
        let found = trace(body, words, &mut frames);
        let show =
            |number, address| libsys::log!(Error, "  #{number} {}{}", process.name, Frame { number, address, body });
        show(0, pc);
        for (number, address) in (1..).zip(frames.get(..found).unwrap_or_default()) {
            show(number, *address);
        }
    }
}

/// Return addresses of the main thread, by the chain of frames on its stack. How many there are.
fn trace(body: &Body, fault: &[u64; 6], frames: &mut [u64; MAX_FRAMES]) -> usize {
    let [class, _, pc, sp, ..] = *fault;
    let (Ok(words), Ok(control)) = (body.thread.registers(FRAME_REGISTER), body.thread.registers(8)) else {
        return 0;
    };
    // Another thread's fault: its stack is its process's own.
    let [_, _, _, _, _, own_pc, ..] = control;
    if own_pc != pc {
        return 0;
    }
    let stack = Stack { body, page: Cell::new(0), mapping: RefCell::new(None) };
    let word = |at: u64| stack.word(usize::try_from(at).ok()?);
    let [mut frame, link, ..] = words;
    let mut count = 0;
    // What was called where no code is has no frame: the call alone tells who did it.
    let caller = if cfg!(target_arch = "aarch64") { Some(link) } else { word(sp) };
    if let (true, Some(caller), Some(place)) = (class == Fault::Fetch as u64, caller, frames.first_mut()) {
        *place = caller;
        count = 1;
    }
    while let Some(place) = frames.get_mut(count) {
        let (Some(next), Some(address)) = (word(frame), frame.checked_add(8).and_then(word)) else { break };
        if address == 0 {
            break;
        }
        *place = address;
        count += 1;
        if next <= frame {
            break;
        }
        frame = next;
    }
    count
}

/// A process's main stack, read page by page, wherever its pages are.
struct Stack<'a> {
    body: &'a Body,
    page: Cell<usize>,
    mapping: RefCell<Option<Mapping>>,
}

impl Stack<'_> {
    /// The word at an address, if it lies in the stack.
    fn word(&self, at: usize) -> Option<u64> {
        let page = at & !(PAGE_SIZE - 1);
        let top = self.body.places.stack as usize;
        if !(top - layout::MAIN_STACK_BYTES..top).contains(&at) {
            return None;
        }
        if self.page.get() != page {
            let seen = self.body.process.page(page).ok()?;
            let memory = self.body.paging.memory(seen.identity)?;
            self.mapping.replace(Some(memory.map_part(seen.page, 1, Access::READ).ok()?));
            self.page.set(page);
        }
        let mut bytes = [0; 8];
        self.mapping.borrow().as_ref()?.read(at - page, &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    }
}

/// Where the frame pointer stands among a thread's registers: rbp; x29, and x30 after it.
const FRAME_REGISTER: u64 = if cfg!(target_arch = "aarch64") { 16 + 17 } else { 16 };

/// An address of a trace: where it lies in the program, and in which function.
struct Frame<'a> {
    /// 0: the instruction that faulted; the others are return addresses.
    number: u32,
    address: u64,
    body: &'a Body,
}

impl core::fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let offset = self.address.checked_sub(self.body.base).filter(|offset| *offset < self.body.span);
        let Some(offset) = offset else { return write!(f, " {:#x}", self.address) };
        let symbols = self.body.symbols;
        let symbol =
            symbols.and_then(|s| if self.number == 0 { s.instruction(offset) } else { s.return_address(offset) });
        match symbol {
            Some(symbol) => write!(f, "+{offset:#x}  {symbol}"),
            None => write!(f, "+{offset:#x}"),
        }
    }
}

fn class_name(class: u64) -> &'static str {
    let known = [
        (Fault::Read, "read"),
        (Fault::Write, "write"),
        (Fault::Fetch, "fetch"),
        (Fault::Instruction, "undefined instruction"),
        (Fault::Divide, "division by zero"),
        (Fault::Alignment, "misaligned access"),
        (Fault::FloatingPoint, "floating-point exception"),
        (Fault::Debug, "breakpoint"),
    ];
    known.iter().find(|(fault, _)| *fault as u64 == class).map_or("exception", |(_, name)| *name)
}
