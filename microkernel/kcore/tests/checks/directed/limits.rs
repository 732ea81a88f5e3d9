//! Limits: slots, directories, address-space tags, depths of pools.

use abi::Error;
use abi::calls::number as nr;
use kcore::objects::*;
use kmem::Frame;

use super::*;
use crate::invariants;

#[test]
fn a_slot_is_retired_when_its_generation_wraps() {
    let mut w = world(400);
    let first = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let index = first & 0xffff;
    w.ok(nr::close, &[first]);
    let process = w.process_of(w.init);
    // As if the slot had been used 65,533 times.
    w.with(|cx| {
        let p = cx.v.live(process).unwrap();
        let page = cx.v.follow(cx.v.get(p).handles).unwrap();
        cx.v.get_mut(page).0[index as usize].generation = u16::MAX;
    });
    let last = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    assert_eq!(last, 0xffff_0000 | index);
    w.ok(nr::close, &[last]);
    invariants::check(&mut w);
    for stale in [first, last, index, index | 1 << 16] {
        assert_eq!(w.call(nr::notify, &[stale, 1]), Err(Error::BadHandle), "{stale:x}");
        assert_eq!(w.call(nr::close, &[stale]), Err(Error::BadHandle));
    }
    assert_eq!(w.call(nr::dup, &[0x1_0006, ALL, OWN, index]), Err(Error::BadArgument), "nor by its place");
    for _ in 0..200 {
        assert_ne!(w.ok(nr::create, &[w.pool, NOTIFICATION as u64]) & 0xffff, index);
    }
    invariants::check(&mut w);
}

#[test]
fn a_table_grows_to_its_end_and_says_so() {
    let mut w = world(1600);
    let mut made = vec![w.ok(nr::create, &[w.pool, NOTIFICATION as u64])];
    while made.len() < 65_536 {
        match w.call(nr::dup, &[made[0], ALL, 0, 0]) {
            Ok(answer) => made.push(answer[0]),
            Err(error) => {
                assert_eq!(error, Error::TableFull);
                break;
            }
        }
        if [100, 130, 1_000, 1_100].contains(&made.len()) {
            invariants::check(&mut w);
        }
    }
    assert!(made.len() > 65_500, "{} handles", made.len());
    assert_eq!(w.call(nr::create, &[w.pool, CHANNEL as u64]), Err(Error::TableFull));
    assert_eq!(w.call(nr::derive, &[w.pool, made[0], ALL, 1, 0]), Err(Error::TableFull));
    w.ok(nr::close, &[made[60_000]]);
    assert_eq!(w.call(nr::derive, &[w.pool, made[0], ALL, 1, 0]), Err(Error::TableFull), "it takes two");
    let again = w.ok(nr::dup, &[made[0], ALL, 0, 0]);
    assert_eq!(again & 0xffff, made[60_000] & 0xffff);
    invariants::check(&mut w);
}

#[test]
fn a_given_slot_is_found_however_many_are_free() {
    let mut w = world(400);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let thread = w.ok(nr::create, &[w.pool, THREAD as u64, process, 30, 0x2000_0000]);
    w.ok(nr::dup, &[0x1_0006, ALL, process, 1]);
    w.ok(nr::config, &[MAIN, 0, 5]);
    w.enter(nr::start as u64, &[thread, 0x40_0000, 0x50_0000, 0]);
    assert_ne!(w.current(), w.init);
    let made: Vec<u64> = (0..2_000).map(|_| w.ok(nr::dup, &[0x1_0001, ALL, 0, 0])).collect();
    // The first page's first, so that they would be the last of all.
    for handle in made {
        w.ok(nr::close, &[handle]);
    }
    invariants::check(&mut w);
    for index in [2, 127, 64] {
        assert_eq!(w.ok(nr::dup, &[0x1_0001, ALL, 0, index]) & 0xffff, index);
        invariants::check(&mut w);
    }
    let others: Vec<u64> = (0..1_990).map(|_| w.ok(nr::dup, &[0x1_0001, ALL, 0, 0]) & 0xffff).collect();
    assert!(!others.contains(&2) && others.contains(&3) && others.contains(&1_999), "and all others can be had");
    invariants::check(&mut w);
}

