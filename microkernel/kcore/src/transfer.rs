//! What moves between two threads that have met: words or buffers, and handles.

use abi::message::{BUFFER_PAYLOAD, MAX_HANDLES, REGISTER_BYTES, Tag};
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::alloc::Need;
use crate::objects::*;
use crate::state::Cx;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Copies a message's bytes: the words, those and the bytes that it doesn't use as zeros, or the used part of the
    /// buffer.
    #[inline(always)]
    pub fn copy_payload(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, tag: Tag) {
        let bytes = tag.bytes();
        if bytes <= REGISTER_BYTES { self.copy_registers(from, to, bytes) } else { self.copy_buffer(from, to, bytes) }
    }

    /// Copies a longer message from buffer to buffer.
    #[inline(always)]
    pub fn copy_buffer(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, bytes: usize) {
        let (source, target) = (self.v.get(from).buffer, self.v.get(to).buffer);
        let words = bytes.div_ceil(8) - mutant(Mutant::LongMessageCut) as usize;
        self.v.copy_words(source, target, BUFFER_PAYLOAD, words);
        self.v.get_mut(to).context.regs.words = [0; 8];
    }

    /// Copies a message of at most 64 bytes from words to words.
    #[inline(always)]
    pub fn copy_registers(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, bytes: usize) {
        let bytes = if mutant(Mutant::UnusedBytesLeak) { REGISTER_BYTES } else { bytes };
        // As many as seL4 takes in registers, all, and none: what most messages are.
        if bytes == HALF {
            let [w0, w1, w2, w3, ..] = self.v.get(from).context.regs.words;
            self.v.get_mut(to).context.regs.words = [w0, w1, w2, w3, 0, 0, 0, 0];
            return;
        }
        match bytes {
            REGISTER_BYTES.. => {
                // One by one: as a whole they would be a call of memcpy on aarch64.
                let [w0, w1, w2, w3, w4, w5, w6, w7] = self.v.get(from).context.regs.words;
                let words = &mut self.v.get_mut(to).context.regs.words;
                (words[0], words[1], words[2], words[3]) = (w0, w1, w2, w3);
                (words[4], words[5], words[6], words[7]) = (w4, w5, w6, w7);
            }
            0 => self.v.get_mut(to).context.regs.words.fill(0),
            _ => {
                let (words, masks) = (self.v.get(from).context.regs.words, &USED[bytes]);
                self.v.get_mut(to).context.regs.words = core::array::from_fn(|i| words[i] & masks[i]);
            }
        }
    }

    /// The handles that a thread sends, from its buffer. Read again at each use: they are checked before each move.
    pub fn sent_handles(&self, from: ThreadKey<'id>, tag: Tag) -> ([u32; MAX_HANDLES], usize) {
        let count = tag.handles();
        if count == 0 {
            return ([0; MAX_HANDLES], 0);
        }
        let buffer = self.v.get(from).buffer;
        let (low, high) = (self.v.read_word(buffer, 0), self.v.read_word(buffer, 8));
        ([low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32], count)
    }

    /// Whether the sender has what it sends, and may give it away.
    #[inline(always)]
    pub fn check_sent_handles(&self, from: ThreadKey<'id>, tag: Tag) -> Result<(), Error> {
        if tag.handles() == 0 { Ok(()) } else { self.check_some_handles(from, tag) }
    }

    #[inline(never)]
    fn check_some_handles(&self, from: ThreadKey<'id>, tag: Tag) -> Result<(), Error> {
        let (handles, count) = self.sent_handles(from, tag);
        let process = self.v.follow(self.v.get(from).process).ok_or(Error::BadHandle)?;
        for (i, handle) in handles[..count].iter().enumerate() {
            let entry = self.entry(process, *handle as u64)?;
            if handles[..i].contains(handle) && !mutant(Mutant::SentTwice) {
                return Err(Error::BadHandle);
            }
            if !entry.rights().contains(Rights::TRANSFER) && !mutant(Mutant::TransferIgnored) {
                return Err(Error::Denied);
            }
        }
        Ok(())
    }

    /// Whether a thread takes so many handles, and its table has room for them.
    #[inline(always)]
    pub fn check_room(&self, to: ThreadKey<'id>, count: u32) -> Result<(), Error> {
        if count == 0 { Ok(()) } else { self.check_some_room(to, count) }
    }

    #[inline(never)]
    fn check_some_room(&self, to: ThreadKey<'id>, count: u32) -> Result<(), Error> {
        if count > self.v.get(to).takes as u32 && !mutant(Mutant::TakesIgnored) {
            return Err(Error::TooManyHandles);
        }
        let process = self.v.follow(self.v.get(to).process).ok_or(Error::ServerDied)?;
        let mut need = Need::default();
        self.need_slots(&mut need, process, count)?;
        self.check(&need)
    }

    /// Whether a caller's handles can move to a receiver.
    #[inline(always)]
    pub fn check_handles(&self, caller: ThreadKey<'id>, receiver: ThreadKey<'id>) -> Result<(), Error> {
        let c = self.v.get(caller);
        let tag = Tag(c.context.regs.a1 & Tag::SENT);
        if c.faulting || tag.handles() == 0 {
            return Ok(());
        }
        self.check_some_handles(caller, tag)?;
        self.check_room(receiver, tag.handles() as u32)
    }

    /// Moves handles; they were checked. One that another core's user put there since is not moved: it arrives as 0.
    #[inline(always)]
    pub fn move_handles(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, tag: Tag) {
        if tag.handles() != 0 {
            self.move_some_handles(from, to, tag);
        }
    }

    #[inline(never)]
    fn move_some_handles(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, tag: Tag) {
        let (handles, count) = self.sent_handles(from, tag);
        let mut arrived = [0u32; MAX_HANDLES];
        let (source, target) = (self.v.get(from).process, self.v.get(to).process);
        if let (Some(source), Some(target)) = (self.v.follow(source), self.v.follow(target)) {
            for (new, old) in arrived.iter_mut().zip(&handles[..count]) {
                let movable =
                    self.entry(source, *old as u64).is_ok_and(|entry| entry.rights().contains(Rights::TRANSFER));
                if !movable && !mutant(Mutant::TransferIgnored) {
                    continue;
                }
                let stays = mutant(Mutant::SentHandleStays);
                let moved = if stays { self.entry(source, *old as u64) } else { self.remove(source, *old as u64) };
                if let Ok(entry) = moved {
                    match self.insert(target, entry) {
                        Some(handle) => *new = handle.raw(),
                        None => self.drop_handle(&entry),
                    }
                }
            }
        }
        let buffer = self.v.get(to).buffer;
        self.v.write_word(buffer, 0, arrived[0] as u64 | (arrived[1] as u64) << 32);
        self.v.write_word(buffer, 8, arrived[2] as u64 | (arrived[3] as u64) << 32);
    }

    /// Closes the handles that a reply carries in vain.
    #[inline(never)]
    pub fn drop_sent_handles(&mut self, from: ThreadKey<'id>, tag: Tag) {
        let (handles, count) = self.sent_handles(from, tag);
        let Some(process) = self.v.follow(self.v.get(from).process) else { return };
        for handle in &handles[..count] {
            if let Ok(entry) = self.remove(process, *handle as u64) {
                self.drop_handle(&entry);
            }
        }
    }
}

/// Bytes of four words.
pub const HALF: usize = REGISTER_BYTES / 2;

/// Masks for the words of a message of so many bytes: one load each, and no branch on the length.
static USED: [[u64; 8]; REGISTER_BYTES + 1] = {
    let mut masks = [[0; 8]; REGISTER_BYTES + 1];
    let mut bytes = 0;
    while bytes <= REGISTER_BYTES {
        let mut byte = 0;
        while byte < bytes {
            masks[bytes][byte / 8] |= 0xff << (byte % 8 * 8);
            byte += 1;
        }
        bytes += 1;
    }
    masks
};
