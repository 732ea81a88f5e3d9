//! Confinement: what a process can't reach through its handles, its calls never change.
//!
//! Two worlds in one kernel that share nothing but the processor: each a process in a pool of its own, which holds its
//! own pool, objects and threads. One does anything; not a byte of the other changes, but when its thread runs.

use std::mem::offset_of;
use std::ops::Range;

use abi::Rights;
use abi::calls::number as nr;
use kcore::objects::*;
use kmem::{Frame, Kind, Link};

use crate::arguments;
use crate::invariants::{self, Cx, all};
use crate::random::{Random, each_seed};
use crate::sequences::USUAL;
use crate::world::*;

/// A process with some objects and so many threads; returns its pool's place and the first thread.
fn island(w: &mut World, ceiling: u64, threads: u64) -> (Link<POOL>, ThreadLink) {
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 150, ceiling]);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let thread = w.ok(nr::create, &[pool, THREAD as u64, process, ceiling - 1, 0x2000_0000]);
    let note = w.ok(nr::create, &[pool, NOTIFICATION as u64]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 6, 0]);
    let channel = w.ok(nr::create, &[pool, CHANNEL as u64]);
    let line = w.ok(nr::slice, &[pool, w.lines, ceiling, 1, 0]);
    w.ok(nr::irq_bind, &[line, note, 4]);
    w.ok(nr::map, &[process, memory, 0x4000_0000, 0, 3, 3]);
    w.ok(nr::config, &[thread, 2, note]);
    let derived = w.call(nr::derive, &[pool, memory, 0xffff, 0, 0]).unwrap();
    let session = w.call(nr::derive, &[pool, channel, 0xffff & !8, 5, 0]).unwrap();
    let all = [process, thread, pool, note, memory, channel, line, derived[0], derived[1], session[0], session[1]];
    for handle in all {
        let rights = if handle == pool { Rights::all() - Rights::DESTROY } else { Rights::all() };
        w.ok(nr::dup, &[handle, rights.bits() as u64, process, 0]);
    }
    let link = w.with(|cx| {
        let me = cx.v.live(cx.s.cores[0].current.link()).unwrap();
        let pool = cx.lookup::<POOL>(me, pool, Rights::empty()).unwrap().key.link();
        (pool, cx.lookup::<THREAD>(me, thread, Rights::empty()).unwrap().key.link())
    });
    w.ok(nr::start, &[thread, 0x40_0000, 0x50_0000, 0]);
    for n in 1..threads {
        let other = w.ok(nr::create, &[pool, THREAD as u64, process, ceiling - 1, 0x2000_0000 + (n << 12)]);
        w.ok(nr::start, &[other, 0x40_0000, 0x50_0000, 0]);
        w.ok(nr::close, &[other]);
    }
    for handle in all {
        w.ok(nr::close, &[handle]);
    }
    link
}

/// The frames of a pool and all that is made from it.
fn frames(cx: &Cx<'_, '_>, pool: Link<POOL>) -> Vec<u32> {
    let processes = all::<PROCESS>(cx).into_iter().filter(|process| cx.v.get(*process).pool == pool);
    let (processes, roots): (Vec<u32>, Vec<Frame>) =
        processes.map(|process| (process.link().raw(), cx.v.get(process).root)).unzip();
    let memories = all::<MEMORY>(cx).into_iter().filter(|memory| cx.v.get(*memory).pool == pool);
    let memories: Vec<u32> = memories.map(|memory| memory.link().raw()).collect();
    let paged = [TABLE, HANDLES, DIRECTORY].map(Kind::class);
    (1..cx.v.frames())
        .filter(|n| {
            let (frame, kind) = (Frame(*n), cx.v.kind(Frame(*n)));
            if kind.is_free() || kind == Kind::RESERVED {
                return false;
            }
            let owner = cx.v.frame(frame).owner;
            match kind {
                Kind::BYTES => memories.contains(&owner) || processes.contains(&owner),
                _ if paged.contains(&kind) => processes.contains(&owner) || roots.contains(&frame),
                _ => owner == pool.raw(),
            }
        })
        .collect()
}

