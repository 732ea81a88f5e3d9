//! What the pager relies on, kept where it outlives any pager: the channel of faults, what lies where in each process, and
//! the Memories that its pages are in (`docs`: internals/memory).
//!
//! ```text
//!  a process faults ─► the channel of faults (init's, received on by the pager) ─► the pager ─ protocol::pager ─► init
//!  a process asks for a clone ─► init makes an empty process ─ WORK ─► the pager shares the pages ─ Cloned ─► the answer
//! ```

use alloc::vec::Vec;

use libsys::abi::{PAGE_SIZE, places::Places};
use libsys::names::bits;
use libsys::protocol::List;
use libsys::protocol::pager::{Backing, EXTENTS, MAX_EXTENTS, MAX_REGIONS, Region, Reply, Request, Service};
use libsys::protocol::process;
use libsys::{Error, Handles, Incoming, Memory, OwnedHandle, Rights, Token, layout};

use crate::world::World;

/// Clones that are being made, at most.
const MAX_CLONES: usize = 64;
/// Pages of a view, at most: 1 GiB.
const MAX_VIEW: u32 = 1 << 18;

/// How a process's pages come to be.
#[derive(Debug)]
pub struct Paging {
    /// Tells the pager of its faults. When it is closed, the pager forgets the process. Without one, init is told.
    pub fault: Option<OwnedHandle>,
    /// With the Memory behind it: a view's. A region of a Memory without one is of the boot archive.
    regions: Vec<(Region, Option<Memory>)>,
    extents: Vec<Kept>,
    next_view: usize,
}

/// A Memory that has pages of a process.
#[derive(Debug)]
struct Kept {
    memory: Memory,
    /// Whether it had a part in a clone.
    shared: bool,
}

impl Kept {
    /// A handle for another; none if the Memory is gone, with a process that ended.
    fn lend(&self) -> Result<Option<Memory>, Error> {
        living(self.memory.dup(Rights::all()))
    }
}

/// What there is of something that may be gone.
fn living<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::ServerDied) => Ok(None),
        result => result.map(Some),
    }
}

/// What a clone begins with.
pub struct Origin {
    /// Where its own things lie, as the parent's do.
    pub places: Places,
    /// Where the program lies.
    pub base: u64,
    /// Where the main thread starts, and its stack pointer then.
    pub start: (u64, u64),
    /// What lies where.
    pub regions: Vec<(Region, Option<Memory>)>,
    /// Where views may go.
    pub next_view: usize,
}

/// A clone whose memory the pager is to share.
#[derive(Debug)]
pub struct Sharing {
    parent: u32,
    child: u32,
    /// The child channel and the child's Notification, for the spawner.
    gifts: Handles,
    token: Token,
}

impl Default for Paging {
    fn default() -> Paging {
        // Room for those that a process begins with.
        Paging { fault: None, regions: Vec::with_capacity(8), extents: Vec::new(), next_view: 0 }
    }
}

impl Paging {
    /// Adds a region of the program's.
    pub fn add(&mut self, address: usize, pages: usize, backing: Backing) {
        if pages > 0 && self.regions.len() < MAX_REGIONS {
            self.regions.push((Region { start: address as u64, pages: pages as u64, backing }, None));
        }
    }

    /// Keeps a Memory that has pages of the process.
    pub fn keep(&mut self, memory: Memory) -> Result<(), Error> {
        if self.extents.len() >= MAX_EXTENTS {
            return Err(Error::Limit);
        }
        self.extents.push(Kept { memory, shared: false });
        Ok(())
    }

    /// Lets go of the Memory with this identity, if it was shared and is still there.
    fn release(&mut self, identity: u64) {
        let same = |kept: &Kept| kept.memory.info().is_ok_and(|info| info.identity == identity && info.mappings == 0);
        self.extents.retain(|kept| !(kept.shared && same(kept)));
    }

    /// Of a process that is made: who tells of its faults, and for a clone its parent's regions. The heap may grow to the size
    /// of the clone's own pool.
    pub fn begun(
        mut self,
        fault: Option<OwnedHandle>,
        origin: Option<Origin>,
        pages: usize,
        places: &Places,
    ) -> Paging {
        (self.fault, self.next_view) = (fault, places.views as usize);
        if let Some(origin) = origin {
            (self.regions, self.next_view) = (origin.regions, origin.next_view);
            let heap = self.regions.iter_mut().find(|(region, _)| region.start == places.heap);
            if let Some((heap, _)) = heap {
                heap.pages = heap.pages.max(pages as u64);
            }
        }
        self
    }

