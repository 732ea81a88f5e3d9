//! The canonical form of a kernel's state: what decides how it goes on, without the names that things happen to have.
//!
//! # Rules
//!
//! * Objects are numbered in the order in which they are found from the roots (cores, lists, the root pool). Places,
//!   frames and address-space tags are names and do not count.
//! * A generation counts as one bit: the name still leads to its object, or it is stale. Call sequences likewise: who
//!   awaits a reply has a token that is good.
//! * Times count from now. Statistics, the log, and the registers of threads that wait for nothing do not count.
//! * Slots of handle tables do count: programs name their handles so; and so does the order of the free ones.
//!
//! Two states with the same form go on alike, whatever is called. `forms.rs` tests both directions.

mod objects;

use kcore::objects::*;
use kmem::{AnyName, Class, Link, Name};

use crate::invariants::{self, Cx};
use crate::world::World;

/// In place of an object's number: nothing, a stale name, a link that leads nowhere (which `invariants` forbids).
const NOTHING: u64 = 0;
const STALE: u64 = 1;
const FIRST: u64 = 2;

/// Makes forms; keeps its tables between them.
#[derive(Default)]
pub struct Former {
    /// The form.
    pub out: Vec<u64>,
    /// Number of the object at a place, 0 for none yet.
    numbers: Vec<u16>,
    /// Objects found: class and place.
    found: Vec<(u8, u32)>,
}

impl Former {
    /// The form of a state, as 128 bits.
    pub fn hash(&mut self, w: &mut World) -> u128 {
        self.form(w);
        let (mut a, mut b): (u64, u64) = (0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
        for value in &self.out {
            a = fold(a ^ value, 0x9e37_79b9_7f4a_7c15);
            b = fold(b.rotate_left(29).wrapping_add(*value), 0xd6e8_feb8_6659_fd93);
        }
        (a as u128) << 64 | b as u128
    }

    /// Writes the form of a state into `out`.
    pub fn form(&mut self, w: &mut World) {
        self.out.clear();
        self.found.clear();
        self.numbers.resize(w.k.mem.frames() as usize * 512, 0);
        let (free, init) = (w.free(), w.init);
        w.with(|cx| {
            self.put(free as u64);
            self.link(init);
            self.roots(cx);
            self.follow(cx, 0);
            // All but the log's Memory, which is the kernel's own.
            let made: u32 = self.pools().map(|pool| cx.v.live(pool).map_or(0, |key| cx.v.get(key).objects)).sum();
            if self.found.len() as u32 + 1 != made {
                self.forgotten(cx);
            }
            let made: u32 = self.pools().map(|pool| cx.v.live(pool).map_or(0, |key| cx.v.get(key).objects)).sum();
            assert_eq!(self.found.len() as u32 + 1, made, "every object can be reached");
        });
        for (_, place) in &self.found {
            self.numbers[*place as usize] = 0;
        }
    }

    /// Writes the objects found, and those found by that, from one on.
    fn follow(&mut self, cx: &Cx<'_, '_>, mut next: usize) {
        while let Some((class, place)) = self.found.get(next).copied() {
            next += 1;
            self.put(class as u64);
            self.object(cx, class, place);
        }
    }

    /// A process to which nobody has a handle lives on with its threads, which may all wait. There is one at most, so
    /// its number is no matter of its name.
    fn forgotten(&mut self, cx: &Cx<'_, '_>) {
        let known = self.found.len();
        let all = invariants::all::<PROCESS>(cx).into_iter().map(|process| process.link());
        let unknown: Vec<_> = all.filter(|link| self.numbers[link.raw() as usize] == 0).collect();
        assert_eq!(unknown.len(), 1, "what nobody can reach is one process");
        self.link(unknown[0]);
        self.follow(cx, known);
    }

    fn pools(&self) -> impl Iterator<Item = Link<POOL>> {
        self.found.iter().filter(|(class, _)| *class == POOL).map(|(_, place)| Link::from_raw(*place))
    }

    fn put(&mut self, value: u64) {
        self.out.push(value);
    }

    fn all<const N: usize>(&mut self, values: [u64; N]) {
        self.out.extend(values);
    }

    /// The number of an object, which is found by this.
    fn link<const I: u8>(&mut self, link: Link<I>) {
        let number = if link.is_none() { NOTHING } else { self.number(I, link.raw()) };
        self.put(number);
    }

    fn number(&mut self, class: u8, place: u32) -> u64 {
        let number = &mut self.numbers[place as usize];
        if *number == 0 {
            self.found.push((class, place));
            *number = self.found.len() as u16;
        }
        *number as u64 - 1 + FIRST
    }

    fn name<const I: u8>(&mut self, cx: &Cx<'_, '_>, name: Name<I>)
    where
        Objects: Class<I>,
    {
        match cx.v.find(name) {
            Some(key) => self.link(key.link()),
            None => self.put(if name.is_none() { NOTHING } else { STALE }),
        }
    }

    fn any(&mut self, cx: &Cx<'_, '_>, name: AnyName) {
        self.put(name.class() as u64);
        match name.class() {
            POOL => self.cast::<POOL>(cx, name),
            PROCESS => self.cast::<PROCESS>(cx, name),
            THREAD => self.cast::<THREAD>(cx, name),
            CHANNEL => self.cast::<CHANNEL>(cx, name),
            NOTIFICATION => self.cast::<NOTIFICATION>(cx, name),
            MEMORY => self.cast::<MEMORY>(cx, name),
            GRANT => self.cast::<GRANT>(cx, name),
            INTERRUPT => self.cast::<INTERRUPT>(cx, name),
            PORTS => self.cast::<PORTS>(cx, name),
            AUTHORITY => self.cast::<AUTHORITY>(cx, name),
            _ => self.put(NOTHING),
        }
    }

    fn cast<const I: u8>(&mut self, cx: &Cx<'_, '_>, name: AnyName)
    where
        Objects: Class<I>,
    {
        self.name(cx, name.cast::<I>().unwrap_or(Name::NONE));
    }

    fn entry(&mut self, cx: &Cx<'_, '_>, entry: &Entry) {
        self.any(cx, entry.object);
        self.name(cx, entry.grant);
        self.all([entry.rights as u64, entry.badge]);
    }

    /// Everything that is no object.
    fn roots(&mut self, cx: &Cx<'_, '_>) {
        let core = &cx.s.cores[0];
        let now = cx.s.hw.now;
        let until = |time: u64| if time == u64::MAX { time } else { time.saturating_sub(now) };
        self.link(core.current.link());
        self.all([core.look_again as u64, core.pointer_changed as u64, core.ready]);
        self.all([until(core.armed), until(core.slice_end), until(cx.s.hw.timer), cx.s.hw.off.is_some() as u64]);
        for queue in core.queues.iter().filter(|queue| !queue.head.is_none()) {
            self.link(queue.head);
            self.link(queue.tail);
        }
        for (_, head) in core.wheel.heads() {
            self.link(head);
        }
        self.put(NOTHING);
        self.link(cx.s.root_pool);
        self.link(cx.s.reap);
        self.link(cx.s.undo);
        let e = cx.s.endings;
        self.link(e.threads);
        self.link(e.channels);
        self.link(e.grants);
        self.link(e.memories);
        for line in &cx.s.hw.unmasked {
            self.put(*line as u64);
        }
        self.put(u64::MAX);
        for (line, trigger) in &cx.s.hw.triggers {
            self.all([*line as u64, *trigger as u64]);
        }
        self.put(u64::MAX);
    }
}

/// A product of 128 bits folded to 64.
fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}