#[test]
fn there_are_no_handles_beyond_the_table() {
    let mut w = world(400);
    for from in [127, 128, 129, 0x1_0000, u32::MAX - 128, u32::MAX - 127, u32::MAX - 1, u32::MAX] {
        let told = w.call(nr::info, &[OWN, abi::info::HANDLES, from as u64]).unwrap();
        assert_eq!(told[2..], [0; 8], "from slot {from:#x} on");
    }
    let told = w.call(nr::info, &[OWN, abi::info::HANDLES, 0]).unwrap();
    assert_eq!((told[2], told[8]), (OWN, 2));
}

#[test]
fn pools_nest_to_depth_sixteen() {
    let mut w = world(600);
    let mut pools = vec![w.pool];
    for depth in 1..=16 {
        pools.push(w.ok(nr::create, &[pools[depth - 1], POOL as u64, 200 - depth as u64 * 5, 30]));
    }
    assert_eq!(w.call(nr::create, &[pools[16], POOL as u64, 1, 30]), Err(Error::BadArgument));
    assert_eq!(w.call(nr::create, &[pools[3], POOL as u64, 1, 31]), Err(Error::BadArgument), "above the ceiling");
    invariants::check(&mut w);
    let free = w.free();
    w.ok(nr::destroy, &[pools[1]]);
    assert!(w.free() >= free, "all is back");
    for pool in &pools[1..] {
        assert_eq!(w.call(nr::create, &[*pool, CHANNEL as u64]), Err(Error::ServerDied));
    }
    invariants::check(&mut w);
}

#[test]
fn no_number_of_pages_is_so_large_that_it_counts_as_none() {
    for pages in [u32::MAX, u32::MAX - 1, u32::MAX - 2, 1 << 31].map(u64::from) {
        let mut w = world(400);
        // Nothing has room: the pool's slab, the Memory's, and a page of slots come on top.
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
        let process = w.ok(nr::create, &[pool, PROCESS as u64]);
        for n in 1..128 {
            w.ok(nr::dup, &[if n == 3 { pool } else { OWN }, ALL, process, n]);
        }
        let thread = w.ok(nr::create, &[pool, THREAD as u64, process, 30, 0x2000_0000]);
        for kind in [POOL, MEMORY] {
            assert_eq!(
                w.call(nr::create, &[pool, kind as u64, pages, 0]),
                Err(Error::PoolEmpty),
                "{kind} of {pages:#x}"
            );
            invariants::check(&mut w);
        }
        assert_eq!(w.call(nr::pool_move, &[w.pool, pool, pages]), Err(Error::PoolEmpty));
        w.ok(nr::config, &[MAIN, 0, 5]);
        w.enter(nr::start as u64, &[thread, 0x40_0000, 0x50_0000, 0]);
        assert_ne!(w.current(), w.init, "its table is full");
        for kind in [POOL, MEMORY] {
            assert_eq!(
                w.call(nr::create, &[ROOT, kind as u64, pages, 0]),
                Err(Error::PoolEmpty),
                "{kind} of {pages:#x}"
            );
            invariants::check(&mut w);
        }
    }
}

#[test]
fn address_space_tags_run_out_and_come_back() {
    let mut w = world(1500);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 1200, 30]);
    // The model has 255 tags, and init has one.
    for _ in 0..300 {
        w.ok(nr::create, &[pool, PROCESS as u64]);
    }
    let sharing = |w: &mut World| {
        w.ok(nr::create, &[w.pool, PROCESS as u64]);
        w.with(|cx| invariants::all::<PROCESS>(cx).into_iter().filter(|p| cx.v.get(*p).asid == 0).count())
    };
    assert_eq!(sharing(&mut w), 47, "those that came too late share one");
    invariants::check(&mut w);
    w.ok(nr::destroy, &[pool]);
    assert_eq!(sharing(&mut w), 1, "the next have their own; who has none keeps none");
    invariants::check(&mut w);
}

