//! Pools: made, moved between, destroyed with all that was made from them.

use abi::{Error, Rights};
use kmem::Frame;
use kmem::mutants::{Mutant, mutant};

use crate::alloc::Need;
use crate::budget::Budget;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress, list};

/// Deepest nesting of pools.
pub const MAX_POOL_DEPTH: u8 = 16;

/// The classes whose objects are ended one by one, in this order: threads first, so that nothing runs in a half-dead
/// process; mappings go with their process or Memory. Each end says what it costs, and false if more is to be done first.
macro_rules! for_each_class {
    ($self:ident, $pool:ident, $($class:ident => $end:expr;)*) => {
        $(
            // Where the last one was, so that a slab is not looked through anew for each.
            let mut last = (Frame::NONE, 0);
            while let Some(slab) = $self.any_slab::<$class>($pool) {
                let from = if last.0 == slab { last.1 } else { 0 };
                let mut next = $self.v.slots::<$class>(slab).enumerate().skip(from);
                match next.find_map(|(at, link)| Some((at, $self.v.live(link)?))) {
                    Some((at, key)) => {
                        last = (slab, at);
                        #[allow(clippy::redundant_closure_call)]
                        if !$end(&mut *$self, key) {
                            return Progress::Restart;
                        }
                    }
                    // A slab with nothing alive only keeps retired slots.
                    None if !$self.afford(1) => return Progress::Restart,
                    None => $self.drop_slab::<$class>($pool, slab),
                }
            }
        )*
    };
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// `create` of a Pool: its pages are taken out of its parent's. `need` is what else the call takes.
    pub fn create_pool(
        &mut self,
        parent: PoolKey<'id>,
        pages: u64,
        ceiling: u64,
        budget: u64,
        mut need: Need,
    ) -> Result<PoolKey<'id>, Error> {
        let p = *self.v.get(parent);
        let pages = u32::try_from(pages).map_err(|_| Error::PoolEmpty)?;
        let above = ceiling > p.ceiling as u64 && !mutant(Mutant::SubPoolsCeiling);
        if pages == 0 || above || p.depth >= MAX_POOL_DEPTH && !mutant(Mutant::PoolsTooDeep) {
            return Err(Error::BadArgument);
        }
        self.need_object::<POOL>(&mut need, parent.link());
        need.add(parent.link(), pages);
        self.check(&need)?;
        let budget = self.check_budget(parent, budget, ceiling)?;
        // ---- point of no return ----
        let (parent_link, ceiling, depth) = (parent.link(), ceiling as u8, p.depth + 1);
        let pool = Pool { parent: parent_link, limit: pages, ceiling, depth, budget, ..Pool::default() };
        let pool = self.make::<POOL>(parent, pool).ok_or(Error::PoolEmpty)?;
        self.take_budget(pool, parent);
        let head = list::pools::push(self.v.get(parent).children, &mut self.v, pool);
        let p = self.v.get_mut(parent);
        p.children = head;
        p.used += if mutant(Mutant::SubPoolFree) { 0 } else { pages };
        p.given += pages;
        Ok(pool)
    }

    /// System call `pool_move`.
    pub fn pool_move(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let from = self.lookup::<POOL>(thread, regs.argument(0), Rights::MAKE)?;
        let to = self.lookup::<POOL>(thread, regs.argument(1), Rights::MAKE)?;
        let pages = u32::try_from(regs.argument(2)).map_err(|_| Error::PoolEmpty)?;
        let down = self.v.get(to.key).parent == from.key.link();
        let up = self.v.get(from.key).parent == to.key.link();
        if !down && !up && !mutant(Mutant::PagesToStrangers) {
            return Err(Error::BadArgument);
        }
        if up && !from.entry.rights().contains(Rights::DESTROY) && !mutant(Mutant::PagesTakenBack) {
            return Err(Error::Denied);
        }
        let source = self.v.get(from.key);
        if self.pool_dies(from.key) || self.pool_dies(to.key) || source.limit - source.used < pages {
            return Err(Error::PoolEmpty);
        }
        // ---- point of no return ----
        let (parent, child) = if down { (from.key, to.key) } else { (to.key, from.key) };
        let sign = |n: &mut u32| *n = if down { *n + pages } else { *n - pages };
        sign(&mut self.v.get_mut(child).limit);
        let p = self.v.get_mut(parent);
        sign(&mut p.used);
        sign(&mut p.given);
        Ok(Progress::Done)
    }

    /// System call `destroy`.
    pub fn destroy(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let handle = self.v.get(thread).context.regs.argument(0);
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let class = self.entry(process, handle)?.object.class();
        if class == THREAD {
            let found = self.lookup::<THREAD>(thread, handle, Rights::CONTROL);
            if found.is_err_and(|error| error == Error::ServerDied) && self.v.get(thread).restarting() {
                // The core on which it ran has ended it.
                return Ok(Progress::Done);
            }
            let target = found?.key;
            return Ok(match self.end_thread(target) {
                true if target == thread => Progress::Blocked,
                true => Progress::Done,
                false => Progress::Restart,
            });
        }
        let found = self.lookup::<POOL>(thread, handle, Rights::DESTROY);
        if found.is_err_and(|error| error == Error::ServerDied) && self.v.get(thread).restarting() {
            // An idle core finished what this call began.
            return Ok(Progress::Done);
        }
        let pool = found?.key;
        if self.v.get(pool).parent.is_none() && !mutant(Mutant::RootPoolMortal) {
            return Err(Error::Denied);
        }
        self.doom(pool);
        let (name, me) = (self.v.name(pool), thread.link());
        // Its own first: not what others doomed, ended or revoked meanwhile, of which there may be ever more.
        self.tear_down(if mutant(Mutant::NewestDoomedFirst) {
            self.v.follow(self.s.reap).unwrap_or(pool)
        } else {
            pool
        });
        self.work_off();
        Ok(match (self.v.live(me), self.v.find(name)) {
            (None, _) => Progress::Blocked,
            (Some(_), Some(pool)) if self.v.live(pool.link()).is_some() => Progress::Restart,
            (Some(_), _) => Progress::Done,
        })
    }

    /// Whether a pool, or one above it, is being torn down: nothing is made from it any more. At most [`MAX_POOL_DEPTH`] steps.
    pub fn pool_dies(&self, pool: PoolKey<'id>) -> bool {
        let mut at = Some(pool);
        while let Some(pool) = at {
            let p = self.v.get(pool);
            if p.dying || mutant(Mutant::SubPoolsOfDyingMake) {
                return p.dying;
            }
            at = self.v.follow(p.parent);
        }
        false
    }

    /// Marks a pool: nothing is made from it or below it any more, and it is torn down sooner or later.
    fn doom(&mut self, pool: PoolKey<'id>) {
        if !self.v.get(pool).dying {
            self.v.get_mut(pool).dying = true;
            self.s.reap = list::doomed::push(self.s.reap, &mut self.v, pool);
        }
    }

    /// Does a part of the tear-down, the ends and the revocations that wait; false when nothing waits.
    pub fn reap(&mut self) -> bool {
        if self.work_off() || self.undo_waiting() {
            return true;
        }
        let Some(pool) = self.v.follow(self.s.reap) else { return false };
        self.tear_down(pool);
        self.work_waits()
    }

    /// Does a part of the tear-down of a doomed pool: the deepest sub-pool first.
    fn tear_down(&mut self, pool: PoolKey<'id>) {
        let mut leaf = pool;
        while let Some(child) = self.v.follow(self.v.get(leaf).children) {
            self.v.get_mut(child).dying = true;
            leaf = child;
        }
        if self.empty_pool(leaf) == Progress::Done {
            self.free_pool(leaf);
        }
    }

    fn empty_pool(&mut self, pool: PoolKey<'id>) -> Progress {
        for_each_class! { self, pool,
            THREAD => |cx: &mut Self, key: ThreadKey<'id>| {
                !cx.v.get(key).ending && cx.afford(1) && cx.end_thread(key)
            };
            PROCESS => |cx: &mut Self, key| cx.end_process(key);
            CHANNEL => |cx: &mut Self, key: ChannelKey<'id>| {
                !cx.v.get(key).ending && cx.afford(1) && { cx.end_channel(key); true }
            };
            NOTIFICATION => |cx: &mut Self, key| cx.afford(1) && { cx.end_notification(key); true };
            GRANT => |cx: &mut Self, key| cx.end_grant(key);
            INTERRUPT => |cx: &mut Self, key| cx.afford(1) && { cx.end_interrupt(key); true };
            PORTS => |cx: &mut Self, key| cx.afford(1) && { cx.unmake::<PORTS>(key); true };
            AUTHORITY => |cx: &mut Self, key| cx.afford(1) && { cx.unmake::<AUTHORITY>(key); true };
            MEMORY => |cx: &mut Self, key| cx.end_or_orphan(key);
            // Their objects are gone by now; a slab may be kept by retired slots.
            MAPPING => |_: &mut Self, _| false;
            POOL => |_: &mut Self, _| false;
        }
        Progress::Done
    }

    /// Ends a Memory with its pool; one that others map goes on in the parent pool, with the slab it lies in.
    fn end_or_orphan(&mut self, memory: MemoryKey<'id>) -> bool {
        if self.v.get(memory).ending || !self.afford(1) {
            return false;
        }
        if self.v.get(memory).mapping_count == 0 || mutant(Mutant::OrphanFreed) {
            self.end_memory(memory);
            return true;
        }
        let slab = memory.frame();
        let Some(pool) = self.v.follow(self.v.get(memory).pool) else { return true };
        let Some(parent) = self.v.follow(self.v.get(pool).parent) else { return true };
        // What is mapped by nobody in the same slab goes first, so that only survivors move.
        let unused = self
            .v
            .slots::<MEMORY>(slab)
            .find_map(|link| self.v.live::<MEMORY>(link).filter(|key| self.v.get(*key).mapping_count == 0));
        if let Some(unused) = unused {
            if self.v.get(unused).ending {
                return false;
            }
            self.end_memory(unused);
            return true;
        }
        let mut pages = 1;
        for link in self.v.slots::<MEMORY>(slab) {
            if let Some(key) = self.v.live::<MEMORY>(link) {
                let m = self.v.get_mut(key);
                m.pool = if mutant(Mutant::OrphanKeepsPool) { m.pool } else { parent.link() };
                if m.kind != abi::info::MemoryType::Device && m.root.is_none() {
                    pages += m.pages;
                }
            }
        }
        self.adopt_slab::<MEMORY>(slab, pool, parent);
        self.leave_pages(pool, parent, pages);
        true
    }

    fn free_pool(&mut self, pool: PoolKey<'id>) {
        let p = *self.v.get(pool);
        if let Some(parent) = self.v.follow(p.parent) {
            let head = list::pools::remove(self.v.get(parent).children, &mut self.v, pool);
            self.return_budget(&p.budget, parent);
            let parent = self.v.get_mut(parent);
            parent.children = head;
            parent.used -= p.limit;
            parent.given -= p.limit;
        }
        self.leave_reap_list(pool);
        self.unmake(pool);
    }

    fn leave_reap_list(&mut self, pool: PoolKey<'id>) {
        // One that goes with the pool above it is not in it.
        if self.s.reap == pool.link() || !self.v.get(pool).reap_prev.is_none() {
            self.s.reap = list::doomed::remove(self.s.reap, &mut self.v, pool);
        }
    }

    /// Leaves a slab that has only retired slots to the parent pool.
    fn drop_slab<const I: u8>(&mut self, pool: PoolKey<'id>, slab: Frame)
    where
        Objects: kmem::Class<I>,
    {
        if let Some(parent) = self.v.follow::<POOL>(self.v.get::<POOL>(pool).parent) {
            self.adopt_slab::<I>(slab, pool, parent);
            self.leave_pages(pool, parent, 1);
        }
    }

    /// What a pool had from its parent and used is the parent's own now.
    pub fn leave_pages(&mut self, pool: PoolKey<'id>, parent: PoolKey<'id>, pages: u32) {
        let p = self.v.get_mut(pool);
        p.used -= pages;
        p.limit -= pages;
        self.v.get_mut(parent).given -= pages;
    }

    /// The root pool, over all free frames.
    pub fn create_root_pool(&mut self, ceiling: u8) -> Option<PoolKey<'id>> {
        // The pool object needs a slab before there is a pool to charge it to.
        let slab = self.v.take(1)?;
        let limit = self.v.free_frames() + 1;
        let pool = Pool { limit, used: 1, ceiling, budget: Budget::ROOT, ..Pool::default() };
        self.v.make_slab::<POOL>(slab, &pool, 0);
        let (key, _) = self.v.take_slot::<POOL>(slab, &pool)?;
        self.v.frame_mut(slab).owner = key.link().raw();
        self.v.get_mut(key).partial[POOL as usize] = slab;
        self.v.get_mut(key).objects = 1;
        self.s.root_pool = key.link();
        Some(key)
    }
}
