//! Start states: init and a child in a pool of its own, with what the alphabet of each start works on.
//!
//! Slots of init from 40 on and of the child from 1 on are the same in all of them:
//!
//! | init | | child | |
//! |---|---|---|---|
//! | 40 | root pool | 1 | session: a derived handle to the channel |
//! | 41 | the child's pool | 2 | the channel's bell: init's notification, bit 0 |
//! | 42 | child | 3 | a notification of its own |
//! | 43 | its first thread | 4 | the child itself |
//! | 44 | channel | 5 | its pool |
//! | 45 | the Grant of the session | 6 | a Memory, derived from init's |
//! | 46 | Memory, 2 pages | | |
//! | 47 | the Grant of the child's Memory | | |
//! | 48 | interrupt line 3 | | |

mod tables;

use abi::calls::number as nr;
use kcore::objects::*;
use kmem::Link;

use crate::explore::alphabet::{EVERYWHERE, Row};
use crate::invariants::all as all_of;
use crate::world::{World, world};

/// A start state and its alphabet.
pub struct Start {
    pub name: &'static str,
    pub world: Option<World>,
    rows: &'static [Row],
    /// Slots that are free at the start, in order: init's and the child's.
    pub news: [Vec<u32>; 2],
    /// No call adds to a table of so many handles.
    pub most_handles: u32,
}

impl Start {
    /// Its alphabet: its own rows and those of all.
    pub fn rows(&self) -> Vec<Row> {
        EVERYWHERE.iter().chain(self.rows).copied().collect()
    }
}

/// The start states. Each has another number of frames, which the root pool's limit tells for ever: so no state is
/// reached from two of them.
pub fn all() -> Vec<Start> {
    vec![
        start("messages", 0, 2, tables::MESSAGES),
        start("rights", 1, 1, tables::RIGHTS),
        start("memory", 2, 1, tables::MEMORY),
        start("lives", 3, 1, tables::LIVES),
    ]
}

const BASE_FRAMES: u32 = 256;
/// Handles of a table when no call adds to it any more, above those it has at the start.
const MORE_HANDLES: u32 = 3;

fn start(name: &'static str, number: u32, threads: u32, rows: &'static [Row]) -> Start {
    let mut w = world(BASE_FRAMES + number);
    populate(&mut w, threads);
    let child = child(&mut w);
    let init = w.init;
    let init = w.process_of(init);
    let news = [init, child].map(|process| free_slots(&mut w, process));
    let most_handles = w.with(|cx| cx.v.get(cx.v.live(init).unwrap()).handle_count) + MORE_HANDLES;
    Start { name, world: Some(w), rows, news, most_handles }
}

fn populate(w: &mut World, threads: u32) {
    let (own, all) = (0x1_0001, 0xffff);
    let pool = w.pool;
    let sub = w.ok(nr::create, &[pool, POOL as u64, 40, 30]);
    let process = w.ok(nr::create, &[sub, PROCESS as u64]);
    let channel = w.ok(nr::create, &[pool, CHANNEL as u64]);
    let session = w.call(nr::derive, &[pool, channel, all & !8, 7, 1]).unwrap();
    let bell = w.call(nr::derive, &[pool, 0x1_0006, all & !2, 1, 2]).unwrap();
    let note = w.ok(nr::create, &[sub, NOTIFICATION as u64]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 2, 0]);
    let lent = w.call(nr::derive, &[pool, memory, all & !2, 0, 0]).unwrap();
    let line = w.ok(nr::slice, &[pool, w.lines, 3, 1, 0]);
    for n in 0..threads as u64 {
        let thread = w.ok(nr::create, &[sub, THREAD as u64, process, 20, 0x2000_0000 + (n << 12)]);
        if n == 0 {
            w.ok(nr::config, &[thread, 2, note]);
            w.ok(nr::dup, &[thread, all, own, 43]);
        }
        w.ok(nr::start, &[thread, 0x40_0000, 0x60_0000, 0]);
        w.ok(nr::close, &[thread]);
    }
    for (handle, slot) in [(session[0], 1), (bell[0], 2), (note, 3), (process, 4), (sub, 5), (lent[0], 6)] {
        w.ok(nr::dup, &[handle, all, process, slot]);
    }
    let kept = [(pool, 40), (sub, 41), (process, 42), (channel, 44), (session[1], 45), (memory, 46), (lent[1], 47)];
    for (handle, slot) in kept.into_iter().chain([(line, 48)]) {
        w.ok(nr::dup, &[handle, all, own, slot]);
        w.ok(nr::close, &[handle]);
    }
    for handle in [session[0], bell[0], bell[1], note, lent[0]] {
        w.ok(nr::close, &[handle]);
    }
}

fn child(w: &mut World) -> Link<PROCESS> {
    let init = w.init;
    let own = w.process_of(init);
    w.with(|cx| {
        let mut all = all_of::<PROCESS>(cx).into_iter().map(|key| key.link());
        all.find(|link| *link != own).expect("there is a child")
    })
}

fn free_slots(w: &mut World, process: Link<PROCESS>) -> Vec<u32> {
    w.with(|cx| {
        let p = cx.v.get(cx.v.live(process).unwrap());
        let page = cx.v.get(cx.v.follow(p.handles).unwrap());
        let (mut at, mut slots) = (p.free_slot, Vec::new());
        while at != 0 && slots.len() < 8 {
            slots.push(at);
            at = page.0[at as usize].object.number();
        }
        slots
    })
}
