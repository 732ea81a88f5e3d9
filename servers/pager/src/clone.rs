//! Clones: two processes with the same pages, until one of both writes.

use alloc::rc::Rc;
use alloc::vec::Vec;

use libsys::protocol::pager::{Backing, Reply, Request, Why};
use libsys::{Access, Error, Keep, Memory, Rights};
use regions::PAGE;

use crate::client::{Client, Extent, Trouble};
use crate::notes::Note;
use crate::pager::Pager;

const WRITE: Access = Access::READ.union(Access::WRITE);

impl Pager {
    /// Does what init has to be done.
    pub fn work(&mut self) -> Result<(), Error> {
        while let (Reply::Clone { parent, child }, _) = self.ask(&Request::Work)? {
            let error = self.clone_memory(parent, child).err().map_or(0, Error::code);
            if error != 0 {
                libsys::log!(Warning, "process {parent} could not be cloned");
            }
            self.ask(&Request::Cloned { child, error })?;
        }
        Ok(())
    }

    /// Lets go of the extents that a process has, and nobody has a page of any more: all were replaced by copies.
    fn sweep(&mut self, number: u32) -> Result<(), Error> {
        let Some(client) = self.clients.get(&number) else { return Ok(()) };
        let empty = |extent: &&Rc<Extent>| extent.memory.info().is_ok_and(|info| info.mappings == 0);
        let unused = |extent: &&Rc<Extent>| !self.clients.values().any(|other| other.uses(extent));
        let gone: Vec<u64> = client.extents.iter().filter(unused).filter(empty).map(|e| e.identity).collect();
        for identity in gone {
            self.ask(&Request::Release { number, identity })?;
            for client in self.clients.values_mut() {
                client.extents.retain(|extent| extent.identity != identity);
            }
        }
        Ok(())
    }

    /// Gives a child the pages of its parent: read-only in both from here on.
    fn clone_memory(&mut self, parent: u32, child: u32) -> Result<(), Error> {
        self.load_extents(parent)?;
        self.sweep(parent)?;
        self.client(child)?;
        let [Some(from), to] = [parent, child].map(|number| self.clients.remove(&number)) else {
            return Err(Error::ServerDied);
        };
        let result = to.ok_or(Error::ServerDied).and_then(|mut to| {
            let result = share(&from, &mut to);
            self.clients.insert(child, to);
            result
        });
        self.clients.insert(parent, from);
        result
    }

    /// A page is there that can't be written: the process's own from here on.
    pub fn own(&mut self, number: u32, page: u64) -> Result<(), Trouble> {
        let seen = self.client(number)?.process.page(page as usize)?;
        if seen.access.contains(Access::WRITE) {
            // Another thread was faster.
            return Ok(());
        }
        if seen.access.is_empty() {
            return self.fill(number, page);
        }
        self.load_extents(number)?;
        let client = self.clients.get(&number).ok_or(Trouble::Gone)?;
        let extent = client.extent(seen.identity).ok_or(Trouble::Refused(Why::Wild))?;
        let (alone, extent) = (client.alone(extent), extent.clone());
        if !alone {
            return self.copy(number, page, &extent, seen.page);
        }
        let region = self.client(number)?.regions.find(page).ok_or(Trouble::Refused(Why::Wild))?.range();
        let (at, first, pages) = self.client(number)?.alike(page, &region)?;
        let note = Note { process: number, address: at, identity: extent.identity, page: first, pages };
        Ok(self.replace(note, &extent.memory)?)
    }

    /// Replaces a shared page by a copy.
    fn copy(&mut self, number: u32, page: u64, from: &Extent, index: usize) -> Result<(), Trouble> {
        let Pager { init, clients, .. } = self;
        let client = clients.get_mut(&number).ok_or(Trouble::Gone)?;
        let (to, first, _) = client.take(1, |memory| init.keep(number, memory))?;
        let mut bytes = [0; PAGE as usize];
        from.memory.map_part(index, 1, Access::READ)?.read(0, &mut bytes)?;
        to.memory.map_part(first as usize, 1, WRITE)?.write(0, &bytes)?;
        let note = Note { process: number, address: page, identity: to.identity, page: first, pages: 1 };
        Ok(self.replace(note, &to.memory)?)
    }

    /// Has pages of a Memory stand where others are, to be written. What was made read-only stays so while it is mapped.
    fn replace(&self, note: Note, memory: &Memory) -> Result<(), Error> {
        let Note { process, address, page, pages, .. } = note;
        let process = &self.clients.get(&process).ok_or(Error::ServerDied)?.process;
        self.notes.write(note)?;
        process.unmap(address as usize, pages as usize)?;
        let result = process.map(memory, address as usize, page as usize, pages as usize, WRITE);
        self.notes.clear()?;
        result
    }

    /// Ends what an earlier pager had begun.
    pub fn follow_note(&mut self) -> Result<(), Error> {
        let Some(Note { process, address, identity, page, pages }) = self.notes.read() else { return Ok(()) };
        if self.client(process).is_ok() && self.load_extents(process).is_ok() {
            let client = self.clients.get(&process).ok_or(Error::Internal)?;
            if let Some(extent) = client.extent(identity) {
                // If it is mapped already, this fails, and all is well.
                let _ = client.process.map(&extent.memory, address as usize, page as usize, pages as usize, WRITE);
            }
        }
        self.notes.clear()
    }
}

/// Shares all pages of a process with another, which has none.
fn share(from: &Client, to: &mut Client) -> Result<(), Error> {
    for extent in &from.extents {
        match extent.memory.evict(0, extent.memory.info().map_or(0, |info| info.pages), Keep::Read) {
            // One that is gone has nobody's pages.
            Ok(()) | Err(Error::ServerDied | Error::BadArgument) => {}
            Err(error) => return Err(error),
        }
    }
    to.extents.clone_from(&from.extents);
    to.complete = true;
    let mut reader: Option<(u64, Memory)> = None;
    for entry in from.regions.iter().filter(|entry| !matches!(entry.region.backing, Backing::Memory { .. })) {
        let range = entry.range();
        let mut at = range.start;
        while at < range.end {
            let seen = from.process.page(at as usize)?;
            let pages = (seen.pages as u64).clamp(1, (range.end - at) / PAGE);
            if let (false, Some(extent)) = (seen.access.is_empty(), from.extent(seen.identity)) {
                let memory = match reader.take() {
                    Some((identity, memory)) if identity == seen.identity => memory,
                    // So the clone can't make pages writable that its parent sees.
                    _ => extent.memory.dup(Rights::READ)?,
                };
                show_both(to, &memory, at, seen.page, pages)?;
                reader = Some((seen.identity, memory));
            }
            at += pages * PAGE;
        }
    }
    Ok(())
}

/// Maps pages read-only; those that an earlier pager mapped already stay.
fn show_both(to: &Client, memory: &Memory, at: u64, first: usize, pages: u64) -> Result<(), Error> {
    match to.process.map(memory, at as usize, first, pages as usize, Access::READ) {
        Err(Error::BadAddress) => {}
        result => return result,
    }
    for n in 0..pages as usize {
        match to.process.map(memory, at as usize + n * PAGE as usize, first + n, 1, Access::READ) {
            Ok(()) | Err(Error::BadAddress) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
