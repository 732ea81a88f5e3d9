//! Objects come out of pools.
//!
//! A pool counts pages. Each slab belongs to one pool and one class, and lies in the pool's list of partial or of full
//! slabs of that class. [`Need`] adds up what a call is going to take, so that all of it is checked before any is taken.

use abi::Error;
use kmem::mutants::{Mutant, mutant};
use kmem::{Class, Frame, Key, Link, SlabChange, View};

use crate::Hw;
use crate::objects::{CHANNEL, GRANT, NOTIFICATION, Objects, POOL, PoolKey};
use crate::state::{Count, Cx};

const FULL: u8 = 1;

/// Pages that a call will take from up to four pools.
#[derive(Clone, Copy, Default)]
pub struct Need {
    pages: [(Link<POOL>, u32); 4],
}

impl Need {
    /// Adds pages of a pool, perhaps as many as a caller named: more than there can be stay more.
    pub fn add(&mut self, pool: Link<POOL>, pages: u32) {
        if let Some(slot) = self.pages.iter_mut().find(|slot| slot.0 == pool || slot.0.is_none()) {
            let sum = if mutant(Mutant::NeedWraps) { slot.1.wrapping_add(pages) } else { slot.1.saturating_add(pages) };
            *slot = (pool, sum);
        }
    }
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Whether the pools have what is needed.
    pub fn check(&self, need: &Need) -> Result<(), Error> {
        for (pool, pages) in need.pages {
            if pages == 0 {
                continue;
            }
            let key = self.v.follow::<POOL>(pool).ok_or(Error::ServerDied)?;
            let pool = self.v.get(key);
            let short = pool.limit - pool.used < pages && !mutant(Mutant::QuotaUnchecked);
            if short || self.pool_dies(key) {
                return Err(Error::PoolEmpty);
            }
        }
        Ok(())
    }

    /// Adds what one object of class `I` from this pool will take: a page if no slab has room.
    pub fn need_object<const I: u8>(&self, need: &mut Need, pool: Link<POOL>)
    where
        Objects: Class<I>,
    {
        self.need_objects::<I>(need, pool, 1);
    }

    /// Adds what a few objects of class `I` from this pool will take: fewer than fit a page.
    pub fn need_objects<const I: u8>(&self, need: &mut Need, pool: Link<POOL>, count: u32)
    where
        Objects: Class<I>,
    {
        let mut room = 0;
        let mut slab =
            self.v.follow::<POOL>(pool).map_or(Frame::NONE, |pool| self.v.get::<POOL>(pool).partial[I as usize]);
        while room < count && !slab.is_none() {
            room += self.v.room::<I>(slab);
            slab = self.v.frame(slab).next;
        }
        if room < count {
            need.add(pool, 1);
        }
    }

    /// Takes one frame, charged to the pool, as plain bytes. Its contents are old.
    pub fn take_frame(&mut self, pool: PoolKey<'id>) -> Option<Frame> {
        self.charged(pool, |v| v.take(1))
    }

    /// What is a page, charged to the pool: none if that has no page left, or if there is no such thing.
    #[inline(always)]
    pub fn charged<T>(
        &mut self,
        pool: PoolKey<'id>,
        take: impl FnOnce(&mut View<'_, 'id, Objects>) -> Option<T>,
    ) -> Option<T> {
        let p = self.v.get::<POOL>(pool);
        if p.limit == p.used {
            return None;
        }
        let taken = take(&mut self.v)?;
        self.v.get_mut::<POOL>(pool).used += 1;
        Some(taken)
    }

    /// Credits a pool for pages given back.
    pub fn credit(&mut self, pool: Link<POOL>, pages: u32) {
        if let Some(pool) = self.v.follow::<POOL>(pool) {
            self.v.get_mut::<POOL>(pool).used -= if mutant(Mutant::FramesNotCredited) { 0 } else { pages };
        }
    }

