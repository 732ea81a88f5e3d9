//! The frame allocator: a binary buddy system over the frame table.
//!
//! Pools only count pages; frames of all pools come from here, so memory fragments in one place, merges again, and a
//! pool's pages move to another by changing two numbers.

use crate::mutants::{Mutant, mutant};
use crate::view::ORDERS;
use crate::{Frame, FrameState, Kind, Mem, View};

impl<L> Mem<L> {
    /// Takes the smallest block that has `1 << order` frames.
    fn take_block(&mut self, order: usize) -> Option<Frame> {
        let found = (order..ORDERS).find(|&o| !self.heads[o].is_none())?;
        let block = self.heads[found];
        self.unlink_block(block, found);
        for half in (order..found).rev() {
            self.link_block(block.plus(1 << half), half);
        }
        self.free -= 1 << order;
        Some(block)
    }

    /// Returns a block of `1 << order` frames that nobody uses, and merges it with its buddies.
    pub(crate) fn give_block(&mut self, block: Frame, order: usize) {
        self.free += 1 << order;
        let (mut block, mut order) = (block, order);
        while order + 1 < ORDERS {
            let buddy = Frame(block.0 ^ (1 << order));
            let whole = buddy.0 < self.places.count
                && self.kind(buddy) == Kind::FREE
                && self.info(buddy).free as usize == order;
            if !whole {
                break;
            }
            self.unlink_block(buddy, order);
            self.set_kind(buddy, Kind::FREE_TAIL);
            self.set_kind(block, Kind::FREE_TAIL);
            block = Frame(block.0 & !(1 << order));
            order += 1;
        }
        self.link_block(block, order);
    }

    /// Returns any range, marked as free, in the largest aligned blocks.
    pub(crate) fn give_range(&mut self, first: Frame, pages: u32) {
        let (mut at, end) = (first.0, first.0 + pages);
        while at < end {
            let order = at.trailing_zeros().min((end - at).ilog2()).min(ORDERS as u32 - 1);
            self.give_block(Frame(at), order as usize);
            at += 1 << order;
        }
    }

    fn link_block(&mut self, block: Frame, order: usize) {
        let head = self.heads[order];
        self.set_kind(block, Kind::FREE);
        let info = self.info_mut(block);
        info.free = order as u16;
        info.next = head;
        info.prev = Frame::NONE;
        if !head.is_none() {
            self.info_mut(head).prev = block;
        }
        self.heads[order] = block;
    }

    fn unlink_block(&mut self, block: Frame, order: usize) {
        let info = *self.info(block);
        if info.prev.is_none() {
            self.heads[order] = info.next;
        } else {
            self.info_mut(info.prev).next = info.next;
        }
        if !info.next.is_none() {
            self.info_mut(info.next).prev = info.prev;
        }
    }
}

impl<'id, L> View<'_, 'id, L> {
    /// Takes `pages` frames in a row as plain bytes; their contents are what was there before. `None` if there is no
    /// such row. O(orders), and a byte a frame, eight at a time; where only the stock has them, that first.
    pub fn take(&mut self, pages: u32) -> Option<Frame> {
        if pages == 1
            && let Some(frame) = self.mem.take_single()
        {
            self.mem.set_kind(frame, Kind::BYTES);
            return Some(frame);
        }
        self.take_row(pages)
    }

    fn take_row(&mut self, pages: u32) -> Option<Frame> {
        let order = pages.max(1).next_power_of_two().trailing_zeros() as usize;
        if pages == 0 || order >= ORDERS {
            return None;
        }
        let first = match self.mem.take_block(order) {
            None if self.mem.merge_stock() => self.mem.take_block(order)?,
            block => block?,
        };
        self.mem.set_kinds(first, pages, Kind::BYTES);
        // Nothing in a block is marked free but its first frame.
        self.mem.give_range(first.plus(pages), (1 << order) - pages);
        Some(first)
    }

    /// Resets what is known about a frame of plain bytes: data, no writers, this owner.
    pub fn reset(&mut self, frame: Frame, owner: u32) {
        let info = self.mem.info_mut(frame);
        info.owner = owner;
        info.next = Frame::NONE;
        info.prev = Frame::NONE;
        info.extra = 0;
        info.used = 0;
        info.writers = 0;
        if !mutant(Mutant::FrameKeepsState) {
            info.state = FrameState::Data;
        }
        info.flags = 0;
    }

    /// Returns frames of plain bytes. Nobody may be able to reach them any more: no mapping, no TLB entry, no device.
    pub fn give(&mut self, first: Frame, pages: u32) {
        if pages == 1 {
            assert!(self.mem.kind(first) == Kind::BYTES, "only plain bytes are given back");
            return self.mem.give_single(first);
        }
        for n in 0..pages {
            assert!(self.mem.kind(first.plus(n)) == Kind::BYTES, "only plain bytes are given back");
        }
        self.mem.set_kinds(first, pages, Kind::FREE_TAIL);
        self.mem.give_range(first, pages);
    }
}
