//! A hierarchical timer wheel: insertion, removal and the next expiry in constant time.
//!
//! Times are rounded up to ticks of 1,024 ns. Level l has 64 slots of 64^l ticks; a timer lies in the level of the
//! highest 6-bit digit in which its tick differs from the wheel's, and moves down as that digit is reached. (Varghese and
//! Lauck 1987, scheme 7.)

use kmem::mutants::{Mutant, mutant};
use kmem::{Link, View};

use crate::list::timers;
use crate::objects::{Objects, ThreadKey, ThreadLink};

const LEVELS: usize = 9;
const SLOTS: usize = 64;
const TICK_SHIFT: u32 = 10;
/// The part of a time that is less than a tick.
const PART: u64 = (1 << TICK_SHIFT) - 1;
const LAST_TICK: u64 = u64::MAX >> TICK_SHIFT;
const _: () = assert!(LAST_TICK.ilog2() / 6 < LEVELS as u32);

/// A core's timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    now: u64,
    /// Slots in use, and the levels that have some.
    used: [u64; LEVELS],
    levels: u16,
    /// When to look again, and in which slot, its number + 1: asked far more often than timers come and go. 0: nowhere, or something
    /// is to move down first.
    next: u64,
    first: u16,
    /// A level and slot whose time has come, and that did not move down as a whole yet: so many did not fit one entry.
    moving: Option<(u8, u8)>,
    /// Those of the lowest level first.
    slots: [ThreadLink; LEVELS * SLOTS],
}

impl Wheel {
    pub const fn new() -> Wheel {
        Wheel {
            now: 0,
            used: [0; LEVELS],
            levels: 0,
            next: u64::MAX,
            first: 0,
            moving: None,
            slots: [Link::NONE; LEVELS * SLOTS],
        }
    }

