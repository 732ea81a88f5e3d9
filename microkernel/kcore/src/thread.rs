//! Threads: made, started, stopped, configured, ended.

use abi::calls::{ANY_CORE as ANY, CONFIG_CORE, CONFIG_FAULT, CONFIG_NOTIFICATION, CONFIG_POINTER, CONFIG_PRIORITY};
use abi::user::{USER_END, USER_START};
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{Frame, Link, Name};

use crate::alloc::Need;
use crate::cores::{ANY_CORE, Wanted};
use crate::fast::Doors;
use crate::handles::{Found, LastChannels};
use crate::hw::{Entry as Decoded, MAX_CORES};
use crate::objects::*;
use crate::serving::Depths;
use crate::state::{Cx, PRIORITIES};
use crate::tables::Pruned;
use crate::{Context, FPU_BYTES, Hw, Progress, Regs, list};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// `create` of a Thread: stopped, with an IPC buffer mapped at an address where nothing is. `need` is what else the
    /// call takes.
    pub fn create_thread(
        &mut self,
        pool: PoolKey<'id>,
        process: ProcessKey<'id>,
        priority: u64,
        buffer: u64,
        mut need: Need,
    ) -> Result<ThreadKey<'id>, Error> {
        if priority > self.v.get(pool).ceiling as u64 && !mutant(Mutant::CeilingIgnoredByCreate) {
            return Err(Error::BadArgument);
        }
        if self.v.get(process).dying {
            return Err(Error::ServerDied);
        }
        if buffer & 0xfff != 0 || !(USER_START..USER_END).contains(&buffer) {
            return Err(Error::BadAddress);
        }
        let (table, level) = self.lowest(process, buffer).ok_or(Error::ServerDied)?;
        let taken = level == 0 && self.page_at(table, buffer) != Decoded::Empty;
        if taken && !mutant(Mutant::BufferOverMapping) {
            return Err(Error::BadAddress);
        }
        self.need_object::<THREAD>(&mut need, pool.link());
        need.add(pool.link(), 1);
        need.add(self.v.get(process).pool, level.into());
        self.check(&need)?;
        // ---- point of no return ----
        let frame = self.take_frame(pool).ok_or(Error::PoolEmpty)?;
        if !mutant(Mutant::BufferNotZeroed) {
            self.v.zero(frame);
        }
        self.v.reset(frame, process.link().raw());
        let leaf = self.make_below(process, table, level, buffer).ok_or(Error::PoolEmpty)?;
        let physical = self.v.physical(frame);
        self.set_buffer(leaf, buffer, physical);
        self.s.hw.publish();
        let thread = self.make_like::<THREAD>(pool, &NEW).ok_or(Error::PoolEmpty)?;
        let (core, space) = (self.core as u8, self.v.get(process).space);
        let payer = self.v.get(pool).payer;
        let paid = if payer.is_none() { 0 } else { slow::PAID };
        let traced = if self.v.get(process).trace.ring.is_none() { 0 } else { slow::TRACED };
        let shares = if self.shares_tag(process) { slow::SHARES_TAG } else { 0 };
        let t = self.v.get_mut(thread);
        (t.priority, t.base_priority, t.core) = (priority as u8, priority as u8, core);
        (t.process, t.pool) = (process.link(), pool.link());
        (t.buffer, t.buffer_address) = (frame, buffer);
        (t.budget, t.payer, t.slow) = (payer, payer, paid | traced | shares);
        t.context.space = space;
        let head = list::siblings::push(self.v.get(process).threads, &mut self.v, thread);
        let p = self.v.get_mut(process);
        p.threads = head;
        p.thread_count += 1;
        Ok(thread)
    }

    /// System call `start`.
    pub fn start(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let target = self.lookup::<THREAD>(thread, regs.argument(0), Rights::CONTROL)?.key;
        let (pc, sp) = (regs.argument(1), regs.argument(2));
        let (fault, notification) = (regs.argument(4), regs.argument(5));
        // A process's further threads are mostly started with neither.
        let (fault, notification) = if fault | notification == 0 {
            (None, None)
        } else {
            (self.fault_argument(thread, fault)?, self.notification_argument(thread, notification)?)
        };
        if self.v.get(target).state != State::Stopped && !mutant(Mutant::RunningStarted) {
            return Err(Error::BadArgument);
        }
        if (!(USER_START..USER_END).contains(&pc) || sp > USER_END) && !mutant(Mutant::KernelEntryPoint) {
            return Err(Error::BadAddress);
        }
        // ---- point of no return ----
        if let Some(entry) = fault {
            self.set_fault_channel(target, entry);
        }
        if let Some(found) = notification {
            self.bind_notification(target, Some(found.key), found.entry.grant);
        }
        self.start_at(target, pc, sp, regs.argument(3));
        Ok(Progress::Done)
    }

    /// Starts a stopped thread.
    pub fn start_at(&mut self, thread: ThreadKey<'id>, pc: u64, sp: u64, argument: u64) {
        let flags = self.s.hw.user_flags();
        self.drop_pending(thread);
        let t = self.v.get_mut(thread);
        let pointer = t.context.regs.pointer;
        t.context.regs = Regs { pc, sp, flags, pointer, a0: argument, ..Regs::default() };
        t.context.fpu_valid = 0;
        (t.faulting, t.ends_at) = (false, 0);
        t.restarted();
        self.wake(thread);
    }

    /// System call `stop`.
    pub fn stop(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let handle = self.v.get(thread).context.regs.argument(0);
        let target = self.lookup::<THREAD>(thread, handle, Rights::CONTROL)?.key;
        if self.runs_elsewhere(target, Wanted::Stop) {
            return Ok(Progress::Restart);
        }
        self.stop_here(target);
        Ok(if target == thread { Progress::Blocked } else { Progress::Done })
    }

    /// Stops a thread that does not run on another core.
    pub fn stop_here(&mut self, target: ThreadKey<'id>) {
        self.leave_queues(target);
        let t = self.v.get_mut(target);
        t.sequence = t.sequence.wrapping_add(1);
        t.faulting = false;
    }

    /// System call `state`.
    pub fn read_state(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let target = self.lookup::<THREAD>(thread, regs.argument(0), Rights::INSPECT)?.key;
        let from = usize::try_from(regs.argument(1)).ok().filter(|i| *i < 36).ok_or(Error::BadArgument)?;
        let t = self.v.get(target);
        if t.state == State::Running {
            return Err(Error::BadArgument);
        }
        let saved = t.context.regs;
        let words = core::array::from_fn(|i| saved.word(from + i).unwrap_or(0));
        self.answer_words(thread, words);
        Ok(Progress::Done)
    }

    /// System call `config`.
    pub fn config(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let target = self.lookup::<THREAD>(thread, regs.argument(0), Rights::CONTROL)?.key;
        let value = regs.argument(2);
        match regs.argument(1) {
            CONFIG_PRIORITY => self.set_base_priority(target, value)?,
            CONFIG_FAULT => {
                let entry = self.fault_argument(thread, value)?.unwrap_or_default();
                self.set_fault_channel(target, entry);
            }
            CONFIG_NOTIFICATION => {
                let found = self.notification_argument(thread, value)?;
                let via = found.map_or(Name::NONE, |found| found.entry.grant);
                self.bind_notification(target, found.map(|found| found.key), via);
            }
            CONFIG_POINTER => {
                if value >= USER_END && !mutant(Mutant::PointerUnchecked) {
                    return Err(Error::BadArgument);
                }
                let t = self.v.get_mut(target);
                t.context.regs.pointer = value;
                let core = t.core as usize;
                if target == thread {
                    self.my_core().pointer_changed = true;
                } else if t.state == State::Running {
                    self.s.cores[core].pointer_changed = true;
                    self.call_core(core);
                }
            }
            CONFIG_CORE => {
                let named = usize::try_from(value).ok().filter(|core| *core < MAX_CORES);
                let home = match named {
                    _ if value == ANY => ANY_CORE,
                    Some(core) if self.s.cores[core].online || mutant(Mutant::CoreNotThere) => core as u8,
                    _ => return Err(Error::BadArgument),
                };
                self.set_home(target, home);
            }
            _ => return Err(Error::BadArgument),
        }
        Ok(Progress::Done)
    }

    /// The channel that a caller names for faults; 0 is none.
    fn fault_argument(&self, thread: ThreadKey<'id>, handle: u64) -> Result<Option<Entry>, Error> {
        if handle == 0 {
            return Ok(None);
        }
        Ok(Some(self.lookup::<CHANNEL>(thread, handle, Rights::CALL)?.entry))
    }

    /// The notification that a caller names to be bound; 0 is none.
    fn notification_argument(
        &self,
        thread: ThreadKey<'id>,
        handle: u64,
    ) -> Result<Option<Found<'id, NOTIFICATION>>, Error> {
        if handle == 0 {
            return Ok(None);
        }
        self.lookup::<NOTIFICATION>(thread, handle, Rights::OWNER).map(Some)
    }

    fn set_base_priority(&mut self, target: ThreadKey<'id>, value: u64) -> Result<(), Error> {
        let ceiling = self.v.follow(self.v.get(target).pool).map_or(0, |pool| self.v.get(pool).ceiling);
        if value > ceiling as u64 && !mutant(Mutant::CeilingIgnoredByConfig) || value >= PRIORITIES as u64 {
            return Err(Error::BadArgument);
        }
        self.v.get_mut(target).base_priority = value as u8;
        self.refresh_priority(target);
        Ok(())
    }

    /// Names who is told of a thread's faults. One that waits for that runs its instruction again.
    pub fn set_fault_channel(&mut self, target: ThreadKey<'id>, entry: Entry) {
        self.v.get_mut(target).fault = entry;
        if self.v.get(target).state == State::Faulted && !entry.object.is_none() {
            self.wake(target);
        }
    }

    /// Binds a notification to the thread whose `recv` returns its bits; each to one of the other. `via` is the Grant
    /// of the handle that allowed it.
    pub fn bind_notification(
        &mut self,
        target: ThreadKey<'id>,
        notification: Option<NotificationKey<'id>>,
        via: Name<GRANT>,
    ) {
        if let Some(old) = self.v.follow(self.v.get(target).notification) {
            self.v.get_mut(old).bound = Link::NONE;
        }
        self.v.get_mut(target).unbind();
        let Some(notification) = notification else { return };
        if let Some(other) = self.v.follow(self.v.get(notification).bound) {
            self.v.get_mut(other).unbind();
        }
        self.v.get_mut(notification).bound = target.link();
        let t = self.v.get_mut(target);
        (t.notification, t.bound_via) = (notification.link(), via);
        self.signal(notification, 0);
    }

    /// Ends a thread: its own call is void, its callers get `ServerDied`, its buffer is unmapped. False while it runs on
    /// another core, which then does it.
    pub fn end_thread(&mut self, thread: ThreadKey<'id>) -> bool {
        if self.runs_elsewhere(thread, Wanted::End) {
            return false;
        }
        self.leave_queues(thread);
        self.drop_pending(thread);
        if !mutant(Mutant::EndedThreadBound) {
            self.bind_notification(thread, None, Name::NONE);
        }
        let serves = core::mem::take(&mut self.v.get_mut(thread).serves);
        if let Some(channel) = self.v.follow(serves) {
            self.v.get_mut(channel).server = Link::NONE;
        }
        self.begin_to_end_thread(thread);
        true
    }

    /// Ends a thread for which nobody waits any more.
    pub fn free_thread(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get(thread);
        let (process, buffer_address, buffer, pool) = (t.process, t.buffer_address, t.buffer, t.pool);
        if let Some(process) = self.v.follow(process) {
            if let Some(path) = self.path(process, buffer_address) {
                if !mutant(Mutant::BufferStaysMapped) {
                    self.clear_page(path[0], buffer_address);
                }
                self.s.hw.publish();
                let pruned = self.prune_along(process, buffer_address, &path);
                if pruned == Pruned::None && !mutant(Mutant::StaleBuffer) {
                    self.flush(process, buffer_address, 1);
                }
            }
            let head = list::siblings::remove(self.v.get(process).threads, &mut self.v, thread);
            let p = self.v.get_mut(process);
            p.threads = head;
            p.thread_count -= 1;
        }
        self.v.give(buffer, 1);
        self.credit(pool, 1);
        self.unmake(thread);
    }
}

