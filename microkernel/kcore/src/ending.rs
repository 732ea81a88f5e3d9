//! Ends that may take more than one entry into the kernel: bounded work, then a chance for interrupts.
//!
//! What an entry does of long work is counted in units of some 500 guest instructions ([`Cx::afford`]), and there are
//! [`UNITS`] of them in one. What begins to end loses its names at once, so nobody can start anything with it any more,
//! and stands in a list until the last of what hangs on it is gone:
//!
//! | class | one by one |
//! |---|---|
//! | thread | callers to answer get `ServerDied` |
//! | channel | callers and receivers get `ServerDied`; closed ends go untold |
//! | Grant | Grants, mappings and waiting threads move to the Grant above |
//! | Memory | its frames are free again, from the last one down |
//!
//! ```text
//! close, destroy, revoke, unmap … ─▶ begin_to_end ─▶ list ─▶ work_off: the same call, rewound; the next such call; a
//!                                       └─ little to do: at once      core with nothing to run
//! ```

use abi::Error;
use kmem::Link;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::list::{by_grant, closed};
use crate::objects::*;
use crate::state::{Count, Cx};

/// Units of long work in one entry.
pub const UNITS: u32 = 8;
/// Frames given back for a unit.
const FRAMES_A_UNIT: u32 = 64;
/// Grants, mappings and threads that move up for a unit.
const MOVES_A_UNIT: u32 = 8;

/// What has begun to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Endings {
    /// Threads.
    pub threads: ThreadLink,
    /// Channels.
    pub channels: Link<CHANNEL>,
    /// Grants.
    pub grants: Link<GRANT>,
    /// Memories.
    pub memories: Link<MEMORY>,
    /// The most units that an entry has done: for the tests.
    pub most: u32,
}

impl Endings {
    /// Nothing.
    pub const NONE: Endings =
        Endings { threads: Link::NONE, channels: Link::NONE, grants: Link::NONE, memories: Link::NONE, most: 0 };

    fn is_empty(&self) -> bool {
        self.threads.is_none() && self.channels.is_none() && self.grants.is_none() && self.memories.is_none()
    }
}

/// Makes the function that puts an object into the list of those that end; its names are stale from here. What has
/// little to do ends at once, if this entry can afford it.
macro_rules! begin {
    ($($name:ident $key:ident $list:ident $part:ident;)*) => {
        $(
        /// Begins to end an object that nothing else leads to any more, and ends it if that is little work.
        pub fn $name(&mut self, key: $key<'id>) {
            self.v.hide(key);
            self.end_doors();
            let next = core::mem::replace(&mut self.s.endings.$list, key.link());
            let object = self.v.get_mut(key);
            (object.ending, object.end_next, object.refs) = (true, next, 0);
            self.began = true;
            self.$part(key);
        })*
    };
}

