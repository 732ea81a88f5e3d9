//! Single frames at hand, before the buddy system.
//!
//! Frames are mostly taken and given one by one, and soon taken again. So a few that were given wait here, and no block is cut for them
//! and merged again. They count as free, and there are few: what one program gives is soon another's.
//!
//! Typed pages and slabs that were released as they are wait apart, by class, and are of their class again as they are: empty page
//! tables need not be zeroed, nor empty slabs filled. The slots of a slab keep their generations.
//!
//! ```text
//!                 ┌─────────────── take(1) ───────────────┐
//!                 ▼                                       │
//!   free block, bytes ──give(1), release──▶ stock ──full──┼──▶ buddy system
//!        class I ──────release_spare────▶ spares ──full───┘       ▲
//!           ▲                               │  no larger block is left: all of it
//!           └───────────take_spare*─────────┴─────────────────────┘
//! ```

use crate::mutants::{Mutant, mutant};
use crate::name::FRAME_SHIFT;
use crate::{Class, Frame, Key, Kind, Mem, View};

/// Most frames in stock. All of them are given back at once when a larger block is wanted and there is none, with interrupts off; and
/// who chooses what is free can have each complete a block of many orders.
const MOST_SINGLE: u32 = 16;
/// Classes that may have spare frames: those of lower numbers.
pub(crate) const CLASSES: usize = 16;
/// Most spare frames of a class. Like those in stock they are given back at once, so there are few of all classes together.
const MOST_SPARE: u16 = 16;

/// Frames in a row by their `next`, the last one first.
#[derive(Clone, Copy)]
pub(crate) struct Stock {
    pub(crate) head: Frame,
    pub(crate) count: u32,
}

impl Stock {
    pub(crate) const EMPTY: Stock = Stock { head: Frame::NONE, count: 0 };
}

impl<L> Mem<L> {
    /// A frame of the stock, if there is one: still marked as that.
    #[inline(always)]
    pub(crate) fn take_single(&mut self) -> Option<Frame> {
        let frame = self.singles.head;
        if frame.is_none() {
            return None;
        }
        self.singles = Stock { head: self.info(frame).next, count: self.singles.count - 1 };
        self.free -= 1;
        Some(frame)
    }

    /// Returns a frame that nobody uses: to the stock, if there is room.
    #[inline(always)]
    pub(crate) fn give_single(&mut self, frame: Frame) {
        if self.singles.count >= MOST_SINGLE {
            return self.give_block(frame, 0);
        }
        self.set_kind(frame, Kind::STOCK);
        self.info_mut(frame).next = self.singles.head;
        self.singles = Stock { head: frame, count: self.singles.count + 1 };
        self.free += 1;
    }

    /// Returns an emptied frame, of its class still: to the spares if it was released to be one and there is room.
    pub(crate) fn give_emptied(&mut self, frame: Frame) {
        let (class, most) = (self.kind(frame).0, self.info(frame).free);
        let Some(spares) = self.spares.get_mut(class as usize).filter(|spares| spares.count < most.into()) else {
            return self.give_single(frame);
        };
        let head = core::mem::replace(&mut spares.head, frame);
        spares.count += 1;
        self.set_kind(frame, Kind::SPARE);
        let info = self.info_mut(frame);
        (info.used, info.next) = (class.into(), head);
        self.free += 1;
    }

    /// Takes a spare frame of a class.
    #[inline(always)]
    fn take_spare_frame(&mut self, class: u8) -> Option<Frame> {
        let frame = self.spares.get(class as usize)?.head;
        if frame.is_none() {
            return None;
        }
        // Nobody wrote into it since it was of the class, so it holds what that has.
        debug_assert!(self.kind(frame) == Kind::SPARE && self.info(frame).used == u16::from(class));
        let next = self.info(frame).next;
        let spares = self.spares.get_mut(class as usize)?;
        *spares = Stock { head: next, count: spares.count - 1 };
        self.free -= 1;
        Some(frame)
    }

    /// Gives stock and spares to the buddy system; false if there are none.
    #[cold]
    pub(crate) fn merge_stock(&mut self) -> bool {
        let spares = core::mem::replace(&mut self.spares, [Stock::EMPTY; CLASSES]);
        let singles = core::mem::replace(&mut self.singles, Stock::EMPTY);
        let all = || [&singles].into_iter().chain(&spares);
        if all().all(|stock| stock.count == 0) || mutant(Mutant::StockKeptFromBlocks) {
            (self.singles, self.spares) = (singles, spares);
            return false;
        }
        for stock in all() {
            let mut frame = stock.head;
            while !frame.is_none() {
                let next = self.info(frame).next;
                self.free -= 1;
                self.give_block(frame, 0);
                frame = next;
            }
        }
        true
    }
}

impl<'id, L> View<'_, 'id, L> {
    /// Types a spare page of class `I` again: it holds what it did when it was released. `None` if there is none.
    pub fn take_spare<const I: u8>(&mut self, owner: u32) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        const { assert!(!L::NAMED && (I as usize) < CLASSES && L::SPARES <= MOST_SPARE) }
        let frame = self.mem.take_spare_frame(I)?;
        self.reset(frame, owner);
        self.mem.set_kind(frame, Kind::class(I));
        Some(Key { place: frame.0 << FRAME_SHIFT, view: self.brand })
    }

    /// Has a spare slab of class `I` be one again, with its slots as they were left. `None` if there is none.
    pub fn take_spare_slab<const I: u8>(&mut self, owner: u32) -> Option<Frame>
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED && (I as usize) < CLASSES && L::SPARES <= MOST_SPARE) }
        let frame = self.mem.take_spare_frame(I)?;
        let first = self.mem.info(frame).extra;
        self.reset(frame, owner);
        self.mem.info_mut(frame).free = first as u16;
        self.mem.set_kind(frame, Kind::class(I));
        Some(frame)
    }

    /// As [`View::release`] for a typed page that may be of use as it is: see [`View::take_spare`].
    pub fn release_spare<const I: u8>(&mut self, page: Key<'id, I>)
    where
        L: Class<I>,
    {
        const { assert!(!L::NAMED) }
        self.release(page.frame());
        self.mem.info_mut(page.frame()).free = L::SPARES;
    }
}
