//! Where a process's own things lie: elsewhere in each.
//!
//! ```text
//!  a slot, one of 63 of 512 GiB each: what lies in one shares its upper page tables
//!   +   0 GiB  program          from any page on
//!   + 128 GiB  a window of 2 MiB: one page table
//!                lower MiB      start block, time page, main thread's IPC buffer: from any page on
//!                upper MiB      main thread's stack: ends at any page
//!   + 384 GiB  heap             from any page on that has its first 128 KiB in one page table
//! ```
//!
//! Whoever knows where one of program, window and heap lies has 2^24 places and more left for each of the others. What lies in
//! the window tells where the window is, and leaves 190 places for the stack. The kernel draws for init, init for all
//! others; a process is told by its start argument, its stack pointer and the start block ([`crate::boot::BootInfo`]).
//! The program has a random number of its own, as it alone has a length.

use core::ops::Range;

use crate::PAGE_SIZE;
use crate::user::{BLOCK_PAGES, MAIN_BUFFER, MAIN_STACK_BYTES, OWN_PAGES, TIME_PAGE};

/// Where a process maps what it wants: an address from which it goes upwards.
pub const MAPPINGS: Range<u64> = 0x1000_0000_0000..0x2000_0000_0000;
/// Where views lie: pages that come when used. An address is used once: a pager may remember what was there.
pub const VIEWS: Range<u64> = 0x3000_0000_0000..0x5000_0000_0000;
/// Where programs lie that a debugger is to find.
pub const FIXED: Range<u64> = 0x5000_0000_0000..0x6000_0000_0000;
/// The slots. The highest 512 GiB are none: a heap may grow out of its slot.
pub const SLOTS: Range<u64> = 0x6000_0000_0000..0x7f80_0000_0000;

const PAGE: u64 = PAGE_SIZE as u64;
const GIB: u64 = 1 << 30;
const SLOT: u64 = 512 * GIB;
/// What lies where in a slot.
const WINDOW: u64 = 128 * GIB;
const HEAP: u64 = 384 * GIB;
/// What one page table has.
const TABLE: u64 = 2 << 20;
const HALF: u64 = TABLE / 2;
/// Bytes of heap in one page table at least.
const HEAP_FIRST: u64 = 128 << 10;
/// Page tables of mappings and views that may lie below the first: those of a quarter of the room.
const MAPPINGS_BELOW: u64 = (MAPPINGS.end - MAPPINGS.start) / 4 / TABLE;
const VIEWS_BELOW: u64 = (VIEWS.end - VIEWS.start) / 4 / TABLE;
/// Places in a window. A page below the lowest stack stays empty, as it lies in the upper half.
const BLOCKS: u64 = HALF / PAGE - OWN_PAGES;
const STACKS: u64 = (HALF - MAIN_STACK_BYTES) / PAGE - 1;

/// The places of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The start block; time page and IPC buffer follow ([`crate::user`]).
    pub block: u64,
    /// The end of the main thread's stack.
    pub stack: u64,
    /// The heap's first address.
    pub heap: u64,
    /// Mappings lie from here on.
    pub mappings: u64,
    /// Views lie from here on.
    pub views: u64,
}

impl Places {
    /// By these random numbers.
    #[must_use]
    pub const fn draw(random: [u64; 4]) -> Places {
        let [own, heap, mappings, views] = random;
        let (own, slot) = digit(own, (SLOTS.end - SLOTS.start) / SLOT);
        let (own, window) = digit(own, (HEAP - WINDOW) / TABLE);
        let (own, block) = digit(own, BLOCKS);
        let (_, stack) = digit(own, STACKS);
        let (heap, table) = digit(heap, (SLOT - HEAP) / TABLE);
        let (_, page) = digit(heap, (TABLE - HEAP_FIRST) / PAGE);
        let slot = SLOTS.start + slot * SLOT;
        let window = slot + WINDOW + window * TABLE;
        Places {
            block: window + block * PAGE,
            stack: window + TABLE - stack * PAGE,
            heap: slot + HEAP + table * TABLE + page * PAGE,
            mappings: MAPPINGS.start + in_lower_half(mappings, MAPPINGS_BELOW),
            views: VIEWS.start + in_lower_half(views, VIEWS_BELOW),
        }
    }

