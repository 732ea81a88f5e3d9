//! The start block, and the moment a process begins to run.

use libsys::abi::{PAGE_SIZE, user};
use libsys::protocol::start::{Flags, HEADER, Header, MAX_BODY};
use libsys::{Access, Error, Private, Rights};

use crate::birth::Body;

/// Writes the block, maps it, and starts the main thread. After an error the process is not started.
pub fn start(body: &Body, block: &[u8], number: u32, seed: [u8; 32], flags: Flags) -> Result<(), Error> {
    if block.len() > MAX_BODY {
        return Err(Error::Limit);
    }
    let header = Header { flags, number, body: block.len() as u32, seed };
    let pages = (HEADER + block.len()).div_ceil(PAGE_SIZE);
    let mut bytes = Private::create(&body.pool, pages)?;
    let (head, rest) = bytes.split_at_mut_checked(HEADER).ok_or(Error::Internal)?;
    head.copy_from_slice(&header.to_bytes());
    rest.get_mut(..block.len()).ok_or(Error::Internal)?.copy_from_slice(block);
    let (memory, mapping) = bytes.share();
    drop(mapping);
    memory.freeze(0, pages)?;
    body.process.map(&memory, user::START_BLOCK as usize, 0, pages, Access::READ)?;
    body.process.endow(memory.handle(), Rights::READ | Rights::TRANSFER, user::START_MEMORY.index())?;
    let (entry, stack) = body.start;
    body.thread.start(entry as usize, stack as usize, 0)
}
