//! The start block, and the moment a process begins to run.

use libsys::abi::{PAGE_SIZE, user};
use libsys::protocol::start::{HEADER, Header, MAX_BODY};
use libsys::{Access, Error, Memory, Pool, Private, Process};

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

/// Has a process see its start block: the Memory's first pages, which nobody can write any more.
pub fn show(process: &Process, memory: &Memory, pages: usize) -> Result<(), Error> {
    memory.freeze(0, pages)?;
    process.map(memory, user::START_BLOCK as usize, 0, pages, Access::READ)
}

/// Gives a process its start block, in a Memory of its own.
pub fn give(process: &Process, pool: &Pool, block: Block<'_>) -> Result<(), Error> {
    if block.body.len() > MAX_BODY {
        return Err(Error::Limit);
    }
    let pages = block.pages();
    let mut bytes = Private::create(pool, pages)?;
    block.write(&mut bytes)?;
    let (memory, mapping) = bytes.share();
    drop(mapping);
    show(process, &memory, pages)
}

/// Starts the main thread.
pub fn start(body: &Body) -> Result<(), Error> {
    let (entry, stack) = body.start;
    body.thread.start((entry as usize, stack as usize), 0, body.paging.fault.as_ref(), &body.notification)
}
