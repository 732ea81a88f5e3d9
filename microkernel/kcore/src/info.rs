//! `info`: what the kernel tells about its objects.

use abi::info as select;
use abi::{Error, Rights};
use kmem::FrameState;

use crate::hw::MAX_CORES;
use crate::objects::*;
use crate::state::{Count, Cx};
use crate::{Hw, Progress};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `info`.
    pub fn info(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let (handle, index) = (regs.argument(0), regs.argument(2));
        let words = match regs.argument(1) {
            select::BASIC => self.basic(thread, handle)?,
            select::POOL => {
                let p = self.v.get(self.lookup::<POOL>(thread, handle, Rights::empty())?.key);
                let [limit, used, given, objects] = [p.limit, p.used, p.given, p.objects].map(u64::from);
                [limit, used, given, p.ceiling as u64, objects, 0, 0, 0]
            }
            select::MEMORY => self.memory_info(self.lookup::<MEMORY>(thread, handle, Rights::empty())?.key),
            select::DEVICE_ADDRESS => {
                let m = self.v.get(self.lookup::<MEMORY>(thread, handle, Rights::OWNER)?.key);
                if m.kind == select::MemoryType::Ram {
                    return Err(Error::BadArgument);
                }
                [(m.base as u64) << 12, 0, 0, 0, 0, 0, 0, 0]
            }
            select::PROCESS => {
                let p = self.v.get(self.lookup::<PROCESS>(thread, handle, Rights::INSPECT)?.key);
                let [overhead, handles, threads, mapped] =
                    [p.overhead, p.handle_count, p.thread_count, p.mapped].map(u64::from);
                [overhead, handles, threads, mapped, 0, 0, 0, 0]
            }
            select::THREAD => {
                let t = self.v.get(self.lookup::<THREAD>(thread, handle, Rights::INSPECT)?.key);
                let waits = if t.state == State::AwaitingReply || t.state == State::Calling { t.badge } else { 0 };
                let [priority, base, core] = [t.priority, t.base_priority, t.core].map(u64::from);
                let now = if t.state == State::Running { self.s.hw.now() } else { t.run_start };
                let time = t.run_time + now.saturating_sub(t.run_start);
                [state_code(t.state), priority, base, time, core, t.sequence as u64, waits, 0]
            }
            select::INTERRUPT => {
                let i = self.v.get(self.lookup::<INTERRUPT>(thread, handle, Rights::empty())?.key);
                let (address, data) = self.s.hw.message(i.first).unwrap_or((0, 0));
                [i.first as u64, i.count as u64, address, data as u64, i.arrivals, 0, 0, 0]
            }
            select::STATISTICS => {
                self.lookup::<AUTHORITY>(thread, handle, Rights::LOG)?;
                let from = usize::try_from(index).map_err(|_| Error::BadArgument)?;
                core::array::from_fn(|i| self.counter(from.saturating_add(i)))
            }
            select::CORE => {
                self.lookup::<AUTHORITY>(thread, handle, Rights::LOG)?;
                let n = usize::try_from(index).ok().filter(|n| *n < MAX_CORES).ok_or(Error::BadArgument)?;
                self.core_info(n)
            }
            select::STRETCHES => {
                self.lookup::<AUTHORITY>(thread, handle, Rights::LOG)?;
                let from = usize::try_from(index).map_err(|_| Error::BadArgument)?;
                core::array::from_fn(|i| self.s.hw.stretch(from.saturating_add(i)))
            }
            select::SYSTEM => {
                self.lookup::<AUTHORITY>(thread, handle, Rights::LOG)?;
                let running = self.online().count() as u64;
                let all = self.v.follow(self.s.root_pool).map_or(0, |root| self.v.get(root).limit as u64);
                let free = self.v.free_frames() as u64;
                [running, running, self.s.hw.features().bits(), free, all, self.s.hw.now(), 0, 0]
            }
            _ => return Err(Error::BadArgument),
        };
        self.answer_words(thread, words);
        Ok(Progress::Done)
    }

    fn core_info(&self, n: usize) -> [u64; 8] {
        let core = &self.s.cores[n];
        let runs = self.v.follow(core.current).map_or(0, |current| self.v.get(current).priority as u64 + 1);
        let ready = core.ready.count_ones() as u64;
        let [online, idle] = [core.online as u64, self.idle_time(n)];
        [online, idle, core.switches, core.kicks, core.flushes, core.taken, runs, ready]
    }

    fn basic(&self, thread: ThreadKey<'id>, handle: u64) -> Result<[u64; 8], Error> {
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let entry = self.live_entry(process, handle)?;
        Ok([entry.object.class() as u64, entry.rights as u64, entry.badge, 0, 0, 0, 0, 0])
    }

    /// One of the kernel's counters, in the order of `abi::info::COUNTERS`.
    fn counter(&self, n: usize) -> u64 {
        if n == Count::ThreadSwitches as usize {
            return self.s.cores.iter().map(|core| core.switches).sum();
        }
        self.s.counts.get(n).copied().unwrap_or(0)
    }

    fn memory_info(&self, memory: MemoryKey<'id>) -> [u64; 8] {
        let m = self.v.get(memory);
        let mappings = self.extent_of(memory).map_or(0, |root| self.v.get(root).mapping_count);
        // Bounded: a larger Memory tells of its first pages only.
        let fixed = (0..m.pages.min(512))
            .filter(|n| {
                let frame = self.v.managed(m.base + n);
                m.kind != select::MemoryType::Device
                    && frame.is_some_and(|frame| self.v.frame(frame).state != FrameState::Data)
            })
            .count();
        [m.pages as u64, m.kind as u64, mappings as u64, fixed as u64, 0, 0, 0, 0]
    }
}

fn state_code(state: State) -> u64 {
    use abi::info::ThreadState as S;
    let code = match state {
        State::Stopped => S::Stopped,
        State::Ready => S::Ready,
        State::Running => S::Running,
        State::Calling => S::Calling,
        State::AwaitingReply => S::AwaitingReply,
        State::Receiving => S::Receiving,
        State::Faulted => S::Faulted,
    };
    code as u64
}