    /// What there is to close when its process is over.
    pub fn into_handles(self) -> impl Iterator<Item = OwnedHandle> {
        let views = self.regions.into_iter().filter_map(|(_, memory)| memory);
        let memories = self.extents.into_iter().map(|kept| kept.memory).chain(views);
        self.fault.into_iter().chain(memories.map(OwnedHandle::from))
    }

    /// For the pager, the Memory behind the region that starts here; none if there is no such region.
    fn behind(&self, start: u64, archive: &Memory) -> Option<Result<Memory, Error>> {
        let reading = Rights::READ | Rights::TRANSFER;
        match self.regions.iter().find(|(region, _)| region.start == start)? {
            (_, Some(memory)) => Some(memory.dup(reading | Rights::WRITE)),
            (Region { backing: Backing::Memory { .. }, .. }, None) => Some(archive.dup(reading)),
            _ => None,
        }
    }

    /// The Memory with this identity.
    pub fn memory(&self, identity: u64) -> Option<&Memory> {
        let same = |kept: &&Kept| kept.memory.info().is_ok_and(|info| info.identity == identity);
        self.extents.iter().find(same).map(|kept| &kept.memory)
    }

    /// What a clone begins with: views that can be written are not for it, nor those of which the Memory is gone.
    fn origin(&self, places: Places, base: u64, start: (u64, u64)) -> Result<Origin, Error> {
        let mut regions = Vec::new();
        for (region, memory) in &self.regions {
            if matches!(region.backing, Backing::Memory { write: true, .. }) {
                continue;
            }
            let lent = memory.as_ref().map(|memory| living(memory.dup(Rights::all()))).transpose()?;
            if !matches!(lent, Some(None)) {
                regions.push((*region, lent.flatten()));
            }
        }
        Ok(Origin { places, base, start, regions, next_view: self.next_view })
    }

    /// A view of a Memory, from its first use on. Where it is.
    fn view(&mut self, memory: Memory, first: u32, pages: u32, write: bool) -> Result<usize, Error> {
        if self.fault.is_none() {
            return Err(Error::Unavailable);
        }
        let wanted = if write { Rights::READ | Rights::WRITE } else { Rights::READ };
        if !libsys::about(memory.handle())?.rights.contains(wanted) {
            return Err(Error::Denied);
        }
        let there = memory.info()?.pages as u64;
        if pages == 0 || pages > MAX_VIEW || u64::from(first) + u64::from(pages) > there {
            return Err(Error::BadArgument);
        }
        let address = self.next_view;
        // A page behind it stays empty.
        let next = address + (pages as usize + 1) * PAGE_SIZE;
        if self.regions.len() >= MAX_REGIONS || next > layout::VIEWS.end as usize {
            return Err(Error::Limit);
        }
        let backing = Backing::Memory { first, write };
        self.regions.push((Region { start: address as u64, pages: pages.into(), backing }, Some(memory)));
        self.next_view = next;
        Ok(address)
    }
}

impl World {
    /// A call of the pager's.
    pub fn pager_call(&mut self, incoming: Incoming) {
        let request = incoming.request::<Request>();
        let Incoming { token, handles, .. } = incoming;
        let answer = request.and_then(|request| self.pager_answer(request, handles));
        self.receiver.reply_with::<Service>(token, answer);
    }

    fn pager_answer(&mut self, request: Request, handles: Handles) -> Result<(Reply, Handles), Error> {
        let alone = |reply| Ok((reply, Handles::none()));
        match request {
            Request::Keep { number } => {
                let [memory] = handles.exactly()?;
                self.paging(number)?.keep(memory.into())?;
                alone(Reply::Done)
            }
            _ if !handles.is_empty() => Err(Error::Malformed),
            Request::Process { number } => {
                let body = &self.table.get(number).ok_or(Error::NotFound)?.kernel;
                let process = body.process.dup(Rights::MAP | Rights::TRANSFER)?;
                let pool = body.pool.dup(Rights::MAKE | Rights::TRANSFER)?;
                let regions: Vec<Region> = body.paging.regions.iter().map(|(region, _)| *region).collect();
                Ok((Reply::Process { regions: List::new(regions)? }, Handles::two(process, pool)))
            }
            Request::Backing { number, start } => {
                let body = &self.table.get(number).ok_or(Error::NotFound)?.kernel;
                let memory = body.paging.behind(start, &self.roots.archive).ok_or(Error::NotFound)??;
                Ok((Reply::Done, Handles::one(memory)))
            }
            Request::Extents { number, skip } => {
                let (mut shared, mut handles) = (Vec::new(), Handles::none());
                let mut next = skip;
                for kept in self.paging(number)?.extents.iter().skip(skip.into()) {
                    if shared.len() == EXTENTS {
                        break;
                    }
                    if let Some(memory) = kept.lend()? {
                        shared.push(kept.shared);
                        handles.push(memory)?;
                    }
                    next += 1;
                }
                Ok((Reply::Extents { shared: List::new(shared)?, skip: next }, handles))
            }
            Request::Release { number, identity } => {
                let unused = self
                    .paging(number)?
                    .memory(identity)
                    .is_some_and(|memory| memory.info().is_ok_and(|info| info.mappings == 0));
                for process in self.table.iter_mut().filter(|_| unused) {
                    process.kernel.paging.release(identity);
                }
                alone(Reply::Done)
            }
            Request::Faulted { number, words, why } => {
                self.unrepaired(number, words, why);
                alone(Reply::Done)
            }
            Request::Work => {
                let next = self.clones.first();
                alone(next.map_or(Reply::Done, |job| Reply::Clone { parent: job.parent, child: job.child }))
            }
            Request::Cloned { child, error } => {
                self.cloned(child, Error::from_code(error));
                alone(Reply::Done)
            }
        }
    }

