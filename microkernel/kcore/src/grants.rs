//! Counting handles, deriving, and telling the end.
//!
//! A Grant is never searched for its handles: they die at their next look-up, because it walks up the Grants. What came
//! about through them is undone by `revoke`.

use abi::calls::{CLOSED, Derived};
use abi::{Error, Rights};
use kmem::AnyName;
use kmem::mutants::{Mutant, mutant};

use crate::alloc::Need;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress, list};

/// Longest chain of Grants.
pub const MAX_DEPTH: u8 = 4;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Counts a handle that has come to stand in some table.
    pub fn count_handle(&mut self, entry: &Entry) {
        if let Some(grant) = self.v.find(entry.grant) {
            self.v.get_mut(grant).handles += !mutant(Mutant::HandleUncounted) as u32;
        }
        let name = entry.object;
        if let Some(key) = self.v.find_any::<CHANNEL>(name) {
            let channel = self.v.get_mut(key);
            channel.refs += 1;
            channel.receive_refs += entry.rights().contains(Rights::RECV) as u32;
        } else if let Some(refs) = self.refs_mut(name) {
            *refs += 1;
        }
    }

    /// Uncounts a handle that stood in a table, and ends what it was the last of.
    pub fn drop_handle(&mut self, entry: &Entry) {
        if let Some(grant) = self.v.find(entry.grant) {
            self.v.get_mut(grant).handles -= 1;
            self.end_if_done(grant);
        }
        let name = entry.object;
        if let Some(key) = self.v.find_any::<CHANNEL>(name) {
            let receives = entry.rights().contains(Rights::RECV) as u32;
            let channel = self.v.get_mut(key);
            channel.refs -= 1;
            channel.receive_refs -= receives;
            if receives != 0 && channel.receive_refs == 0 || channel.refs == 0 {
                self.end_channel(key);
            }
            return;
        }
        let Some(refs) = self.refs_mut(name) else { return };
        *refs -= 1;
        if *refs == 0 {
            self.end_unreferenced(name);
        }
    }

    fn refs_mut(&mut self, name: AnyName) -> Option<&mut u32> {
        Some(match name.class() {
            POOL => &mut self.v.get_mut(self.v.find_any::<POOL>(name)?).refs,
            PROCESS => &mut self.v.get_mut(self.v.find_any::<PROCESS>(name)?).refs,
            THREAD => &mut self.v.get_mut(self.v.find_any::<THREAD>(name)?).refs,
            NOTIFICATION => &mut self.v.get_mut(self.v.find_any::<NOTIFICATION>(name)?).refs,
            MEMORY => &mut self.v.get_mut(self.v.find_any::<MEMORY>(name)?).refs,
            GRANT => &mut self.v.get_mut(self.v.find_any::<GRANT>(name)?).refs,
            INTERRUPT => &mut self.v.get_mut(self.v.find_any::<INTERRUPT>(name)?).refs,
            PORTS => &mut self.v.get_mut(self.v.find_any::<PORTS>(name)?).refs,
            AUTHORITY => &mut self.v.get_mut(self.v.find_any::<AUTHORITY>(name)?).refs,
            _ => return None,
        })
    }

    /// Ends an object that has lost its last handle. Pools, processes and threads go on: they are ended by `destroy`.
    fn end_unreferenced(&mut self, name: AnyName) {
        match name.class() {
            NOTIFICATION => self.v.find_any(name).into_iter().for_each(|key| self.end_notification(key)),
            MEMORY => self.v.find_any(name).into_iter().for_each(|key| self.end_memory_if_unused(key)),
            GRANT => self.v.find_any(name).into_iter().for_each(|key| self.free_grant_if_done(key)),
            INTERRUPT => self.v.find_any(name).into_iter().for_each(|key| self.end_interrupt(key)),
            PORTS => self.v.find_any::<PORTS>(name).into_iter().for_each(|key| self.unmake(key)),
            AUTHORITY => self.v.find_any::<AUTHORITY>(name).into_iter().for_each(|key| self.unmake(key)),
            _ => {}
        }
    }

    /// System call `derive`.
    pub fn derive(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let pool = self.lookup::<POOL>(thread, regs.argument(0), Rights::MAKE)?.key;
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let from = self.live_entry(process, regs.argument(1))?;
        let rights = rights_argument(regs.argument(2))?;
        if self.pool_dies(pool) && !mutant(Mutant::DyingPoolMakes) {
            return Err(Error::ServerDied);
        }
        let to = Derived(regs.argument(5));
        let alone = to.alone().ok_or(Error::BadArgument)?;
        let place = match to.place() {
            None => None,
            Some(place) => Some(self.place_elsewhere(thread, &from, place)?),
        };
        if from.object.class() == GRANT {
            return Err(Error::WrongKind);
        }
        let parent = self.v.find(from.grant);
        let depth = parent.map_or(0, |parent| self.v.get(parent).depth) + 1;
        if depth > MAX_DEPTH && !mutant(Mutant::DepthUnbounded) {
            return Err(Error::BadArgument);
        }
        let mut need = Need::default();
        self.need_object::<GRANT>(&mut need, pool.link());
        if place.is_none() {
            self.need_slots(&mut need, process, if alone { 1 } else { 2 })?;
        }
        self.check(&need)?;
        // ---- point of no return ----
        let tells = chooses_badge(&from);
        let grant = Grant {
            parent: from.grant,
            target: from.object,
            pool: pool.link(),
            badge: if tells || mutant(Mutant::BadgeForged) { regs.argument(3) } else { from.badge },
            close_bits: if tells { regs.argument(4) } else { 0 },
            depth,
            tells,
            ..Grant::default()
        };
        let grant = self.make::<GRANT>(pool, grant).ok_or(Error::PoolEmpty)?;
        if let Some(parent) = parent {
            self.enter_above(grant, parent);
            self.v.get_mut(parent).live_children += 1;
        }
        let name = self.v.name(grant);
        let badge = self.v.get(grant).badge;
        let rights = if mutant(Mutant::DeriveAddsRights) { rights } else { from.rights() & rights };
        let derived = Entry { grant: name, badge, rights: rights.bits(), ..from };
        let cell = Entry { object: name.any(), rights: (Rights::REVOKE | Rights::TRANSFER).bits(), ..Entry::default() };
        let derived = match place {
            None => self.insert_counted(process, derived)?,
            Some((target, index)) => {
                let handle = self.insert_at(target, index, derived).ok_or(Error::TableFull)?;
                self.count_handle(&derived);
                handle.raw()
            }
        };
        let cell = if alone && !mutant(Mutant::AloneHasCell) { 0 } else { self.insert_counted(process, cell)? };
        self.answer(thread, [derived as u64, cell as u64]);
        Ok(Progress::Done)
    }

    /// Another process and the free slot of its table where what is made from a handle is to go.
    fn place_elsewhere(
        &self,
        thread: ThreadKey<'id>,
        from: &Entry,
        (process, index): (u32, u16),
    ) -> Result<(ProcessKey<'id>, u32), Error> {
        let target = self.lookup::<PROCESS>(thread, process.into(), Rights::ENDOW)?.key;
        if !from.rights().contains(Rights::TRANSFER) && !mutant(Mutant::DeriveIgnoresTransfer) {
            return Err(Error::Denied);
        }
        if self.v.get(target).dying && !mutant(Mutant::DeriveIntoDying) {
            return Err(Error::ServerDied);
        }
        if !self.slot_free(target, index.into()) {
            return Err(Error::BadArgument);
        }
        Ok((target, index.into()))
    }

    /// Puts an entry into a table and counts it.
    pub fn insert_counted(&mut self, process: ProcessKey<'id>, entry: Entry) -> Result<u32, Error> {
        let handle = self.insert(process, entry).ok_or(Error::TableFull)?;
        self.count_handle(&entry);
        Ok(handle.raw())
    }

    /// Tells that the last handle through a Grant is gone, if so, and the Grant above likewise.
    fn end_if_done(&mut self, grant: GrantKey<'id>) {
        let mut at = Some(grant);
        while let Some(grant) = at {
            let g = *self.v.get(grant);
            let below = g.live_children != 0 && !mutant(Mutant::EndOfGrantWithHandles);
            if g.handles != 0 || below || g.ended {
                return;
            }
            self.v.get_mut(grant).ended = true;
            let parent = self.v.find(g.parent);
            if let Some(parent) = parent {
                self.v.get_mut(parent).live_children -= 1;
            }
            if g.tells && !mutant(Mutant::EndUntold) {
                self.tell_end(grant);
            } else {
                self.free_grant_if_done(grant);
            }
            at = parent;
        }
    }

    /// Tells a Grant's end to whoever is to know, and frees it: a queued one when the channel's receiver takes it, which
    /// may be at once.
    fn tell_end(&mut self, grant: GrantKey<'id>) {
        let g = *self.v.get(grant);
        if self.v.find_any::<CHANNEL>(g.target).is_some() {
            self.v.get_mut(grant).queued = true;
            self.queue_end(grant);
            return;
        }
        if let Some(notification) = self.v.find_any::<NOTIFICATION>(g.target)
            && g.close_bits != 0
            && !mutant(Mutant::CloseBitsLost)
        {
            self.signal(notification, g.close_bits);
        }
        self.free_grant_if_done(grant);
    }

    /// Puts a Grant's end into its channel's queue.
    fn queue_end(&mut self, grant: GrantKey<'id>) {
        if let Some(channel) = self.v.find_any::<CHANNEL>(self.v.get(grant).target) {
            let queue = list::closed::push_back(self.v.get(channel).closed, &mut self.v, grant);
            self.v.get_mut(channel).closed = queue;
            self.offer_closed(channel);
        }
    }

    /// Frees a Grant that nobody can revoke, that has no handle below it, and whose end was told.
    pub fn free_grant_if_done(&mut self, grant: GrantKey<'id>) {
        let g = self.v.get(grant);
        if g.refs == 0 && g.ended && !g.queued && !g.undoing && !g.ending {
            self.begin_to_end_grant(grant);
        }
    }

    /// Ends a Grant with its pool, or another of its slab: handles through it are dead, mappings stay, and whom it tells
    /// is told. A cell that waits for a channel's receiver to take it goes on in the parent pool, once nothing else is
    /// left in its slab. False if there is more to do first.
    pub fn end_grant(&mut self, grant: GrantKey<'id>) -> bool {
        let mut slots = self.v.slots::<GRANT>(grant.frame()).filter_map(|link| self.v.live::<GRANT>(link));
        let Some(grant) = slots.find(|grant| !self.v.get(*grant).orphan) else {
            return self.afford(1) && self.move_orphans(grant);
        };
        let g = *self.v.get(grant);
        if g.ending {
            return false;
        }
        if g.undoing {
            self.undo_effects(grant);
            return false;
        }
        if !self.afford(1) {
            return false;
        }
        let parent = if g.ended { None } else { self.v.find(g.parent) };
        let told = g.tells && !g.ended && !mutant(Mutant::DeadPoolsEndsUntold);
        if g.queued || told && self.v.find_any::<CHANNEL>(g.target).is_some() {
            // Nothing new comes about through it, and what there is moves up before its names go.
            self.v.get_mut(grant).revoked = true;
            self.end_doors();
            if !self.move_all_up(grant) {
                return false;
            }
            self.orphan_grant(grant);
        } else {
            self.begin_to_end_grant(grant);
            if told && let Some(notification) = self.v.find_any::<NOTIFICATION>(g.target) {
                self.signal(notification, g.close_bits);
            }
        }
        if let Some(parent) = parent {
            // What was counted below went with the cell.
            self.v.get_mut(parent).live_children -= 1;
            self.end_if_done(parent);
        }
        true
    }

    /// Leaves nothing of a Grant but its end, queued to be told.
    fn orphan_grant(&mut self, grant: GrantKey<'id>) {
        self.v.hide(grant);
        let g = self.v.get_mut(grant);
        (g.handles, g.live_children, g.refs) = (0, 0, 0);
        (g.ended, g.orphan) = (true, true);
        if !core::mem::replace(&mut g.queued, true) {
            self.queue_end(grant);
        }
    }

    /// Has the parent of a dying pool pay for a slab of Grants that wait to be told.
    fn move_orphans(&mut self, grant: GrantKey<'id>) -> bool {
        let slab = grant.frame();
        let Some(pool) = self.v.follow(self.v.get(grant).pool) else { return true };
        let Some(parent) = self.v.follow(self.v.get(pool).parent) else { return true };
        for link in self.v.slots::<GRANT>(slab) {
            if let Some(key) = self.v.live(link) {
                self.v.get_mut(key).pool = parent.link();
            }
        }
        self.adopt_slab::<GRANT>(slab, pool, parent);
        self.leave_pages(pool, parent, 1);
        true
    }

    /// Puts a Grant into the list of those that are undone with another.
    pub fn enter_above(&mut self, grant: GrantKey<'id>, above: GrantKey<'id>) {
        let head = list::grants::push(self.v.get(above).children, &mut self.v, grant);
        self.v.get_mut(above).children = head;
        self.v.get_mut(grant).above = above.link();
    }

    /// Takes a Grant out of that list.
    pub fn leave_above(&mut self, grant: GrantKey<'id>) {
        let above = core::mem::take(&mut self.v.get_mut(grant).above);
        if let Some(above) = self.v.follow(above) {
            let head = list::grants::remove(self.v.get(above).children, &mut self.v, grant);
            self.v.get_mut(above).children = head;
        }
    }

    /// System call `close`.
    pub fn close(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let regs = self.v.get(thread).context.regs;
        let handles: [u64; CLOSED] = core::array::from_fn(|n| regs.argument(n));
        let [first, others @ ..] = &handles;
        if others.iter().fold(0, |all, handle| all | handle) == 0 {
            self.close_one(process, *first)?;
            return Ok(Progress::Done);
        }
        let mut before = handles.as_slice();
        while let [handle, rest @ ..] = before {
            before = rest;
            if *handle == 0 && rest.len() < others.len() {
                continue;
            }
            self.entry(process, *handle)?;
            if rest.contains(handle) && !mutant(Mutant::ClosedTwice) {
                return Err(Error::BadHandle);
            }
        }
        // ---- point of no return ----
        self.close_one(process, *first)?;
        for handle in others.iter().filter(|handle| **handle != 0) {
            self.close_one(process, *handle)?;
        }
        Ok(Progress::Done)
    }

    fn close_one(&mut self, process: ProcessKey<'id>, handle: u64) -> Result<(), Error> {
        let stays = mutant(Mutant::ClosedHandleStays);
        let entry = if stays { self.entry(process, handle)? } else { self.remove(process, handle)? };
        self.drop_handle(&entry);
        Ok(())
    }

    /// System call `dup`.
    pub fn dup(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let own = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let from = self.live_entry(own, regs.argument(0))?;
        let rights = rights_argument(regs.argument(1))?;
        let target = match regs.argument(2) {
            0 => own,
            process => {
                let target = self.lookup::<PROCESS>(thread, process, Rights::ENDOW)?.key;
                if !from.rights().contains(Rights::TRANSFER) && !mutant(Mutant::DupIgnoresTransfer) {
                    return Err(Error::Denied);
                }
                target
            }
        };
        if self.v.get(target).dying && !mutant(Mutant::DupIntoDying) {
            return Err(Error::ServerDied);
        }
        let rights = if mutant(Mutant::DupAddsRights) { rights } else { from.rights() & rights };
        let copy = Entry { rights: rights.bits(), ..from };
        let index = u32::try_from(regs.argument(3)).map_err(|_| Error::BadArgument)?;
        let handle = if index == 0 {
            let mut need = Need::default();
            self.need_slots(&mut need, target, 1)?;
            self.check(&need)?;
            // ---- point of no return ----
            self.insert(target, copy)
        } else {
            if !self.slot_free(target, index) {
                return Err(Error::BadArgument);
            }
            // ---- point of no return ----
            self.insert_at(target, index, copy)
        };
        let handle = handle.ok_or(Error::TableFull)?;
        self.count_handle(&copy);
        self.answer(thread, [handle.raw() as u64]);
        Ok(Progress::Done)
    }
}

/// Rights as an argument: unknown bits are an error, so that they may come to mean something.
pub fn rights_argument(value: u64) -> Result<Rights, Error> {
    u16::try_from(value).ok().and_then(Rights::from_bits).ok_or(Error::BadArgument)
}

/// Whether who has this handle may choose badges, and is told when what he derived is gone.
fn chooses_badge(entry: &Entry) -> bool {
    match entry.object.class() {
        CHANNEL => entry.rights().contains(Rights::RECV),
        NOTIFICATION | AUTHORITY => entry.rights().contains(Rights::OWNER),
        _ => false,
    }
}