/// The island's bytes, but for whether its ready thread runs: its links in the queue, its state and its times.
struct Picture {
    pool: Link<POOL>,
    frames: Frames,
    /// The thread's frame, and where these are.
    frame: u32,
    left_out: [Range<usize>; 5],
}

impl Picture {
    fn new(w: &mut World, pool: Link<POOL>, thread: ThreadLink) -> Picture {
        let (frames, frame) = (w.with(|cx| frames(cx, pool)), thread.frame().0);
        assert!(frames.contains(&frame), "its thread is in its pool");
        let start = w.k.mem.object_address(thread).unwrap().addr() & 0xfff;
        let (queue, time) = ([offset_of!(Thread, next), offset_of!(Thread, prev)], offset_of!(Thread, run_start));
        let (ran, state) = (offset_of!(Thread, run_time), offset_of!(Thread, state));
        let left_out = [(queue[0], 4), (queue[1], 4), (time, 8), (ran, 8), (state, 1)];
        let left_out = left_out.map(|(field, size)| start + field..start + field + size);
        Picture { pool, frames: Frames::copy(w, frames), frame, left_out }
    }

    /// What would be different now, in words.
    fn difference(&self, w: &mut World) -> Option<String> {
        let frames = w.with(|cx| frames(cx, self.pool));
        if frames != self.frames.numbers() {
            return Some(format!("its frames: {:?} became {frames:?}", self.frames.numbers()));
        }
        self.frames.difference(w, |frame, i| frame == self.frame && self.left_out.iter().any(|part| part.contains(&i)))
    }
}

#[test]
fn what_a_process_cannot_reach_it_never_changes() {
    each_seed("what_a_process_cannot_reach_it_never_changes", USUAL, |seed| {
        let mut r = Random::new(seed);
        let mut w = world(600);
        w.ok(nr::config, &[0x1_0002, 0, 63]);
        let (quiet, still) = island(&mut w, 10, 1);
        let (_, actor) = island(&mut w, 30, 4);
        w.enter(nr::stop as u64, &[0x1_0002]);
        assert_eq!(w.current(), actor);
        let before = Picture::new(&mut w, quiet, still);
        assert!(before.frames.numbers().len() > 10);
        for step in 0..200 {
            let current = w.current();
            if current == still || current.is_none() {
                // All of the other world waits or is gone: its interrupt, then its deadlines.
                w.k.interrupt(0, 30);
                if w.current() == still || w.current().is_none() {
                    let timer = w.k.system.hw.timer;
                    if timer == u64::MAX {
                        break;
                    }
                    w.pass_until(timer);
                    w.k.timer(0);
                }
                continue;
            }
            let known = arguments::known(&mut w, current);
            let mut attempt = arguments::attempt(&mut r, &known);
            if r.one_in(6) {
                // Guessed handles and tokens; among them all that mean something to the other.
                attempt.arguments.iter_mut().for_each(|a| *a = if r.one_in(2) { 0x1_0000 + r.below(40) } else { *a });
            }
            w.prepare(current, attempt.number, &attempt.arguments, attempt.deadline);
            let buffer = w.edit(current, |t| t.buffer);
            let sent = attempt.sent.map(u64::from);
            w.with(|cx| cx.v.write_word(buffer, 0, sent[0] | sent[1] << 32));
            w.edit(current, |t| t.context.regs.pc = 0x40_0000);
            w.k.syscall(0);
            if r.one_in(20) {
                idle_work(&mut w.k, 0);
            }
            let changed = before.difference(&mut w);
            assert_eq!(changed, None, "step {step}: {attempt:x?} changed the other world");
        }
        invariants::check(&mut w);
    });
}