    /// Makes an object of class `I`. `None` only if [`Cx::check`] was not asked.
    pub fn make<const I: u8>(&mut self, pool: PoolKey<'id>, value: <Objects as Class<I>>::T) -> Option<Key<'id, I>>
    where
        Objects: Class<I>,
    {
        self.make_like(pool, &value)
    }

    /// The same as a copy of a large object, which is copied once.
    pub fn make_like<const I: u8>(
        &mut self,
        pool: PoolKey<'id>,
        value: &<Objects as Class<I>>::T,
    ) -> Option<Key<'id, I>>
    where
        Objects: Class<I>,
    {
        let class = I as usize;
        let mut slab = self.v.get::<POOL>(pool).partial[class];
        let (key, change) = if slab.is_none() {
            let taken = match self.take_spare_slab::<I>(pool) {
                Some(spare) => {
                    slab = spare;
                    self.v.take_slot::<I>(slab, value)?
                }
                None => {
                    slab = self.take_frame(pool)?;
                    self.v.make_slab::<I>(slab, value, pool.link().raw());
                    self.v.take_filled::<I>(slab)?
                }
            };
            self.link_slab(pool, class, slab, taken.1 == SlabChange::Full);
            (taken.0, SlabChange::Partial)
        } else {
            self.v.take_slot::<I>(slab, value)?
        };
        if change == SlabChange::Full {
            self.unlink_slab(pool, class, slab);
            self.link_slab(pool, class, slab, true);
        }
        self.v.get_mut::<POOL>(pool).objects += 1;
        self.count(Count::ObjectsMade);
        Some(key)
    }

    /// An empty slab that need not be filled, charged to the pool, if one is at hand.
    fn take_spare_slab<const I: u8>(&mut self, pool: PoolKey<'id>) -> Option<Frame>
    where
        Objects: Class<I>,
    {
        if <Objects as Class<I>>::SPARES == 0 {
            return None;
        }
        let slab = self.charged(pool, |v| v.take_spare_slab::<I>(pool.link().raw()))?;
        self.v.get_mut::<POOL>(pool).used -= mutant(Mutant::SpareSlabUnpaid) as u32;
        Some(slab)
    }

    /// Ends an object: its names are stale from here. Whoever calls has unlinked it from everything.
    pub fn unmake<const I: u8>(&mut self, key: Key<'id, I>)
    where
        Objects: Class<I>,
    {
        let class = I as usize;
        if I == CHANNEL || I == NOTIFICATION || I == GRANT {
            self.end_doors();
        }
        let slab = key.frame();
        let pool = self.v.follow::<POOL>(Link::<POOL>::from_raw(self.v.frame(slab).owner));
        let change = self.v.free_slot(key);
        self.count(Count::ObjectsDestroyed);
        let Some(pool) = pool else { return };
        self.v.get_mut::<POOL>(pool).objects -= 1;
        match change {
            SlabChange::Empty => {
                self.unlink_slab(pool, class, slab);
                self.v.release_slab::<I>(slab);
                self.v.get_mut::<POOL>(pool).used -= !mutant(Mutant::QuotaNotCredited) as u32;
            }
            SlabChange::NoLongerFull => {
                self.unlink_slab(pool, class, slab);
                self.link_slab(pool, class, slab, false);
            }
            SlabChange::Partial | SlabChange::Full => {}
        }
    }

    /// Some slab of the pool with objects of class `I`.
    pub fn any_slab<const I: u8>(&self, pool: PoolKey<'id>) -> Option<Frame> {
        let p = self.v.get::<POOL>(pool);
        [p.full[I as usize], p.partial[I as usize]].into_iter().find(|slab| !slab.is_none())
    }

    /// Moves a slab, with what is alive in it, to another pool. The page counts are the caller's business.
    pub fn adopt_slab<const I: u8>(&mut self, slab: Frame, from: PoolKey<'id>, to: PoolKey<'id>)
    where
        Objects: Class<I>,
    {
        let full = self.v.frame(slab).flags & FULL != 0;
        self.unlink_slab(from, I as usize, slab);
        // Not those of retired slots.
        let objects = self.v.slots::<I>(slab).filter(|link| self.v.live(*link).is_some()).count() as u32;
        self.v.frame_mut(slab).owner = to.link().raw();
        self.link_slab(to, I as usize, slab, full);
        self.v.get_mut::<POOL>(from).objects -= objects;
        self.v.get_mut::<POOL>(to).objects += objects;
    }

    fn link_slab(&mut self, pool: PoolKey<'id>, class: usize, slab: Frame, full: bool) {
        let p = self.v.get_mut::<POOL>(pool);
        let head = core::mem::replace(if full { &mut p.full[class] } else { &mut p.partial[class] }, slab);
        let info = self.v.frame_mut(slab);
        info.next = head;
        info.prev = Frame::NONE;
        info.flags = if full { FULL } else { 0 };
        if !head.is_none() {
            self.v.frame_mut(head).prev = slab;
        }
    }

    fn unlink_slab(&mut self, pool: PoolKey<'id>, class: usize, slab: Frame) {
        let info = *self.v.frame(slab);
        if !info.next.is_none() {
            self.v.frame_mut(info.next).prev = info.prev;
        }
        if !info.prev.is_none() {
            self.v.frame_mut(info.prev).next = info.next;
            return;
        }
        let p = self.v.get_mut::<POOL>(pool);
        let head = if info.flags & FULL != 0 { &mut p.full[class] } else { &mut p.partial[class] };
        *head = info.next;
    }
}
