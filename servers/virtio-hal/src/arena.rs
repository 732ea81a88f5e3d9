//! How the DMA memory of a device is divided: whole pages for queues and buffers, small chunks for what has to be copied.

use libsys::{Mapping, abi::PAGE_SIZE};
use machine::extents::Extents;

/// Bytes of a chunk.
const CHUNK: usize = 256;

/// The memory of one device.
#[derive(Debug)]
pub struct Arena {
    pub mapping: Mapping,
    /// The device's address of its first byte.
    address: u64,
    pages: Extents,
    /// The first page of chunks; there are only chunks from there on.
    first_chunk_page: usize,
    chunks: Extents,
}

impl Arena {
    /// A quarter of the memory, one page at least, is for chunks.
    pub fn new(mapping: Mapping, address: u64) -> Arena {
        let pages = mapping.len() / PAGE_SIZE;
        let first_chunk_page = pages - (pages / 4).max(1).min(pages);
        let chunks = Extents::new((pages - first_chunk_page) * PAGE_SIZE / CHUNK);
        Arena { mapping, address, pages: Extents::new(first_chunk_page), first_chunk_page, chunks }
    }

    /// Whole pages: the offset of the first, zeroed.
    pub fn take_pages(&mut self, pages: usize) -> Option<usize> {
        let offset = self.pages.take(pages)? * PAGE_SIZE;
        for page in 0..pages {
            self.mapping.write(offset + page * PAGE_SIZE, &[0; PAGE_SIZE]).ok()?;
        }
        Some(offset)
    }

    /// Gives pages back.
    pub fn give_pages(&mut self, offset: usize, pages: usize) -> bool {
        self.pages.give(offset / PAGE_SIZE, pages)
    }

    /// Room for bytes that are copied: its offset.
    pub fn take_room(&mut self, bytes: usize) -> Option<usize> {
        let chunk = self.chunks.take(bytes.div_ceil(CHUNK))?;
        Some(self.first_chunk_page * PAGE_SIZE + chunk * CHUNK)
    }

    /// Gives room back.
    pub fn give_room(&mut self, offset: usize, bytes: usize) -> bool {
        match offset.checked_sub(self.first_chunk_page * PAGE_SIZE) {
            Some(offset) => self.chunks.give(offset / CHUNK, bytes.div_ceil(CHUNK)),
            None => false,
        }
    }

    /// Whether an offset is that of room, not of a page.
    pub fn is_room(&self, offset: usize) -> bool {
        offset >= self.first_chunk_page * PAGE_SIZE
    }

    /// The device's address of an offset.
    pub fn device_address(&self, offset: usize) -> u64 {
        self.address + offset as u64
    }

    /// The offset of a device's address.
    pub fn offset(&self, address: u64) -> Option<usize> {
        let offset = usize::try_from(address.checked_sub(self.address)?).ok()?;
        (offset < self.mapping.len()).then_some(offset)
    }

    /// The offset of bytes that lie in this memory.
    pub fn offset_of(&self, start: usize, bytes: usize) -> Option<usize> {
        let offset = start.checked_sub(self.mapping.address())?;
        (offset.checked_add(bytes)? <= self.mapping.len()).then_some(offset)
    }
}
