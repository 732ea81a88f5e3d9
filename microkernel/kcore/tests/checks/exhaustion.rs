//! Too few pages, at every place where a page is taken.

use std::collections::BTreeMap;

use abi::calls::number as nr;
use abi::{Error, Status};
use kcore::objects::*;
use kmem::Link;

use crate::driver::{Driver, Step};
use crate::random::each_seed;
use crate::world::*;
use crate::{arguments, invariants, snapshot};

const ALL: u64 = 0xffff;

/// A scenario that takes pages of many kinds out of `pool`; stops at the first error.
fn scenario(w: &mut World, pool: u64) -> Result<(), Error> {
    let get = |w: &mut World, number: u16, arguments: &[u64]| -> Result<u64, Error> {
        let before = snapshot::take(w);
        let me = w.current();
        let registers = w.edit(me, |t| t.context.regs);
        let answer = w.call(number, arguments);
        if answer.is_err() {
            w.edit(me, |t| t.context.regs = registers);
            let excluded = snapshot::excluded(w, me);
            let difference = before.difference(w, excluded);
            assert_eq!(difference, None, "call {number} changed something and failed");
        }
        invariants::check(w);
        answer.map(|words| words[0])
    };
    let process = get(w, nr::create, &[pool, PROCESS as u64])?;
    let thread = get(w, nr::create, &[pool, THREAD as u64, process, 5, 0x7f_ffff_f000])?;
    let channel = get(w, nr::create, &[pool, CHANNEL as u64])?;
    let note = get(w, nr::create, &[pool, NOTIFICATION as u64])?;
    let memory = get(w, nr::create, &[pool, MEMORY as u64, 3, 0])?;
    get(w, nr::map, &[process, memory, 0x4020_0000 - 0x1000, 0, 2, 3])?;
    get(w, nr::map, &[process, memory, 0x80_4000_0000, 1, 1, 1])?;
    get(w, nr::unmap, &[process, 0x4020_0000, 1])?;
    get(w, nr::derive, &[pool, channel, ALL, 1, 0])?;
    get(w, nr::slice, &[pool, memory, 1, 1, 0])?;
    get(w, nr::slice, &[pool, w.lines, 1, 1, 0])?;
    let sub = get(w, nr::create, &[pool, POOL as u64, 2, 5])?;
    get(w, nr::create, &[sub, CHANNEL as u64])?;
    for _ in 0..140 {
        get(w, nr::dup, &[note, ALL, process, 0])?;
    }
    get(w, nr::start, &[thread, 0x40_0000, 0x50_0000, 0])?;
    get(w, nr::destroy, &[sub])?;
    Ok(())
}

#[test]
fn the_nth_page_is_refused_for_every_n() {
    let mut last = 0;
    for pages in 1.. {
        let mut w = world(400);
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, pages, 10]);
        let before = w.call(nr::info, &[w.pool, 1]).unwrap()[3];
        let result = scenario(&mut w, pool);
        w.ok(nr::destroy, &[pool]);
        invariants::check(&mut w);
        let after = w.call(nr::info, &[w.pool, 1]).unwrap()[3];
        assert!(after <= before, "all pages are back, beside what init's own table took");
        match result {
            Ok(()) => break,
            Err(error) => assert_eq!(error, Error::PoolEmpty, "with {pages} pages"),
        }
        last = pages;
    }
    assert!(last > 20, "the scenario takes pages at many places");
}

#[test]
fn memory_itself_may_run_out_before_a_pool_does() {
    for frames in 256..280 {
        let mut w = world(frames);
        let mut made = Vec::new();
        // Every second page of what is left, so that nothing larger is in a row.
        while let Ok(answer) = w.call(nr::create, &[w.pool, MEMORY as u64, 1, 0]) {
            made.push(answer[0]);
        }
        for memory in made.iter().step_by(2) {
            w.ok(nr::close, &[*memory]);
        }
        invariants::check(&mut w);
        assert_eq!(w.call(nr::create, &[w.pool, MEMORY as u64, 4, 0]), Err(Error::PoolEmpty));
        invariants::check(&mut w);
        assert!(w.call(nr::create, &[w.pool, MEMORY as u64, 1, 0]).is_ok() || made.len() < 3);
    }
}

