//! How processes end: by themselves, by a fault, by others, by their pool; all alike (`contracts.md` §6).

use abi::message::Fault;
use libsys::{Access, Error, Faulted, time};
use supervise::Time;
use supervise::restart::End;

use crate::birth::Body;
use crate::world::World;

/// Bit 4 of a notification: a child is over.
const CHILD: u64 = 1 << 4;
/// Frames of a trace, at most.
const MAX_FRAMES: usize = 24;

impl World {
    /// Ends a process: its pool goes, its parent gets a record and is told, a service is started again.
    pub fn end_process(&mut self, number: u32, code: u32, reason: u16, end: End, now: Time) {
        let Some(process) = self.table.end(number, code, reason) else { return };
        for token in self.opens.forget(number) {
            token.abandon();
        }
        let (gone, waiting) = core::mem::take(&mut self.seeds).into_iter().partition(|(who, _, _)| *who == number);
        self.seeds = waiting;
        let gone: alloc::vec::Vec<(u32, Time, libsys::Token)> = gone;
        for (_, _, token) in gone {
            token.abandon();
        }
        // It may be gone already, with the pool it lay in.
        let _ = process.kernel.pool.destroy();
        self.entropy.stir(&now.to_le_bytes());
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
        self.report(number, &words);
        self.end_process(number, 20, Error::Fault.code(), End::Own, time::now_ns());
    }

    fn report(&self, number: u32, words: &[u64; 8]) {
        let Some(process) = self.table.get(number) else { return };
        let [class, address, pc, sp, syndrome, ..] = *words;
        let body = &process.kernel;
        libsys::log!(
            Error,
            "{} (process {number}) faulted: {} at {address:#x}, pc {pc:#x}, sp {sp:#x}, syndrome {syndrome:#x}",
            process.name,
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
fn trace(body: &Body, fault: &[u64; 8], frames: &mut [u64; MAX_FRAMES]) -> usize {
    let [class, _, pc, sp, ..] = *fault;
    let (Ok(words), Ok(control)) = (body.thread.registers(FRAME_REGISTER), body.thread.registers(8)) else {
        return 0;
    };
    // Another thread's fault: its stack is its process's own.
    let [_, _, _, _, _, own_pc, ..] = control;
    let Ok(stack) = body.stack.map(Access::READ) else { return 0 };
    if own_pc != pc {
        return 0;
    }
    let bottom = libsys::layout::STACK_TOP as u64 - stack.len() as u64;
    let word = |at: u64| {
        let offset = usize::try_from(at.checked_sub(bottom)?).ok()?;
        let mut bytes = [0; 8];
        stack.read(offset, &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    };
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