    /// Where a program of this length and alignment goes, by a random number; none if it is too long.
    #[must_use]
    pub const fn program(&self, length: u64, align: u64, random: u64) -> Option<u64> {
        let Some(room) = WINDOW.checked_sub(length) else { return None };
        let places = room / align;
        if places == 0 {
            return None;
        }
        Some((self.heap & !(SLOT - 1)) + random % places * align)
    }
}

/// A page that half a page table of others follows, in one of so many tables.
const fn in_lower_half(random: u64, tables: u64) -> u64 {
    let (random, table) = digit(random, tables);
    table * TABLE + random % (HALF / PAGE) * PAGE
}

/// One of `count` by a random number, and what is left of that.
const fn digit(random: u64, count: u64) -> (u64, u64) {
    (random / count, random % count)
}

const _: () = assert!(TIME_PAGE == BLOCK_PAGES * PAGE && TIME_PAGE < MAIN_BUFFER && MAIN_BUFFER < OWN_PAGES * PAGE);
const _: () = assert!(SLOTS.start.is_multiple_of(SLOT) && SLOTS.end.is_multiple_of(SLOT));

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers that a failure repeats.
    fn numbers() -> impl Iterator<Item = [u64; 5]> {
        let mut state = 1_u64;
        let mut next = move || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state ^ state >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
        };
        let extremes = [[0; 5], [u64::MAX; 5]];
        extremes.into_iter().chain((0..100_000).map(move |_| [(); 5].map(|()| next())))
    }

    #[test]
    fn everything_has_room_and_touches_nothing_else() {
        let span = 5 << 20;
        for [own, heap, mappings, views, program] in numbers() {
            let places = Places::draw([own, heap, mappings, views]);
            let Places { block, stack, heap, .. } = places;
            let program = places.program(span, PAGE, program).unwrap();
            assert!(SLOTS.contains(&program) && [block, stack, heap, program].iter().all(|at| at % PAGE == 0));
            assert!(program / SLOT == heap / SLOT && program + span <= block && stack <= heap, "{places:x?}");
            assert_eq!(block / TABLE, (stack - 1) / TABLE, "one page table has block and stack");
            let bottom = stack - MAIN_STACK_BYTES;
            assert!(block + OWN_PAGES * PAGE < bottom, "a page below the stack is empty: {places:x?}");
            assert_eq!(heap / TABLE, (heap + HEAP_FIRST - 1) / TABLE, "one page table has the heap's first part");
            assert!(MAPPINGS.contains(&places.mappings) && VIEWS.contains(&places.views));
        }
    }

    #[test]
    fn each_is_one_of_two_to_the_24_in_its_slot() {
        let tables = (HEAP - WINDOW) / TABLE;
        for places in
            [WINDOW / PAGE, tables * BLOCKS, tables * STACKS, (SLOT - HEAP) / TABLE * (TABLE - HEAP_FIRST) / PAGE]
        {
            assert!(places >= 1 << 24, "{places:#x}");
        }
        let ends = [[0; 4], [u64::MAX; 4]].map(Places::draw);
        assert_ne!(ends[0], ends[1]);
        assert!((MAPPINGS_BELOW * HALF / PAGE).min(VIEWS_BELOW * HALF / PAGE) >= 1 << 24);
    }

    #[test]
    fn a_program_too_long_for_its_room_has_no_place() {
        let places = Places::draw([7; 4]);
        assert_eq!(places.program(WINDOW + 1, PAGE, 0), None);
        assert_eq!(places.program(WINDOW - 1, PAGE, 0), None, "not a page is left");
        assert!(places.program(WINDOW - (2 << 20), 2 << 20, u64::MAX).is_some());
        assert_eq!(places.program(PAGE, 2 << 20, u64::MAX).map(|at| at % (2 << 20)), Some(0));
    }
}