/// Two processes of one tag, and one that has its own, take turns.
#[test]
fn who_shares_a_tag_finds_nothing_of_another_under_it() {
    let mut w = world(900);
    w.k.system.hw.tags = 2;
    w.ok(nr::config, &[MAIN, 0, 50]);
    let started: Vec<ThreadLink> = (0..3)
        .map(|_| {
            let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
            let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
            w.ok(nr::map, &[process, memory, 0x100_0000, 0, 1, 3]);
            let (handle, link) = w.thread(process, 30, 0x2000_0000);
            w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 0]);
            link
        })
        .collect();
    w.enter(nr::config as u64, &[MAIN, 0, 10]);
    let mut ran = Vec::new();
    for _ in 0..9 {
        invariants::check(&mut w);
        ran.push(w.current());
        w.enter(nr::yield_now as u64, &[]);
    }
    for thread in started {
        assert_eq!(ran.iter().filter(|other| **other == thread).count(), 3, "each has its turns");
    }
    invariants::check(&mut w);
}

#[test]
fn pages_move_between_a_pool_and_its_child_alone() {
    let mut w = world(600);
    let [a, b] = [0, 1].map(|_| w.ok(nr::create, &[w.pool, POOL as u64, 50, 30]));
    let inner = w.ok(nr::create, &[a, POOL as u64, 20, 30]);
    w.ok(nr::pool_move, &[w.pool, a, 7]);
    w.ok(nr::pool_move, &[inner, a, 20]);
    assert_eq!(w.call(nr::info, &[a, 1]).unwrap()[2], 57);
    for (from, to) in [(a, b), (w.pool, inner), (inner, w.pool), (a, a), (w.pool, w.pool)] {
        assert_eq!(w.call(nr::pool_move, &[from, to, 1]), Err(Error::BadArgument));
    }
    assert_eq!(w.call(nr::pool_move, &[inner, a, 1]), Err(Error::PoolEmpty));
    assert_eq!(w.call(nr::pool_move, &[w.pool, a, u64::MAX]), Err(Error::PoolEmpty));
    let makes = abi::Rights::MAKE.bits() as u64;
    let weak = w.ok(nr::dup, &[a, makes, 0, 0]);
    assert_eq!(w.call(nr::pool_move, &[weak, w.pool, 1]), Err(Error::Denied), "without DESTROY nothing is taken out");
    invariants::check(&mut w);
}

#[test]
fn a_retired_object_slot_stays_paid_for_and_moves_up_with_its_pool() {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 50, 30]);
    let thread = w.ok(nr::create, &[pool, THREAD as u64, OWN, 5, 0x2000_0000]);
    let used = w.call(nr::info, &[pool, 1]).unwrap()[3];
    w.retire_next(thread);
    w.ok(nr::destroy, &[thread]);
    assert_eq!(w.call(nr::info, &[pool, 1]).unwrap()[3], used - 1, "the buffer is back, the slab is not");
    let before = w.call(nr::info, &[w.pool, 1]).unwrap();
    w.ok(nr::destroy, &[pool]);
    let after = w.call(nr::info, &[w.pool, 1]).unwrap();
    assert_eq!((before[3] - after[3], before[4] - after[4]), (50 - 1, 50), "one page less comes back");
}

#[test]
fn what_init_lives_from_can_not_be_destroyed() {
    let mut w = world(400);
    assert_eq!(w.call(nr::destroy, &[w.pool]), Err(Error::Denied));
    invariants::check(&mut w);
    w.ok(nr::create, &[w.pool, CHANNEL as u64]);
}