    fn paging(&mut self, number: u32) -> Result<&mut Paging, Error> {
        Ok(&mut self.table.get_mut(number).ok_or(Error::NotFound)?.kernel.paging)
    }

    // ---- what processes ask for ----

    /// `process.view`.
    pub fn view(&mut self, caller: u32, wanted: (u32, u32, bool), handles: Handles) -> Result<process::Reply, Error> {
        let [memory] = handles.exactly()?;
        let (first, pages, write) = wanted;
        let address = self.paging(caller)?.view(memory.into(), first, pages, write)?;
        Ok(process::Reply::View { address: address as u64 })
    }

    /// `process.forget`.
    pub fn forget(&mut self, caller: u32, address: u64) -> Result<(), Error> {
        let view = |region: &Region| region.start == address && matches!(region.backing, Backing::Memory { .. });
        self.paging(caller)?.regions.retain(|(region, _)| !view(region));
        Ok(())
    }

    /// What a clone of this process begins with, and its program.
    pub fn origin(&self, number: u32, start: (u64, u64)) -> Result<(Origin, alloc::string::String), Error> {
        let body = &self.table.get(number).ok_or(Error::ServerDied)?.kernel;
        if body.paging.fault.is_none() {
            return Err(Error::Unavailable);
        }
        if self.clones.len() >= MAX_CLONES {
            return Err(Error::Limit);
        }
        Ok((body.paging.origin(body.places, body.base, start)?, body.image.clone()))
    }

    /// A clone was made; its memory is the pager's to share. The spawner waits.
    pub fn share_memory(&mut self, parent: u32, child: u32, gifts: Handles, token: Token) {
        self.clones.push(Sharing { parent, child, gifts, token });
        let pager =
            self.services.iter().find(|service| service.server.is_pager()).and_then(|service| service.process());
        // One that is being started looks for work by itself.
        if let Some(pager) = pager.and_then(|number| self.table.get(number)) {
            let _ = pager.kernel.notification.notify(bits::WORK);
        }
    }

    /// The memory of a clone is there, or can't be had.
    fn cloned(&mut self, child: u32, error: Option<Error>) {
        let Some(at) = self.clones.iter().position(|job| job.child == child) else { return };
        let job = self.clones.remove(at);
        let result = match error {
            Some(error) => Err(error),
            None => self.share_extents(job.parent, child),
        };
        // The child channel's end, with the gifts, ends the child of which nothing comes.
        let answer = result.map(|()| (process::Reply::Created { number: child }, job.gifts));
        job.token.reply_with::<process::Service>(answer);
    }

    /// Both have pages in the same Memories now.
    fn share_extents(&mut self, parent: u32, child: u32) -> Result<(), Error> {
        let mut shared = Vec::new();
        for kept in &mut self.paging(parent)?.extents {
            kept.shared = true;
            shared.extend(kept.lend()?.map(|memory| Kept { memory, shared: true }));
        }
        self.paging(child)?.extents = shared;
        Ok(())
    }

    /// A process is over: who waits for a clone of it, or for it as a clone, does so no more.
    pub fn forget_clones(&mut self, number: u32) {
        let over = |job: &Sharing| job.parent == number || job.child == number;
        for job in self.clones.extract_if(.., |job| over(job)) {
            if job.parent == number {
                job.token.abandon();
            } else {
                job.token.reply::<process::Service>(Err(Error::ServerDied));
            }
        }
    }
}