/// What became of calls with too few pages.
#[derive(Default)]
struct Refusals {
    /// Refused, by call and by how many pages were left; done with no page less than it took.
    refused: BTreeMap<(&'static str, u32), u32>,
    enough: BTreeMap<&'static str, u32>,
}

/// In random states: each call again and again, from the same state, with 0, 1, 2 … pages left in each of the pools, until
/// they are enough. What is refused for want of a page has changed nothing, and whatever else a call comes to, all
/// invariants hold.
#[test]
fn every_page_that_a_call_takes_is_refused_once() {
    let mut all = Refusals::default();
    each_seed("every_page_that_a_call_takes_is_refused_once", 400, |seed| {
        let mut d = Driver::on_one_core(seed, 420);
        let sink = sink(&mut d.w, seed % 2 == 0);
        let (log, mut saved) = (d.w.log_frames(), Copied::default());
        for _ in 0..60 {
            let current = d.w.current();
            if current.is_none() || d.w.edit(current, |t| t.restarting() || t.ends_at != 0) {
                if matches!(d.step(), Step::Stuck) {
                    break;
                }
                continue;
            }
            let known = arguments::known(&mut d.w, current);
            let takes =
                [nr::create, nr::create, nr::derive, nr::dup, nr::map, nr::map, nr::slice, nr::protect, nr::call];
            let number =
                if d.r.one_in(3) { d.r.below(abi::calls::CALLS.len() as u64) as u16 } else { d.r.pick(&takes) };
            if matches!(number, nr::debug_log | nr::system) || snapshot::traced(&mut d.w, current) {
                continue;
            }
            let attempt = arguments::of(&mut d.r, &known, number);
            d.w.prepare(current, attempt.number, &attempt.arguments, attempt.deadline);
            d.w.edit(current, |t| t.context.regs.pc = 0x40_0000);
            d.w.save(&log, &mut saved);
            for pool in
                d.w.with(|cx| invariants::all::<POOL>(cx).into_iter().map(|pool| pool.link()).collect::<Vec<_>>())
            {
                if pool != sink {
                    starve(&mut d.w, pool, sink, &mut all, &saved);
                }
            }
            d.w.k.syscall(0);
        }
    });
    println!("refused {:?}, enough {:?}", all.refused, all.enough);
    let few = ["VIAETHER_SEED", "VIAETHER_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    for (name, pages) in [("create", 6), ("derive", 1), ("dup", 1), ("map", 4), ("slice", 1)] {
        for left in 0..pages {
            assert!(
                few || all.refused.contains_key(&(name, left)),
                "{name} with {left} pages left is refused somewhere"
            );
        }
        assert!(few || all.enough.contains_key(name));
    }
}

/// The running thread's call with fewer pages than it takes from a pool, then with just enough.
fn starve(w: &mut World, pool: Link<POOL>, sink: Link<POOL>, all: &mut Refusals, saved: &Copied) {
    let me = w.current();
    let number = w.edit(me, |t| t.context.regs.number) as usize & 0xffff;
    let Some(call) = abi::calls::CALLS.get(number) else { return };
    for left in 0..9 {
        let free = w.with(|cx| cx.v.live(pool).map_or(0, |pool| cx.v.get(pool).limit - cx.v.get(pool).used));
        if free <= left {
            return;
        }
        take_away(w, pool, sink, free - left);
        let before = snapshot::take(w);
        w.k.syscall(0);
        let status = w.with(|cx| cx.v.live(me).map(|me| Status(cx.v.get(me).context.regs.number)));
        let running = matches!(w.state(me), Some(State::Running | State::Ready));
        let over = running && w.edit(me, |t| t.context.regs.pc == 0x40_0000);
        let refused = over && status.is_some_and(|status| status.result() == Err(Error::PoolEmpty));
        if refused {
            assert!(call.errors.contains(&Error::PoolEmpty), "{} may want for pages", call.name);
            let excluded = snapshot::excluded(w, me);
            let difference = before.difference(w, excluded);
            let registers = w.edit(me, |t| t.context.regs);
            assert_eq!(
                difference, None,
                "{} changed something for want of a page: {registers:x?}, {left} left",
                call.name
            );
            *all.refused.entry((call.name, left)).or_default() += 1;
        }
        invariants::check(w);
        w.restore(saved);
        if !refused {
            if left > 0 {
                *all.enough.entry(call.name).or_default() += 1;
            }
            return;
        }
    }
}

/// Handles for which a process has room, without another page.
fn room(w: &mut World, process: Link<PROCESS>) -> u32 {
    w.with(|cx| cx.v.live(process).map_or(0, |process| cx.v.get(process).slots - 1 - cx.v.get(process).handle_count))
}

/// A pool to put pages into which nobody else is to have; `full`: init's next handle takes a page.
fn sink(w: &mut World, full: bool) -> Link<POOL> {
    let before = w.with(|cx| invariants::all::<POOL>(cx).into_iter().map(|pool| pool.link()).collect::<Vec<_>>());
    let init = w.init;
    w.run(init);
    // Undisturbed by more urgent ones.
    w.edit(init, |t| (t.priority, t.base_priority) = (63, 63));
    let root = w.pool_handle();
    let handle = w.ok(nr::create, &[root, POOL as u64, 1, 0]);
    w.ok(nr::close, &[handle]);
    let main = abi::user::MAIN_THREAD.raw() as u64;
    let process = w.process_of(init);
    while full && room(w, process) > 0 {
        w.ok(nr::dup, &[main, ALL, 0, 0]);
    }
    w.enter(nr::config as u64, &[main, 0, 20]);
    w.with(|cx| {
        let mut all = invariants::all::<POOL>(cx).into_iter().map(|pool| pool.link());
        all.find(|pool| !before.contains(pool)).expect("there is one more")
    })
}

/// Moves free pages of a pool to the sink.
fn take_away(w: &mut World, pool: Link<POOL>, sink: Link<POOL>, pages: u32) {
    w.with(|cx| {
        let (pool, sink, root) =
            (cx.v.live(pool).unwrap(), cx.v.live(sink).unwrap(), cx.v.live(cx.s.root_pool).unwrap());
        if pool != root {
            cx.v.get_mut(pool).limit -= pages;
            let parent = cx.v.live(cx.v.get(pool).parent).unwrap();
            let p = cx.v.get_mut(parent);
            (p.used, p.given) = (p.used - pages, p.given - pages);
        }
        cx.v.get_mut(sink).limit += pages;
        let r = cx.v.get_mut(root);
        (r.used, r.given) = (r.used + pages, r.given + pages);
    });
}