#[test]
fn an_interrupt_sets_no_bits_that_its_binder_does_not_have() {
    let mut w = world(400);
    let pool = w.pool;
    let line = w.ok(nr::slice, &[pool, w.lines, 3, 1, 0]);
    let bell = w.call(nr::derive, &[pool, 0x1_0006, abi::Rights::NOTIFY.bits() as u64, 6, 0]).unwrap()[0];
    assert_eq!(w.call(nr::irq_bind, &[line, bell, 9]), Err(Error::BadArgument), "none of its bits");
    w.ok(nr::irq_bind, &[line, bell, 5]);
    w.k.interrupt(0, 3);
    w.ok(nr::recv, &[0, 0]);
    let init = w.init;
    assert_eq!(w.edit(init, |t| t.context.regs.badge), 4);
    let blind = w.ok(nr::dup, &[0x1_0006, abi::Rights::TRANSFER.bits() as u64, 0, 0]);
    assert_eq!(w.call(nr::irq_bind, &[line, blind, 1]), Err(Error::Denied));
    invariants::check(&mut w);
}

#[test]
fn what_is_kept_is_good_until_a_frame_leaves_its_class() {
    let mut w = world(256);
    let (kept, frame) = w.with(|cx| {
        let frame = cx.v.take(1).unwrap();
        cx.v.make_slab::<PORTS>(frame, &Ports::default(), 0);
        let (key, _) = cx.v.take_slot::<PORTS>(frame, &Ports { first: 7, ..Ports::default() }).unwrap();
        (cx.v.keep(key), frame)
    });
    w.with(|cx| {
        let key = cx.v.kept(&kept).expect("nothing has changed");
        assert_eq!(cx.v.get(key).first, 7);
        cx.v.free_slot(key);
        cx.v.release(frame);
        assert!(cx.v.kept(&kept).is_some(), "the frame keeps its class while the view lives");
    });
    w.with(|cx| assert!(cx.v.kept(&kept).is_none(), "it may be a user's now"));
}

#[test]
fn a_frozen_frame_is_data_again_when_it_is_taken_again() {
    let mut w = world(400);
    for pages in [1, 1, 32, 32, 1] {
        let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, pages, 0]);
        w.ok(nr::map, &[OWN, memory, 0x7000_0000, 0, pages, 3]);
        w.ok(nr::unmap, &[OWN, 0x7000_0000, pages]);
        w.ok(nr::freeze, &[memory, 0, pages]);
        w.ok(nr::close, &[memory]);
        invariants::check(&mut w);
    }
}

#[test]
fn pages_given_one_by_one_make_long_rows_again() {
    let mut w = world(800);
    let row = |w: &mut World, pages: u64| w.call(nr::create, &[w.pool, MEMORY as u64, pages, 0]).map(|made| made[0]);
    let one_by_one = |w: &mut World| {
        let made: Vec<_> = std::iter::from_fn(|| row(w, 1).ok()).collect();
        // The last are taken out of the longest rows, and are given first.
        made.iter().rev().for_each(|memory| assert_eq!(w.call(nr::close, &[*memory]).err(), None));
        made.len() as u64
    };
    // So that the table of handles is as long as it will be.
    one_by_one(&mut w);
    assert!(one_by_one(&mut w) > 64);
    invariants::check(&mut w);
    let free: Vec<bool> = w.with(|cx| (0..cx.v.frames()).map(|n| cx.v.kind(Frame(n)).is_free()).collect());
    let rows = free.chunks_exact(64).filter(|row| !row.contains(&false)).count();
    assert!(rows > 2);
    for _ in 0..rows {
        row(&mut w, 64).expect("as many rows as there are");
    }
    invariants::check(&mut w);
}

#[test]
fn page_tables_that_emptied_are_empty() {
    let mut w = world(400);
    for n in 0..3 {
        // Each alone in its page tables.
        let threads: Vec<_> = (1..=4).map(|i| w.thread(OWN, 5, (n + i) << 39).0).collect();
        let free = w.free();
        for thread in &threads {
            w.ok(nr::destroy, &[*thread]);
            invariants::check(&mut w);
        }
        assert_eq!(w.free(), free + 4 * 5, "its own page, its buffer, and three tables");
    }
}
