//! `info`: what the kernel tells about its objects.

use abi::calls::{Access, COUNTED_PAGES};
use abi::info as select;
use abi::{Error, Rights};
use kmem::{FrameState, Kind, Link};

use crate::hw::{Entry as Decoded, MAX_CORES};
use crate::objects::*;
use crate::range::Range;
use crate::state::Cx;
use crate::tables::{LEAF_SPAN, TableKey};
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
                let b = &self.v.find(p.payer).map_or(p, |payer| self.v.get(payer)).budget;
                let budget = (b.share / 1_000) | ((b.period / 1_000) << 32);
                [limit, used, given, p.ceiling as u64, objects, budget, b.given / 1_000, b.charged]
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
            select::PAGE => self.page_info(self.lookup::<PROCESS>(thread, handle, Rights::MAP)?.key, index)?,
            select::HANDLES => {
                let process = self.lookup::<PROCESS>(thread, handle, Rights::INSPECT)?.key;
                self.handle_info(process, u32::try_from(index).map_err(|_| Error::BadArgument)?)
            }
            select::THREAD => {
                let t = self.v.get(self.lookup::<THREAD>(thread, handle, Rights::INSPECT)?.key);
                let waits = if t.state == State::AwaitingReply || t.state == State::Calling { t.badge } else { 0 };
                let [priority, base, core] = [t.priority, t.base_priority, t.core].map(u64::from);
                let now = if t.state == State::Running { self.s.hw.ticks() } else { t.run_start };
                let time = self.s.hw.span(t.run_time + now.saturating_sub(t.run_start));
                [state_code(t), priority, base, time, core, t.sequence as u64, waits, 0]
            }
            select::GRANT => self.grant_info(self.lookup::<GRANT>(thread, handle, Rights::REVOKE)?.key),
            select::INTERRUPT => {
                let i = self.v.get(self.lookup::<INTERRUPT>(thread, handle, Rights::empty())?.key);
                let (address, data) = self.s.hw.message(i.first).unwrap_or((0, 0));
                [i.first as u64, i.count as u64, address, data as u64, i.arrivals, 0, 0, 0]
            }
            select::STATISTICS => {
                self.lookup::<AUTHORITY>(thread, handle, Rights::LOG)?;
                let from = usize::try_from(index).map_err(|_| Error::BadArgument)?;
                let counts = self.s.counters();
                core::array::from_fn(|i| counts.get(from.saturating_add(i)).copied().unwrap_or(0))
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
        let runs = self.v.follow(core.current.link()).map_or(0, |current| self.v.get(current).priority as u64 + 1);
        let ready = core.ready.count_ones() as u64;
        let [online, idle] = [core.online as u64, self.idle_time(n)];
        [online, idle, core.all_switches(), core.kicks, core.flushes, core.taken, runs, ready]
    }

    fn basic(&self, thread: ThreadKey<'id>, handle: u64) -> Result<[u64; 8], Error> {
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let entry = self.live_entry(process, handle)?;
        Ok([entry.object.class() as u64, entry.rights as u64, entry.badge, 0, 0, 0, 0, 0])
    }

    /// What is mapped at an address, and how many pages go on alike.
    fn page_info(&self, process: ProcessKey<'id>, address: u64) -> Result<[u64; 8], Error> {
        let first = Range::new(address, 1, 1)?;
        let rest = (((address | (LEAF_SPAN - 1)) + 1 - address) >> 12).min(select::MAX_ALIKE);
        let Some(leaf) = self.leaf(process, first.address) else { return Ok([0, 0, 0, rest, 0, 0, 0, 0]) };
        let (access, memory, offset) = self.page_seen(leaf, address);
        let step = (memory != 0) as u64;
        let alike = |n: &u64| self.page_seen(leaf, address + (n << 12)) == (access, memory, offset + step * n);
        let pages = (1..rest).take_while(alike).count() as u64 + 1;
        Ok([access.bits() as u64, memory, offset, pages, 0, 0, 0, 0])
    }

    /// Access, the Memory's identity and the page in it; without the latter two where the frame is no Memory's own.
    fn page_seen(&self, leaf: TableKey<'id>, address: u64) -> (Access, u64, u64) {
        let Decoded::Page(physical, access) = self.page_at(leaf, address) else { return (Access::empty(), 0, 0) };
        let frame = self.v.managed(physical).filter(|frame| self.v.kind(*frame) == Kind::BYTES);
        let owner = frame.map_or(Link::NONE, |frame| Link::<MEMORY>::from_raw(self.v.frame(frame).owner));
        let Some(memory) = self.v.live(owner) else { return (access, 0, 0) };
        let m = self.v.get(memory);
        match physical.checked_sub(m.base) {
            Some(offset) if offset < m.pages => (access, owner.raw() as u64, offset as u64),
            _ => (access, 0, 0),
        }
    }

    /// The first handle from a slot on, within a page of the table.
    fn handle_info(&self, process: ProcessKey<'id>, from: u32) -> [u64; 8] {
        let slots = self.v.get(process).slots;
        let from = from.min(slots);
        let end = (from + 1).next_multiple_of(SLOTS_PER_PAGE).min(slots);
        let next = |slot: u32| if slot < slots { slot as u64 } else { 0 };
        let mut used = (from..end).filter_map(|slot| Some((slot, self.slot_entry(process, slot)?)));
        let Some((slot, entry)) = used.find(|(_, entry)| entry.object.class() != 0) else {
            return [0, 0, 0, 0, 0, 0, next(end), 0];
        };
        let depth = self.v.find(entry.grant).map_or(0, |grant| self.v.get(grant).depth as u64);
        let alive = self.object_alive(entry.object) && self.check_grants(&entry).is_ok();
        let (handle, kind) = (slot as u64 | (entry.generation as u64) << 16, entry.object.class() as u64);
        [handle, kind, entry.rights as u64, entry.badge, depth, alive as u64, next(slot + 1), 0]
    }

    /// Handles of a Grant's whose object is gone are good for nothing, revoked or not.
    fn grant_info(&self, grant: GrantKey<'id>) -> [u64; 8] {
        let g = self.v.get(grant);
        let handles = !g.ended && self.object_alive(g.target);
        let interrupts = !(g.lines.is_none() && g.bells.is_none());
        let effects = interrupts || !(g.children.is_none() && g.mappings.is_none() && g.waiting.is_none());
        let something = !g.revoked && (handles || effects || self.bound_by(grant).is_some());
        [something as u64, g.depth as u64, 0, 0, 0, 0, 0, 0]
    }

    fn memory_info(&self, memory: MemoryKey<'id>) -> [u64; 8] {
        let m = self.v.get(memory);
        let root = self.extent_of(memory);
        let mappings = root.map_or(0, |root| self.v.get(root).mapping_count);
        let identity = root.map_or(0, |root| root.link().raw());
        let first = root.map_or(0, |root| m.base - self.v.get(root).base);
        // Bounded: a larger Memory tells of its first pages only.
        let fixed = (0..m.pages.min(COUNTED_PAGES as u32))
            .filter(|n| {
                let frame = self.v.managed(m.base + n);
                m.kind != select::MemoryType::Device
                    && frame.is_some_and(|frame| self.v.frame(frame).state != FrameState::Data)
            })
            .count();
        [m.pages as u64, m.kind as u64, mappings as u64, fixed as u64, identity as u64, first as u64, 0, 0]
    }
}

fn state_code(thread: &Thread) -> u64 {
    use abi::info::ThreadState as S;
    let code = match thread.state {
        State::Stopped => S::Stopped,
        // It is going to be parked when its turn comes.
        State::Ready if thread.demoted && thread.priority == 0 => S::Parked,
        State::Ready => S::Ready,
        State::Running => S::Running,
        State::Calling => S::Calling,
        State::AwaitingReply => S::AwaitingReply,
        State::Receiving => S::Receiving,
        State::Faulted => S::Faulted,
        State::Parked => S::Parked,
    };
    code as u64
}
