//! Handle tables: looking up, putting in, taking out.

use abi::{Error, Handle, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{AnyName, Class, KeptPair, Key, Link, Name};

use crate::Hw;
use crate::alloc::Need;
use crate::objects::*;
use crate::state::Cx;

/// Pages of slots given back for a unit of long work.
const PAGES_A_UNIT: u32 = 4;
/// Empty slots that are passed by for one.
const EMPTY_A_UNIT: u32 = 16;
/// Slots a table can have; index 0 is never used.
pub const MAX_SLOTS: u32 = 65_536;
/// A table's first page, without handles.
static FREE: Handles = {
    let mut slots = [Entry { generation: 1, ..Entry::NONE }; SLOTS_PER_PAGE as usize];
    let mut i = 0;
    while i + 1 < slots.len() {
        slots[i].object = AnyName::from_number(i as u32 + 1);
        i += 1;
    }
    Handles(slots)
};

/// A handle that was looked up: the object is alive, the Grants are, the rights suffice.
#[derive(Clone, Copy)]
pub struct Found<'id, const I: u8> {
    pub key: Key<'id, I>,
    pub entry: Entry,
}

/// What a handle came to by which a thread called, or received, last by the general path. As [`crate::Doors`] no state: without
/// it the same happens, in more steps.
#[derive(Clone, Copy, Debug)]
struct LastChannel {
    /// The handle, 0 for none.
    handle: u64,
    badge: u64,
    grant: Name<GRANT>,
    /// The channel, and the thread itself. In this era the handle comes to the same still ([`Cx::end_doors`]).
    kept: KeptPair<CHANNEL, THREAD>,
}

/// The channels that a thread called, and received from, last.
#[derive(Clone, Copy, Debug)]
pub struct LastChannels {
    call: LastChannel,
    receive: LastChannel,
}

impl LastChannels {
    /// Nothing is known.
    pub const NONE: LastChannels = LastChannels { call: LastChannel::NONE, receive: LastChannel::NONE };
}

impl LastChannel {
    const NONE: LastChannel = LastChannel { handle: 0, badge: 0, grant: Name::NONE, kept: KeptPair::NONE };
}