/// Takes an object, which lies first in its list, out of it.
macro_rules! leave {
    ($self:ident, $list:ident, $key:ident) => {
        debug_assert_eq!($self.s.endings.$list, $key.link());
        $self.s.endings.$list = $self.v.get($key).end_next;
    };
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Pays for long work that comes next; false if it is for the next entry. An entry's first always is for this one.
    #[inline(always)]
    pub fn afford(&mut self, units: u32) -> bool {
        let yes = self.spent == 0 || self.spent + units <= UNITS || mutant(Mutant::WorkUnbounded);
        if yes {
            self.spend(units);
        }
        yes
    }

    fn spend(&mut self, units: u32) {
        self.spent += units;
        self.s.endings.most = self.s.endings.most.max(self.spent);
    }

    /// Whether there is work for a core that has nothing else to do.
    pub fn work_waits(&self) -> bool {
        !self.s.reap.is_none() || !self.s.undo.is_none() || !self.s.endings.is_empty() && !mutant(Mutant::EndForgotten)
    }

    /// A call is done, but has begun ends that are not: the caller, its results in place, works on them.
    #[cold]
    pub fn begin_to_wait_for_ends(&mut self, thread: ThreadKey<'id>) {
        if self.work_off() {
            let t = self.v.get_mut(thread);
            t.ends_at = t.context.regs.pc;
            t.context.regs.pc -= H::CALL_LENGTH;
            t.restart();
            self.count(Count::Restarts);
        }
    }

    /// Such a caller comes again; false if it is another call that it makes.
    #[cold]
    pub fn go_on_ending(&mut self, thread: ThreadKey<'id>) -> bool {
        let t = self.v.get_mut(thread);
        let same = core::mem::take(&mut t.ends_at) == t.context.regs.pc || mutant(Mutant::WrongCallGoesOn);
        t.restarted();
        if same {
            self.begin_to_wait_for_ends(thread);
        }
        same
    }

    /// Works on what has begun to end, as far as this entry can afford; false when nothing of it is left.
    pub fn work_off(&mut self) -> bool {
        loop {
            if self.s.endings.is_empty() {
                return false;
            }
            // For what each takes beside its parts.
            if !self.afford(1) && !mutant(Mutant::EndsUnpaid) {
                return true;
            }
            let done = if let Some(thread) = self.v.follow(self.s.endings.threads) {
                self.part_of_thread(thread)
            } else if let Some(channel) = self.v.follow(self.s.endings.channels) {
                self.part_of_channel(channel)
            } else if let Some(grant) = self.v.follow(self.s.endings.grants) {
                self.part_of_grant(grant)
            } else if let Some(memory) = self.v.follow(self.s.endings.memories) {
                self.part_of_memory(memory)
            } else {
                return false;
            };
            if !done {
                return true;
            }
        }
    }

    begin! {
        begin_to_end_thread ThreadKey threads part_of_thread;
        begin_to_end_channel ChannelKey channels part_of_channel;
        begin_to_end_memory MemoryKey memories part_of_memory;
        begin_grant GrantKey grants part_of_grant;
    }

    /// Ends a Grant. What came about through it, or through Grants below it, is undone with the one above from now on.
    pub fn begin_to_end_grant(&mut self, grant: GrantKey<'id>) {
        self.hand_up(grant);
        let g = self.v.get_mut(grant);
        (g.ended, g.handles, g.live_children) = (true, 0, 0);
        self.begin_grant(grant);
    }

    /// Ends a channel: those who wait in it get `ServerDied`; calls already taken are answered as usual.
    pub fn end_channel(&mut self, channel: ChannelKey<'id>) {
        if !self.v.get(channel).ending {
            self.v.get_mut(channel).receive_refs = 0;
            self.begin_to_end_channel(channel);
        }
    }

    fn part_of_thread(&mut self, thread: ThreadKey<'id>) -> bool {
        while let Some(caller) = self.v.follow(self.v.get(thread).serving.head) {
            if !self.afford(1) {
                return false;
            }
            self.leave_queues(caller);
            if !mutant(Mutant::DeadServerUntold) {
                self.fail_call(caller, Error::ServerDied);
            }
        }
        leave!(self, threads, thread);
        self.free_thread(thread);
        true
    }

    fn part_of_channel(&mut self, channel: ChannelKey<'id>) -> bool {
        loop {
            let c = self.v.get(channel);
            let Some(waiting) = self.v.follow(c.callers.head).or_else(|| self.v.follow(c.receivers.head)) else {
                break;
            };
            if !self.afford(1) {
                return false;
            }
            self.leave_queues(waiting);
            if !mutant(Mutant::DeadChannelUntold) {
                self.fail_call(waiting, Error::ServerDied);
            }
        }
        let server = core::mem::take(&mut self.v.get_mut(channel).server);
        if let Some(server) = self.v.follow(server) {
            self.v.get_mut(server).serves = Link::NONE;
        }
        while !self.v.get(channel).closed.head.is_none() {
            if !self.afford(1) {
                return false;
            }
            let (queue, first) = closed::pop_front(self.v.get(channel).closed, &mut self.v);
            self.v.get_mut(channel).closed = queue;
            if let Some(grant) = first {
                self.v.get_mut(grant).queued = false;
                self.free_grant_if_done(grant);
            }
        }
        leave!(self, channels, channel);
        self.unmake(channel);
        true
    }

    fn part_of_grant(&mut self, grant: GrantKey<'id>) -> bool {
        if !self.move_all_up(grant) {
            return false;
        }
        leave!(self, grants, grant);
        self.unmake(grant);
        true
    }

    /// Has all that hangs on a Grant hang on the one above; false if this entry can't afford it.
    pub fn move_all_up(&mut self, grant: GrantKey<'id>) -> bool {
        let mut moved = 0;
        while self.move_one_up(grant) {
            moved += 1;
            if moved % MOVES_A_UNIT == 0 && !self.afford(1) {
                return false;
            }
        }
        self.leave_above(grant);
        true
    }

    /// Has one Grant, mapping, thread or Interrupt that hangs on a Grant hang on the one above; false if there is none.
    fn move_one_up(&mut self, grant: GrantKey<'id>) -> bool {
        let g = *self.v.get(grant);
        let above = self.v.follow(g.above).filter(|_| !mutant(Mutant::ClosedGrantForgotten));
        if let Some(child) = self.v.follow(g.children) {
            self.leave_above(child);
            if let Some(above) = above {
                self.enter_above(child, above);
            }
        } else if let Some(mapping) = self.v.follow(g.mappings) {
            self.v.get_mut(grant).mappings = by_grant::remove(g.mappings, &mut self.v, mapping);
            self.v.get_mut(mapping).grant = g.above;
            if let Some(above) = above {
                let head = by_grant::push(self.v.get(above).mappings, &mut self.v, mapping);
                self.v.get_mut(above).mappings = head;
            }
        } else if let Some(thread) = self.v.follow(g.waiting) {
            self.wait_no_more_through(thread);
            if let Some(above) = above {
                self.wait_through(thread, above);
            }
        } else if let Some(interrupt) = self.v.follow(g.lines) {
            self.bound_no_more_through(interrupt);
            if let Some(above) = above {
                self.bound_through(interrupt, above);
            }
        } else if let Some(interrupt) = self.v.follow(g.bells) {
            self.rings_no_more_through(interrupt);
            if let Some(above) = above {
                self.rings_through(interrupt, above);
            }
        } else {
            return false;
        }
        true
    }

    fn part_of_memory(&mut self, memory: MemoryKey<'id>) -> bool {
        if let Some(first) = self.own_frames(memory) {
            loop {
                let m = self.v.get_mut(memory);
                let (pages, pool) = (m.pages.min(FRAMES_A_UNIT), m.pool);
                m.pages -= pages;
                let left = m.pages;
                self.v.give(first.plus(left), pages);
                self.credit(pool, pages);
                if left == 0 {
                    break;
                }
                if !self.afford(1) {
                    return false;
                }
            }
        }
        leave!(self, memories, memory);
        self.unmake(memory);
        true
    }
}
