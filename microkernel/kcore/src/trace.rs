//! Traces: what the threads of a process call, and what they get, in a ring of its observer's memory.
//!
//! # Rules
//!
//! * Who is not traced pays nothing: a traced thread is marked in [`Thread::slow`], which makes the fast path decline and
//!   has the general path come here.
//! * The ring belongs to the observer. When it is full, records are dropped and counted; nobody waits for anybody.
//! * The kernel writes only while the observer may: when its handles to the process or the ring are revoked, when the ring
//!   is gone or frozen, the trace ends by itself.
//!
//! ```text
//! page 0: written, read (by the observer), lost      pages 1 …: records of 16 words, `abi::trace`
//! ```

use abi::calls::number as nr;
use abi::message::{BUFFER_PAYLOAD, Kind, REGISTER_BYTES, Tag};
use abi::trace::{Event, HEADER, RECORD_WORDS, RECORDS_PER_PAGE};
use abi::{Error, Rights, Status};
use kmem::mutants::{Mutant, mutant};
use kmem::{Frame, FrameState, Name};

use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress};

/// Most pages of a ring.
const MAX_PAGES: u32 = 256;
/// Most threads of a process that is to be traced: all are marked in one entry.
const MAX_THREADS: u32 = 256;

/// Where a process's trace goes, and by which Grants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace {
    /// The ring; none: it is not traced.
    pub ring: Name<MEMORY>,
    /// Records written, whatever the observer makes of the count in its ring.
    pub written: u64,
    /// Grants of the handles that allowed it.
    pub via: [Name<GRANT>; 2],
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `trace`.
    pub fn trace(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let process = self.lookup::<PROCESS>(thread, regs.argument(0), Rights::INSPECT)?;
        let mut trace = Trace { via: [process.entry.grant, Name::NONE], ..Trace::default() };
        if regs.argument(1) != 0 {
            let ring = self.lookup::<MEMORY>(thread, regs.argument(1), Rights::READ | Rights::WRITE)?;
            self.lookup::<AUTHORITY>(thread, regs.argument(2), Rights::LOG)?;
            let m = self.v.get(ring.key);
            let fits = m.root.is_none() && (2..=MAX_PAGES).contains(&m.pages) && self.v.managed(m.base).is_some();
            if !fits {
                return Err(Error::BadArgument);
            }
            (trace.ring, trace.via[1]) = (self.v.name(ring.key), ring.entry.grant);
        }
        if self.v.get(process.key).thread_count > MAX_THREADS {
            return Err(Error::TableFull);
        }
        // ---- point of no return ----
        self.v.get_mut(process.key).trace = trace;
        let mut at = self.v.get(process.key).threads;
        while let Some(traced) = self.v.follow(at) {
            let t = self.v.get_mut(traced);
            at = t.sibling_next;
            t.calling = 0;
            t.slow = if trace.ring.is_none() { t.slow & !slow::TRACED } else { t.slow | slow::TRACED };
        }
        Ok(Progress::Done)
    }

    /// A traced thread's call, with its record before, and the one after if it returns at once.
    #[cold]
    pub fn traced_syscall(&mut self, thread: ThreadKey<'id>) -> ThreadLink {
        let t = self.v.get_mut(thread);
        if !t.restarting() && t.ends_at == 0 {
            let number = t.context.regs.number as u16;
            t.calling = number.wrapping_add(1).max(1);
            self.write_trace(thread, Event::Call, number);
        }
        let me = thread.link();
        let next = self.serve_call(thread);
        if next == me && !self.v.get(thread).restarting() {
            self.trace_return(thread);
        }
        next
    }

    /// A traced thread goes on with the results of its call.
    pub fn trace_return(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get_mut(thread);
        if t.calling != 0 && !t.restarting() {
            let number = core::mem::take(&mut t.calling).wrapping_sub(1);
            self.write_trace(thread, Event::Return, number);
        }
    }

    fn write_trace(&mut self, thread: ThreadKey<'id>, event: Event, number: u16) {
        let Some(process) = self.v.follow(self.v.get(thread).process) else { return };
        let Some((base, capacity)) = self.trace_ring(process) else {
            self.v.get_mut(process).trace = Trace::default();
            let t = self.v.get_mut(thread);
            (t.slow, t.calling) = (t.slow & !slow::TRACED, 0);
            return;
        };
        let (written, read) = (self.v.get(process).trace.written, self.v.read_word(base, HEADER.read));
        if written.wrapping_sub(read) >= capacity && !mutant(Mutant::TraceOverwrites) {
            let lost = self.v.read_word(base, HEADER.lost);
            self.v.write_word(base, HEADER.lost, lost.wrapping_add(1));
            return;
        }
        let slot = written % capacity;
        let frame = base.plus(1 + (slot / RECORDS_PER_PAGE) as u32);
        if self.v.frame(frame).state != FrameState::Data {
            return;
        }
        let now = self.now();
        let words = self.traced_words(thread, event, number);
        let r = &self.v.get(thread).context.regs;
        let head = event as u64 | (number as u64) << 8 | (thread.link().raw() as u64) << 32;
        let mut record = [0; RECORD_WORDS];
        record[..6].copy_from_slice(&[now, head, r.number, r.a0, r.a1, r.badge]);
        record[6..14].copy_from_slice(&words);
        let start = (slot % RECORDS_PER_PAGE) as usize * RECORD_WORDS * 8;
        for (i, word) in record.iter().enumerate() {
            self.v.write_word(frame, start + i * 8, *word);
        }
        self.v.get_mut(process).trace.written = written + 1;
        self.v.write_word(base, HEADER.written, written + 1);
    }

    /// A record's eight words: the registers', or the first of a message that lies in the IPC buffer.
    fn traced_words(&self, thread: ThreadKey<'id>, event: Event, number: u16) -> [u64; 8] {
        let t = self.v.get(thread);
        let r = &t.context.regs;
        let carries = match (event, number) {
            (Event::Call, nr::call | nr::reply) => true,
            (Event::Call, nr::reply_recv) => r.a0 != 0,
            (Event::Return, nr::call) => r.number == Status::OK.0,
            (Event::Return, nr::recv | nr::reply_recv) => r.number == Status::OK.0 && Tag(r.a1).kind() == Kind::Call,
            _ => false,
        };
        if !carries || Tag(r.a1).bytes() <= REGISTER_BYTES || mutant(Mutant::TraceOfRegisters) {
            return r.words;
        }
        core::array::from_fn(|i| self.v.read_word(t.buffer, BUFFER_PAYLOAD + i * 8))
    }

    /// The ring's first frame and how many records fit; none if the trace is over.
    fn trace_ring(&self, process: ProcessKey<'id>) -> Option<(Frame, u64)> {
        let trace = &self.v.get(process).trace;
        let memory = self.v.get(self.v.find(trace.ring)?);
        let base = self.v.managed(memory.base)?;
        let allowed = trace.via.iter().all(|grant| self.grants_alive(*grant)) || mutant(Mutant::TraceAfterRevocation);
        let open = allowed && self.v.frame(base).state == FrameState::Data;
        open.then_some((base, (memory.pages as u64 - 1) * RECORDS_PER_PAGE))
    }
}