/// A channel that a handle leads to, with what stands in the handle's slot.
pub struct FoundChannel<'id> {
    pub key: ChannelKey<'id>,
    pub badge: u64,
    pub grant: Name<GRANT>,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// As [`Cx::lookup`] for a channel to call, or else to receive from: known from the last time or looked up and kept.
    #[inline(always)]
    pub fn last_channel(&mut self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Result<FoundChannel<'id>, Error> {
        let last = *self.last_channel_mut(thread, need);
        if (last.handle == raw || mutant(Mutant::LastChannelForAll))
            && let Some((key, _)) = self.v.kept_pair(&last.kept)
        {
            return Ok(FoundChannel { key, badge: last.badge, grant: last.grant });
        }
        self.look_up_channel(thread, raw, need)
    }

    /// Whether the handle is known to be behind a Grant by which the thread received last.
    #[inline(always)]
    pub fn received_by_grant(&self, thread: ThreadKey<'id>, raw: u64) -> bool {
        let last = &self.v.get(thread).last.receive;
        last.handle == raw && !last.grant.is_none() && self.v.kept_pair(&last.kept).is_some()
    }

    #[inline(never)]
    fn look_up_channel(&mut self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Result<FoundChannel<'id>, Error> {
        let Found { key, entry: Entry { badge, grant, .. } } = self.lookup::<CHANNEL>(thread, raw, need)?;
        let kept = self.v.keep_pair(key, thread);
        *self.last_channel_mut(thread, need) = LastChannel { handle: raw, badge, grant, kept };
        Ok(FoundChannel { key, badge, grant })
    }

    #[inline(always)]
    fn last_channel_mut(&mut self, thread: ThreadKey<'id>, need: Rights) -> &mut LastChannel {
        let last = &mut self.v.get_mut(thread).last;
        if need == Rights::CALL || mutant(Mutant::LastChannelForBoth) { &mut last.call } else { &mut last.receive }
    }

    /// Looks a handle up in the thread's process.
    #[inline(always)]
    pub fn lookup<const I: u8>(&self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Result<Found<'id, I>, Error>
    where
        Objects: Class<I>,
    {
        let process = self.v.follow::<PROCESS>(self.v.get::<THREAD>(thread).process).ok_or(Error::BadHandle)?;
        self.lookup_in(process, raw, need)
    }

    /// Looks a handle up in a process's table.
    #[inline(always)]
    pub fn lookup_in<const I: u8>(
        &self,
        process: ProcessKey<'id>,
        raw: u64,
        need: Rights,
    ) -> Result<Found<'id, I>, Error>
    where
        Objects: Class<I>,
    {
        let entry = self.entry(process, raw)?;
        let name = entry.object.cast::<I>().ok_or(Error::WrongKind)?;
        let key = self.v.find(name).ok_or(Error::ServerDied)?;
        self.check_grants(&entry)?;
        if !entry.rights().contains(need) && !mutant(Mutant::RightsUnchecked) {
            return Err(Error::Denied);
        }
        Ok(Found { key, entry })
    }

    /// The slot's contents, if the handle names them: nothing is said about object, Grants and rights.
    #[inline(always)]
    pub fn entry(&self, process: ProcessKey<'id>, raw: u64) -> Result<Entry, Error> {
        let handle = u32::try_from(raw).ok().and_then(Handle::from_raw).ok_or(Error::BadHandle)?;
        let index = handle.index() as u32;
        let page = self.slot_page(process, index).ok_or(Error::BadHandle)?;
        let entry = self.v.get(page).0[(index % SLOTS_PER_PAGE) as usize];
        let same = entry.generation == handle.generation() || mutant(Mutant::HandleGenerationIgnored);
        if !same || entry.object.class() == 0 {
            return Err(Error::BadHandle);
        }
        Ok(entry)
    }

    /// Any kind of object, alive and not revoked.
    pub fn live_entry(&self, process: ProcessKey<'id>, raw: u64) -> Result<Entry, Error> {
        let entry = self.entry(process, raw)?;
        if !self.object_alive(entry.object) {
            return Err(Error::ServerDied);
        }
        self.check_grants(&entry)?;
        Ok(entry)
    }

    /// Whether the Grants from the entry's up to the root are all alive.
    #[inline(always)]
    pub fn check_grants(&self, entry: &Entry) -> Result<(), Error> {
        let alive = entry.grant.is_none() || self.grants_alive(entry.grant) || mutant(Mutant::RevokedHandleWorks);
        if alive { Ok(()) } else { Err(Error::Revoked) }
    }

    /// Whether a Grant and those above it are alive. At most [`crate::grants::MAX_DEPTH`] steps.
    pub fn grants_alive(&self, grant: Name<GRANT>) -> bool {
        self.grants_alive_here(grant)
    }

    /// The same in the caller's code: of the fast path.
    #[inline(always)]
    pub fn grants_alive_here(&self, mut grant: Name<GRANT>) -> bool {
        while !grant.is_none() {
            match self.v.find(grant) {
                Some(key) if !self.v.get(key).revoked && mutant(Mutant::OnlyOwnGrantCounts) => return true,
                Some(key) if !self.v.get(key).revoked => grant = self.v.get(key).parent,
                _ => return false,
            }
        }
        true
    }

    /// Whether there still is an object of this name.
    pub fn object_alive(&self, name: AnyName) -> bool {
        match name.class() {
            POOL => self.v.find_any::<POOL>(name).is_some(),
            PROCESS => self.v.find_any::<PROCESS>(name).is_some(),
            THREAD => self.v.find_any::<THREAD>(name).is_some(),
            CHANNEL => self.v.find_any::<CHANNEL>(name).is_some(),
            NOTIFICATION => self.v.find_any::<NOTIFICATION>(name).is_some(),
            MEMORY => self.v.find_any::<MEMORY>(name).is_some_and(|memory| self.extent_of(memory).is_some()),
            GRANT => self.v.find_any::<GRANT>(name).is_some(),
            INTERRUPT => self.v.find_any::<INTERRUPT>(name).is_some(),
            PORTS => self.v.find_any::<PORTS>(name).is_some(),
            AUTHORITY => self.v.find_any::<AUTHORITY>(name).is_some(),
            _ => false,
        }
    }

    /// Adds what `count` more handles in a process will take. `TableFull` if its table can't grow so far.
    pub fn need_slots(&self, need: &mut Need, process: ProcessKey<'id>, count: u32) -> Result<(), Error> {
        let p = self.v.get(process);
        let mut free = 0;
        for mut slot in [p.free_slot, p.free_far] {
            while free < count && slot != 0 {
                free += 1;
                slot = self.slot_entry(process, slot).map_or(0, |entry| entry.object.number());
            }
        }
        if free >= count {
            return Ok(());
        }
        if p.slots + SLOTS_PER_PAGE > MAX_SLOTS && !mutant(Mutant::TableOverfull) {
            return Err(Error::TableFull);
        }
        let directory = p.slots == SLOTS_PER_PAGE && p.directory.is_none();
        need.add(p.pool, if mutant(Mutant::SlotsUnpaid) { 0 } else { 1 + directory as u32 });
        Ok(())
    }

    /// Puts an entry into a free slot, growing the table as [`Cx::need_slots`] allowed for. The object's and Grant's
    /// counts are up to the caller ([`Cx::count_handle`]). `None` only if there was no check.
    pub fn insert(&mut self, process: ProcessKey<'id>, entry: Entry) -> Option<Handle> {
        let p = self.v.get(process);
        if p.free_slot == 0 && p.free_far == 0 {
            self.grow(process)?;
        }
        let p = self.v.get(process);
        let index = if p.free_slot != 0 { p.free_slot } else { p.free_far };
        let next = self.slot_entry(process, index)?.object.number();
        *self.first_free(process, index) = next;
        self.fill(process, index, entry)
    }

    /// Whether [`Cx::insert_at`] can use this very slot: it must be free, not retired, and in the first page.
    pub fn slot_free(&self, process: ProcessKey<'id>, index: u32) -> bool {
        index != 0
            && index < SLOTS_PER_PAGE
            && self.slot_entry(process, index).is_some_and(|entry| entry.object.class() == 0 && entry.generation != 0)
    }

    /// Puts an entry into a given free slot. It is looked for among those of the first page alone.
    pub fn insert_at(&mut self, process: ProcessKey<'id>, index: u32, entry: Entry) -> Option<Handle> {
        let mut at = self.v.get(process).free_slot;
        let next = self.slot_entry(process, index)?.object;
        if at == index {
            self.v.get_mut(process).free_slot = next.number();
            return self.fill(process, index, entry);
        }
        while at != 0 {
            let following = self.slot_entry(process, at)?.object.number();
            if following == index {
                self.slot_mut(process, at)?.object = next;
                return self.fill(process, index, entry);
            }
            at = following;
        }
        None
    }

    /// Empties a slot and returns what stood there. The slot's next handle has the next generation; a slot that has had
    /// them all is never used again.
    pub fn remove(&mut self, process: ProcessKey<'id>, raw: u64) -> Result<Entry, Error> {
        let entry = self.entry(process, raw)?;
        let index = raw as u32 & 0xffff;
        let free = *self.first_free(process, index);
        if matches!(entry.object.class(), CHANNEL | NOTIFICATION) {
            self.end_doors();
        }
        if let Some(slot) = self.slot_mut(process, index) {
            let step = !mutant(Mutant::SlotGenerationKept) as u16;
            let retired = slot.generation == u16::MAX && !mutant(Mutant::HandleSlotNotRetired);
            *slot = Entry { generation: slot.generation.wrapping_add(step), ..Entry::default() };
            if !retired {
                slot.object = AnyName::from_number(free);
                *self.first_free(process, index) = index;
            }
        }
        self.v.get_mut(process).handle_count -= 1;
        Ok(entry)
    }

    /// The first page of a new process's table.
    pub fn first_slots(&mut self, process: ProcessKey<'id>) -> Option<()> {
        self.grow(process)
    }

    /// Closes handles of a dying process; true when none are left.
    pub fn close_all(&mut self, process: ProcessKey<'id>) -> bool {
        let mut empty = 0;
        loop {
            let p = self.v.get(process);
            let index = p.closed_slots;
            if p.handle_count == 0 || index >= p.slots {
                return true;
            }
            let entry = self.slot_entry(process, index).filter(|entry| entry.object.class() != 0);
            empty += entry.is_none() as u32;
            if (entry.is_some() || empty.is_multiple_of(EMPTY_A_UNIT)) && !self.afford(1) {
                return false;
            }
            self.v.get_mut(process).closed_slots += 1;
            let Some(entry) = entry else { continue };
            self.end_doors();
            if let Some(slot) = self.slot_mut(process, index) {
                *slot = Entry::default();
            }
            self.v.get_mut(process).handle_count -= 1;
            self.drop_handle(&entry);
        }
    }

    /// Gives the table's pages back, from the last down, as far as this entry can afford; true when none are left. All
    /// handles are closed.
    pub fn free_slots(&mut self, process: ProcessKey<'id>) -> bool {
        let pool = self.v.get(process).pool;
        loop {
            let left = self.v.get(process).slots / SLOTS_PER_PAGE;
            if left == 0 {
                break;
            }
            if left.is_multiple_of(PAGES_A_UNIT) && !self.afford(1) {
                return false;
            }
            if let Some(page) = self.slot_page(process, (left - 1) * SLOTS_PER_PAGE) {
                if left == 1 {
                    self.release_first_slots(process, page);
                } else {
                    self.v.release(page.frame());
                }
                self.credit(pool, 1);
            }
            let p = self.v.get_mut(process);
            (p.slots, p.free_slot, p.free_far) = ((left - 1) * SLOTS_PER_PAGE, 0, 0);
            p.touched *= !mutant(Mutant::TouchedForgotten) as u32;
            p.overhead -= 1;
        }
        let p = *self.v.get(process);
        if let Some(directory) = self.v.follow(p.directory) {
            self.v.release(directory.frame());
            self.credit(pool, 1);
        }
        let p = self.v.get_mut(process);
        p.touched = 0;
        p.overhead -= !p.directory.is_none() as u32;
        (p.handles, p.directory) = (Link::NONE, Link::NONE);
        true
    }

    /// Gives a table's first page back, for the next process as it was.
    fn release_first_slots(&mut self, process: ProcessKey<'id>, page: Key<'id, HANDLES>) {
        let touched = if mutant(Mutant::SpareSlotsUsed) { 0 } else { self.v.get(process).touched };
        for (slot, free) in self.v.get_mut(page).0.iter_mut().zip(&FREE.0).take(touched as usize) {
            *slot = *free;
        }
        self.v.release_spare(page);
    }

    fn fill(&mut self, process: ProcessKey<'id>, index: u32, entry: Entry) -> Option<Handle> {
        let slot = self.slot_mut(process, index)?;
        let generation = slot.generation;
        *slot = Entry { generation, ..entry };
        let p = self.v.get_mut(process);
        p.handle_count += 1;
        p.touched = p.touched.max(index + 1);
        Handle::new(generation, index as u16)
    }

    /// Adds a page of slots.
    fn grow(&mut self, process: ProcessKey<'id>) -> Option<()> {
        let p = *self.v.get(process);
        let pool = self.v.follow(p.pool)?;
        let page_number = p.slots / SLOTS_PER_PAGE;
        if page_number > 0 && p.directory.is_none() {
            let frame = self.take_frame(pool)?;
            let directory = self.v.make_page::<DIRECTORY>(frame, Directory([Link::NONE; 1024]), process.link().raw());
            self.v.get_mut(process).directory = directory.link();
            self.v.get_mut(process).overhead += 1;
        }
        let first = p.slots;
        let page = self.empty_slots(pool, process.link().raw())?;
        if page_number > 0 {
            for (slot, next) in self.v.get_mut(page).0.iter_mut().zip(first + 1..) {
                slot.object = AnyName::from_number(next);
            }
            if let Some(last) = self.v.get_mut(page).0.last_mut() {
                last.object = AnyName::from_number(p.free_far);
            }
        }
        match self.v.follow(self.v.get(process).directory) {
            Some(directory) => self.v.get_mut(directory).0[page_number as usize] = page.link(),
            None => self.v.get_mut(process).handles = page.link(),
        }
        let p = self.v.get_mut(process);
        p.slots += SLOTS_PER_PAGE;
        p.overhead += 1;
        // Slot 0 is no handle.
        *self.first_free(process, first) = first.max(1);
        Some(())
    }

    /// A page of slots without handles, charged to the pool: a spare one, or a new one.
    fn empty_slots(&mut self, pool: PoolKey<'id>, owner: u32) -> Option<Key<'id, HANDLES>> {
        if let Some(page) = self.charged(pool, |v| v.take_spare::<HANDLES>(owner)) {
            return Some(page);
        }
        let frame = self.take_frame(pool)?;
        Some(self.v.make_page::<HANDLES>(frame, FREE, owner))
    }

    /// The first of the free slots among which a slot belongs.
    #[inline(always)]
    fn first_free(&mut self, process: ProcessKey<'id>, index: u32) -> &mut u32 {
        let p = self.v.get_mut(process);
        let near = index < SLOTS_PER_PAGE || mutant(Mutant::FreeSlotsMixed);
        if near { &mut p.free_slot } else { &mut p.free_far }
    }

    fn slot_page(&self, process: ProcessKey<'id>, index: u32) -> Option<Key<'id, HANDLES>> {
        let p = self.v.get(process);
        let page = match index / SLOTS_PER_PAGE {
            0 => p.handles,
            n => *self.v.get(self.v.follow(p.directory)?).0.get(n as usize)?,
        };
        self.v.follow(page)
    }

    /// What lies in a slot, used or free.
    pub fn slot_entry(&self, process: ProcessKey<'id>, index: u32) -> Option<Entry> {
        let page = self.slot_page(process, index)?;
        Some(self.v.get(page).0[(index % SLOTS_PER_PAGE) as usize])
    }

    fn slot_mut(&mut self, process: ProcessKey<'id>, index: u32) -> Option<&mut Entry> {
        let page = self.slot_page(process, index)?;
        Some(&mut self.v.get_mut(page).0[(index % SLOTS_PER_PAGE) as usize])
    }
}
