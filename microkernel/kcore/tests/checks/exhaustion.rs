//! Too few pages, at every place where a page is taken; and others' calls at every place where a call is rewound.

use abi::Error;
use abi::calls::number as nr;
use kcore::objects::*;

use crate::world::*;
use crate::{invariants, snapshot};

const OWN: u64 = 0x1_0001;
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
            let difference = before.difference(&snapshot::take(w), excluded);
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

/// A long call by one thread, and what another does at the `n`-th place where it is rewound.
fn interrupted(long: usize, n: usize, what: usize) -> bool {
    let mut w = world(900);
    let (pool, root, own) = (w.ok(nr::create, &[w.pool, POOL as u64, 300, 40]), w.pool, OWN);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 60, 0]);
    let lent = w.call(nr::derive, &[pool, memory, ALL, 0, 0]).unwrap();
    for i in 0..40 {
        w.ok(nr::map, &[process, lent[0], 0x4000_0000 + i * 0x3000, i, 2, 3]);
        w.ok(nr::map, &[own, lent[0], 0x4000_0000 + i * 0x20_0000, i, 2, 3]);
    }
    for _ in 0..60 {
        w.ok(nr::create, &[pool, CHANNEL as u64]);
    }
    let (handle, link) = w.thread(own, 10, 0x2000_0000);
    w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 0]);
    let calls: [(u16, &[u64]); 5] = [
        (nr::destroy, &[pool]),
        (nr::revoke, &[lent[1]]),
        (nr::unmap, &[own, 0x4000_0000, 40 << 9]),
        (nr::evict, &[memory, 0, 60, 0]),
        (nr::create, &[pool, MEMORY as u64, 70, 0]),
    ];
    w.prepare(link, calls[long].0 as u64, calls[long].1, 0);
    for _ in 0..=n {
        // init is more urgent, and gets in between.
        w.run(link);
        w.edit(link, |t| t.context.regs.pc = 0x40_0000);
        w.k.syscall(0);
        invariants::check(&mut w);
        if !w.edit(link, |t| t.restarting) {
            return false;
        }
    }
    let init = w.init;
    w.run(init);
    match what {
        0 => drop(w.call(nr::destroy, &[pool])),
        1 => drop(w.call(nr::revoke, &[lent[1]])),
        2 => drop(w.call(nr::close, &[lent[1]])),
        3 => drop(w.call(nr::map, &[own, memory, 0x4000_2000, 5, 1, 1])),
        4 => drop(w.call(nr::close, &[memory])),
        5 => drop(w.call(nr::close, &[pool])),
        6 => drop(w.call(nr::stop, &[handle])),
        7 => drop(w.call(nr::destroy, &[handle])),
        8 => drop(w.call(nr::unmap, &[own, 0x4000_0000, 40 << 9])),
        9 => drop(w.call(nr::create, &[root, MEMORY as u64, 20, 0])),
        10 => drop(w.k.idle_work(0)),
        _ => w.k.system.hw.now += 10_000_000,
    }
    invariants::check(&mut w);
    for _ in 0..200 {
        if w.state(link) != Some(State::Ready) {
            break;
        }
        w.run(link);
        w.edit(link, |t| t.context.regs.pc = 0x40_0000);
        w.k.syscall(0);
        invariants::check(&mut w);
        if w.state(link).is_some() && !w.edit(link, |t| t.restarting) {
            break;
        }
        w.run(init);
    }
    for _ in 0..200 {
        w.k.idle_work(0);
    }
    assert!(w.k.system.reap.is_none() && w.k.system.undo.is_none(), "idle cores finish it");
    invariants::check(&mut w);
    true
}

#[test]
fn anything_may_happen_where_a_call_is_rewound() {
    for long in 0..5 {
        for what in 0..12 {
            let places = (0..100).take_while(|n| interrupted(long, *n, what)).count();
            assert!(places > 0, "call {long} is rewound somewhere");
            assert!(places < 100, "call {long} comes to an end ({what})");
        }
    }
}
