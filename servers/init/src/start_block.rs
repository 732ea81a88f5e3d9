//! The start block, and the moment a process begins to run.

use libsys::abi::PAGE_SIZE;
use libsys::protocol::start::{HEADER, Header, MAX_BODY};
use libsys::{Access, Error, Memory, Private, Process};

use crate::birth::Body;

/// A start block.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// Its header.
    pub header: &'a Header,
    /// What the spawner sent.
    pub body: &'a [u8],
}

impl Block<'_> {
    /// Pages that it takes.
    pub fn pages(&self) -> usize {
        (HEADER + self.body.len()).div_ceil(PAGE_SIZE)
    }

    /// Writes it.
    pub fn write(&self, place: &mut [u8]) -> Result<(), Error> {
        let (head, rest) = place.split_at_mut_checked(HEADER).ok_or(Error::Internal)?;
        head.copy_from_slice(&self.header.to_bytes());
        rest.get_mut(..self.body.len()).ok_or(Error::Internal)?.copy_from_slice(self.body);
        Ok(())
    }
}

/// Has a process see its start block at an address: the Memory's first pages, which nobody can write any more.
pub fn show(process: &Process, memory: &Memory, pages: usize, at: u64) -> Result<(), Error> {
    memory.freeze(0, pages)?;
    process.map(memory, at as usize, 0, pages, Access::READ)
}

/// Gives a process its start block, in a Memory of its own.
pub fn give(body: &Body, block: Block<'_>) -> Result<(), Error> {
    if block.body.len() > MAX_BODY {
        return Err(Error::Limit);
    }
    let pages = block.pages();
    let mut bytes = Private::create(&body.pool, pages)?;
    block.write(&mut bytes)?;
    let (memory, mapping) = bytes.share();
    drop(mapping);
    show(&body.process, &memory, pages, body.places.block)
}

/// Starts the main thread, which is told where its start block is.
pub fn start(body: &Body) -> Result<(), Error> {
    let (entry, stack) = body.start;
    let at = (entry as usize, stack as usize);
    body.thread.start(at, body.places.block, body.paging.fault.as_ref(), &body.notification)
}