/// What a new thread's page is copied from: made once, not on the stack for each.
static NEW: Thread = Thread::NEW;

impl Thread {
    /// Stopped, and of nobody.
    const NEW: Thread = {
        Thread {
            state: State::Stopped,
            core: 0,
            priority: 0,
            base_priority: 0,
            sequence: 0,
            depth: 0,
            faulting: false,
            ending: false,
            bits_last: false,
            bits_wait: false,
            takes: 0,
            home: ANY_CORE,
            demoted: false,
            slow: 0,
            calling: 0,
            timer_slot: 0,
            process: Link::NONE,
            pool: Link::NONE,
            next: Link::NONE,
            prev: Link::NONE,
            run_next: Link::NONE,
            run_prev: Link::NONE,
            serving: Queue::EMPTY,
            callers: Depths::NONE,
            server: Link::NONE,
            channel: Link::NONE,
            serves: Link::NONE,
            notification: Link::NONE,
            sibling_next: Link::NONE,
            sibling_prev: Link::NONE,
            timer_next: Link::NONE,
            timer_prev: Link::NONE,
            refs: 0,
            buffer: Frame::NONE,
            buffer_address: 0,
            deadline: 0,
            via: Link::NONE,
            via_next: Link::NONE,
            via_prev: Link::NONE,
            badge: 0,
            bound_via: Name::NONE,
            fault: Entry::NONE,
            fault_words: [0; 6],
            pending: Name::NONE,
            pending_done: 0,
            evicts: Link::NONE,
            end_next: Link::NONE,
            ends_at: 0,
            budget: Name::NONE,
            payer: Name::NONE,
            run_time: 0,
            run_start: 0,
            doors: Doors::NONE,
            last: LastChannels::NONE,
            context: Context { regs: Regs::ZERO, space: 0, fpu_valid: 0, fpu_control: [0; 2], fpu: [0; FPU_BYTES] },
        }
    };
}

impl Default for Thread {
    fn default() -> Thread {
        Thread::NEW
    }
}