    /// Adds a thread's deadline.
    pub fn insert<'id>(&mut self, v: &mut View<'_, 'id, Objects>, thread: ThreadKey<'id>) {
        self.put(v, thread);
        self.look();
    }

    /// The same, when to look again left aside.
    #[inline(always)]
    fn put<'id>(&mut self, v: &mut View<'_, 'id, Objects>, thread: ThreadKey<'id>) {
        let tick = tick_of(v.get(thread).deadline).max(self.now);
        let level = (((tick ^ self.now).max(1)).ilog2() / 6) as usize;
        let slot = (tick >> (6 * level)) as usize % SLOTS;
        let at = level * SLOTS + slot;
        self.slots[at] = timers::push(self.slots[at], v, thread);
        self.used[level] |= 1 << slot;
        self.levels |= 1 << level;
        v.get_mut(thread).timer_slot = at as u16 + 1;
    }

    /// Removes a thread's deadline, if it has one.
    pub fn remove<'id>(&mut self, v: &mut View<'_, 'id, Objects>, thread: ThreadKey<'id>) {
        self.take_out(v, thread);
        self.look();
    }

    /// The same, when to look again left aside.
    #[inline(always)]
    fn take_out<'id>(&mut self, v: &mut View<'_, 'id, Objects>, thread: ThreadKey<'id>) {
        let position = core::mem::take(&mut v.get_mut(thread).timer_slot) as usize;
        if position == 0 {
            return;
        }
        let at = position - 1;
        let (level, slot) = (at / SLOTS, at % SLOTS);
        self.slots[at] = timers::remove(self.slots[at], v, thread);
        if self.slots[at].is_none() {
            if self.moving == Some((level as u8, slot as u8)) {
                self.moving = None;
            }
            self.used[level] &= !(1 << slot);
            if self.used[level] == 0 {
                self.levels &= !(1 << level);
            }
        }
    }

    /// When to look again, in ns; never before a timer is due, `u64::MAX` without timers.
    #[inline(always)]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Finds out when to look again, and where.
    fn look(&mut self) {
        (self.next, self.first) = match self.next_slot() {
            Some((level, slot, tick)) => {
                let first = if self.moving.is_some() { 0 } else { number(level, slot) };
                (tick.saturating_mul(1 << TICK_SHIFT), first)
            }
            None => (u64::MAX, 0),
        };
    }

    /// The first thread of each slot in use, with the slot's number: for the tests, which look at all of them.
    #[doc(hidden)]
    pub fn heads(&self) -> impl Iterator<Item = (u16, ThreadLink)> {
        // Most levels are empty: seen at one look.
        let none = |heads: &[ThreadLink]| heads.iter().fold(0, |all, head| all | head.raw()) == ThreadLink::NONE.raw();
        let levels = (0..).step_by(SLOTS).zip(self.slots.chunks(SLOTS)).filter(move |(_, heads)| !none(heads));
        let slots = levels.flat_map(|(first, heads)| (first..).zip(heads));
        slots.filter(|(_, head)| !head.is_none()).map(|(i, head)| (i, *head))
    }

    /// Takes a thread whose deadline is reached at `now`, out of the wheel; `None` when there is none (left), or `units` are
    /// used up: [`Wheel::next`] has then come already. A thread that is taken out costs one, and one that moves down.
    pub fn pop_due<'id>(
        &mut self,
        v: &mut View<'_, 'id, Objects>,
        now: u64,
        units: &mut u32,
    ) -> Option<ThreadKey<'id>> {
        if self.next > now {
            self.now = self.now.max(now >> TICK_SHIFT);
            return None;
        }
        let due = self.pop(v, now, units);
        self.look();
        due
    }

    /// The thread whose deadline is reached at `now`, if there is one and no second, and nothing else is to be done by then.
    #[inline(always)]
    pub fn only_due<'id>(&self, v: &View<'_, 'id, Objects>, now: u64) -> Option<OnlyDue<'id>> {
        if self.next > now {
            return None;
        }
        let at = self.first.wrapping_sub(1);
        let thread = v.follow(*self.slots.get(at as usize)?)?;
        let t = v.get(thread);
        // In a higher level its slot's time may have come, and not its own.
        if t.deadline > now & !PART || !t.timer_next.is_none() && !mutant(Mutant::PromptSecondLost) {
            return None;
        }
        // The first slot is the lowest of its level, and that the lowest.
        let level = at as usize / SLOTS;
        let used = self.used[level] & self.used[level].wrapping_sub(1);
        let levels = if used == 0 { self.levels & self.levels.wrapping_sub(1) } else { self.levels };
        let mut due = OnlyDue { thread, at, used, levels, next: u64::MAX, first: 0 };
        if levels != 0 {
            let level = if used == 0 { levels.trailing_zeros() as usize % LEVELS } else { level };
            let slot = if used == 0 { self.used[level] } else { used }.trailing_zeros() as usize % SLOTS;
            due.next = self.begin(level, slot) << TICK_SHIFT;
            due.first = number(level, slot);
        }
        (due.next > now).then_some(due)
    }

    /// Takes that out, as [`Wheel::pop_due`] does until nothing is due.
    #[inline(always)]
    pub fn take_only<'id>(&mut self, v: &mut View<'_, 'id, Objects>, due: &OnlyDue<'id>, now: u64) {
        let at = due.at as usize % self.slots.len();
        self.slots[at] = Link::NONE;
        self.used[at / SLOTS] = due.used;
        self.levels = due.levels;
        v.get_mut(due.thread).timer_slot = 0;
        (self.next, self.first) = (due.next, due.first);
        // What was to be looked at is past, so this is later than before.
        self.now = now >> TICK_SHIFT;
    }

    fn pop<'id>(&mut self, v: &mut View<'_, 'id, Objects>, now: u64, units: &mut u32) -> Option<ThreadKey<'id>> {
        let limit = now >> TICK_SHIFT;
        while let Some((level, slot, tick)) = self.next_slot() {
            if tick > limit {
                break;
            }
            self.now = self.now.max(tick);
            let at = level * SLOTS + slot;
            if level == 0 {
                let thread = v.follow(self.slots[at]).filter(|_| *units > 0)?;
                *units -= 1;
                self.take_out(v, thread);
                return Some(thread);
            }
            // All move down before any is looked at: the lower levels are looked at first.
            self.moving = Some((level as u8, slot as u8));
            while let Some(thread) = v.follow(self.slots[at]) {
                *units = units.checked_sub(1)?;
                self.take_out(v, thread);
                if !mutant(Mutant::TimerLevelLost) {
                    self.put(v, thread);
                }
            }
        }
        if self.next_slot().is_none_or(|(_, _, tick)| tick > limit) {
            self.now = self.now.max(limit);
        }
        None
    }

    /// The earliest used slot: level, slot and the tick at which it starts.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        if self.levels == 0 {
            return None;
        }
        // What still has to move down is first.
        if let Some((level, slot)) = self.moving {
            return Some((level as usize % LEVELS, slot as usize % SLOTS, self.now));
        }
        // What lies in a level differs from now in that digit first, so it is later than now's digit; the lowest used
        // level is the earliest.
        let level = self.levels.trailing_zeros() as usize % LEVELS;
        let slot = self.used[level].trailing_zeros() as usize % SLOTS;
        Some((level, slot, self.begin(level, slot).max(self.now)))
    }

    /// The tick at which a used slot begins, or began.
    #[inline(always)]
    fn begin(&self, level: usize, slot: usize) -> u64 {
        let shift = 6 * level as u32;
        (self.now >> shift & !(SLOTS as u64 - 1) | slot as u64) << shift
    }
}

/// A slot's number, and 1: 0 is none.
#[inline(always)]
fn number(level: usize, slot: usize) -> u16 {
    (level * SLOTS + slot) as u16 + 1
}

/// What [`Wheel::only_due`] found: whom and in which slot, what of its level and which levels are in use without it, and when and
/// where to look again.
pub struct OnlyDue<'id> {
    pub thread: ThreadKey<'id>,
    at: u16,
    used: u64,
    levels: u16,
    next: u64,
    first: u16,
}

/// The first tick that is not before a deadline.
#[inline(always)]
fn tick_of(deadline: u64) -> u64 {
    let part = deadline & PART != 0 && !mutant(Mutant::TimerEarly);
    (deadline >> TICK_SHIFT).saturating_add(part as u64).min(LAST_TICK)
}
