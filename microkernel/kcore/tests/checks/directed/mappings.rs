//! Mappings: holes, boundaries of tables, orphans.

use abi::Error;
use abi::calls::number as nr;
use kcore::hw::Entry as Page;
use kcore::objects::*;

use super::*;
use crate::invariants;
use crate::random::{Random, each_seed};

const AT: u64 = 0x7000_0000;

#[test]
fn a_hole_may_be_mapped_again() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 5, 0]);
    w.ok(nr::map, &[OWN, memory, AT, 0, 5, 3]);
    w.ok(nr::unmap, &[OWN, AT + 0x2000, 1]);
    w.ok(nr::map, &[OWN, memory, AT + 0x2000, 2, 1, 1]);
    invariants::check(&mut w);
    w.ok(nr::protect, &[OWN, AT, 5, 1]);
    w.ok(nr::unmap, &[OWN, AT, 3]);
    invariants::check(&mut w);
    w.ok(nr::map, &[OWN, memory, AT, 0, 3, 3]);
    w.ok(nr::unmap, &[OWN, AT, 5]);
    invariants::check(&mut w);
    assert_eq!(w.call(nr::info, &[memory, 2]).unwrap()[4], 0, "no mapping is left");
}

#[test]
fn any_holes_may_be_mapped_again() {
    each_seed("any_holes_may_be_mapped_again", 30, |seed| {
        let mut r = Random::new(seed);
        let mut w = world(256);
        let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 8, 0]);
        let process = w.process_of(w.init);
        // Across a boundary of lowest tables.
        let at = 0x7020_0000 - 4 * 4096;
        let mut model = [false; 8];
        for _ in 0..60 {
            let from = r.below(8);
            let pages = 1 + r.below(8 - from);
            let range = from as usize..(from + pages) as usize;
            match r.below(4) {
                0 => {
                    w.ok(nr::unmap, &[OWN, at + (from << 12), pages]);
                    model[range].fill(false);
                }
                1 => {
                    w.ok(nr::evict, &[memory, from, pages, 0]);
                    model[range].fill(false);
                }
                _ => {
                    let taken = model[range.clone()].contains(&true);
                    let answer = w.call(nr::map, &[OWN, memory, at + (from << 12), from, pages, 1 + 2 * r.below(2)]);
                    assert_eq!(answer.err(), taken.then_some(Error::BadAddress));
                    model[range].fill(true);
                    if taken {
                        model = std::array::from_fn(|n| w.page(process, at + ((n as u64) << 12)) != Page::Empty);
                    }
                }
            }
            invariants::check(&mut w);
            for (n, mapped) in model.iter().enumerate() {
                assert_eq!(w.page(process, at + ((n as u64) << 12)) != Page::Empty, *mapped);
            }
        }
    });
}

#[test]
fn a_mapping_crosses_tables_and_gives_them_back() {
    let mut w = world(2100);
    let overhead = |w: &mut World| w.call(nr::info, &[OWN, 4]).unwrap()[2];
    let before = overhead(&mut w);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1024, 0]);
    let at = 0x80_0000_0000 - 512 * 4096;
    for from in (0..1024).step_by(128) {
        w.ok(nr::map, &[OWN, memory, at + (from << 12), from, 128, 3]);
    }
    invariants::check(&mut w);
    assert!(overhead(&mut w) >= before + 5, "two lowest tables, in different halves");
    assert_eq!(w.call(nr::map, &[OWN, memory, at + 0x1000, 0, 1, 1]), Err(Error::BadAddress));
    w.ok(nr::unmap, &[OWN, at - (300 << 12), 2000]);
    assert_eq!(overhead(&mut w), before);
    invariants::check(&mut w);
}

#[test]
fn ranges_at_the_ends_of_the_address_space() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 2, 0]);
    let end = 1u64 << 47;
    for (address, pages, error) in [
        (0, 1, Error::BadAddress),
        (0xf000, 1, Error::BadAddress),
        (end - 0x1000, 2, Error::BadAddress),
        (end, 1, Error::BadAddress),
        (!0xfff, 2, Error::BadAddress),
        (AT + 8, 1, Error::BadAddress),
        (AT, 0, Error::BadArgument),
        (AT, 129, Error::BadArgument),
        (AT, u64::MAX, Error::BadArgument),
    ] {
        assert_eq!(w.call(nr::map, &[OWN, memory, address, 0, pages, 1]), Err(error), "{address:x} {pages}");
        assert_eq!(w.call(nr::protect, &[OWN, address, pages, 1]), Err(error), "{address:x} {pages}");
    }
    for address in [0x1_0000, end - 0x1000] {
        w.ok(nr::map, &[OWN, memory, address, 0, 1, 1]);
        w.ok(nr::unmap, &[OWN, address, 1]);
    }
    for (offset, pages) in [(2, 1), (1, 2), (u64::MAX, 1), (1 << 32, 1)] {
        assert_eq!(w.call(nr::map, &[OWN, memory, AT, offset, pages, 1]), Err(Error::BadArgument));
    }
    invariants::check(&mut w);
}

#[test]
fn unmap_takes_what_is_there_whoever_else_covers_it() {
    let mut w = world(900);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 128, 0]);
    // Each covers 128 pages, of which it has the first alone.
    for n in 0..380 {
        let at = AT + (n << 12);
        w.ok(nr::map, &[OWN, memory, at, 0, 128, 1]);
        w.ok(nr::unmap, &[OWN, at + 0x1000, 127]);
    }
    invariants::check(&mut w);
    let (init, process) = (w.init, w.process_of(w.init));
    let first = |w: &mut World| (0..512).find(|n| w.page(process, AT + (n << 12)) != Page::Empty);
    // Where nothing is left, nothing is done: in one entry.
    for (at, pages) in [(380, 100), (380, 30_000)] {
        w.prepare(init, nr::unmap as u64, &[OWN, AT + (at << 12), pages], 0);
        assert!(!enter_once(&mut w, init));
    }
    w.prepare(init, nr::unmap as u64, &[OWN, AT, 200], 0);
    let mut last = Some(0);
    while enter_once(&mut w, init) {
        let now = first(&mut w);
        assert!(now > last && now < last.map(|last| last + 20), "some pages an entry: from {last:?} to {now:?}");
        last = now;
        invariants::check(&mut w);
    }
    assert_eq!(first(&mut w), Some(200));
    w.ok(nr::unmap, &[OWN, AT, 512]);
    assert_eq!(w.call(nr::info, &[memory, 2]).unwrap()[4], 0, "no mapping is left");
}

#[test]
fn an_ipc_buffer_is_never_unmapped_or_protected() {
    let mut w = world(256);
    let process = w.process_of(w.init);
    let before = w.page(process, BUFFER);
    w.ok(nr::unmap, &[OWN, BUFFER - 0x1000, 3]);
    assert_eq!(w.call(nr::protect, &[OWN, BUFFER, 1, 1]), Err(Error::BadAddress));
    assert_eq!(w.page(process, BUFFER), before);
}

#[test]
fn evict_takes_pages_from_everybody_and_leaves_handles() {
    let mut w = world(400);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]);
    let other = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let slice = w.ok(nr::slice, &[w.pool, memory, 1, 2, 0]);
    w.ok(nr::map, &[OWN, memory, AT, 0, 4, 3]);
    w.ok(nr::map, &[other, slice, AT, 0, 2, 3]);
    w.ok(nr::evict, &[memory, 2, 1, 1]);
    invariants::check(&mut w);
    assert_eq!(w.call(nr::freeze, &[memory, 1, 2]), Err(Error::StillMapped));
    w.ok(nr::freeze, &[memory, 2, 1]);
    w.ok(nr::evict, &[memory, 1, 2, 0]);
    w.ok(nr::map, &[other, slice, AT, 0, 1, 3]);
    assert_eq!(w.call(nr::map, &[other, slice, AT + 0x1000, 1, 1, 3]), Err(Error::Denied), "frozen");
    w.ok(nr::map, &[other, slice, AT + 0x1000, 1, 1, 1]);
    invariants::check(&mut w);
}

#[test]
fn what_evict_made_read_only_stays_so_until_it_is_mapped_anew() {
    let mut w = world(400);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]);
    let process = w.process_of(w.init);
    let page = |w: &mut World, n: u64| match w.page(process, AT + (n << 12)) {
        Page::Page(_, access) => access.bits(),
        other => panic!("{other:?}"),
    };
    w.ok(nr::map, &[OWN, memory, AT, 0, 4, 3]);
    w.ok(nr::protect, &[OWN, AT + 0x1000, 1, 1]);
    w.ok(nr::evict, &[memory, 1, 2, 1]);
    invariants::check(&mut w);
    for (at, pages) in [(1, 1), (2, 1), (0, 2), (2, 2)] {
        assert_eq!(w.call(nr::protect, &[OWN, AT + (at << 12), pages, 3]), Err(Error::Denied), "{at}, {pages}");
    }
    for at in [0, 3] {
        w.ok(nr::protect, &[OWN, AT + (at << 12), 1, 1]);
        w.ok(nr::protect, &[OWN, AT + (at << 12), 1, 3]);
    }
    w.ok(nr::protect, &[OWN, AT + 0x1000, 2, 1]);
    assert_eq!(
        w.call(nr::protect, &[OWN, AT + 0x1000, 2, 3]),
        Err(Error::Denied),
        "a `protect` between changes nothing"
    );
    assert_eq!([0, 1, 2, 3].map(|n| page(&mut w, n)), [3, 1, 1, 3]);
    w.ok(nr::unmap, &[OWN, AT + 0x1000, 2]);
    w.ok(nr::map, &[OWN, memory, AT + 0x1000, 1, 2, 3]);
    w.ok(nr::protect, &[OWN, AT, 4, 1]);
    w.ok(nr::protect, &[OWN, AT, 4, 3]);
    invariants::check(&mut w);
}

/// A Memory of four pages, mapped by init in as many page tables as are asked for, the first last; and two threads to evict.
fn mapped_often(times: u64) -> (World, u64, [ThreadLink; 2]) {
    let mut w = world(900);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]);
    for n in (0..times).rev() {
        w.ok(nr::map, &[OWN, memory, often(n), 0, 3, 3]);
    }
    let threads = [0, 1].map(|n| helper(&mut w, 5, n).1);
    (w, memory, threads)
}

fn often(n: u64) -> u64 {
    AT + (n << 21)
}

/// An entry of a thread that evicts; true if it goes on.
fn evicts(w: &mut World, thread: ThreadLink) -> bool {
    w.run(thread);
    let again = enter_once(w, thread);
    let init = w.init;
    w.run(init);
    invariants::check(w);
    again
}

/// How many of the mappings have a page, with this access.
fn left(w: &mut World, times: u64, page: u64, access: u8) -> usize {
    let process = w.process_of(w.init);
    let has =
        |w: &mut World, n| matches!(w.page(process, often(n) + (page << 12)), Page::Page(_, a) if a.bits() == access);
    (0..times).filter(|n| has(w, *n)).count()
}

/// The number of the mapping at which an evict goes on.
fn next_evicted(w: &mut World) -> u64 {
    w.with(|cx| {
        let memories = invariants::all::<MEMORY>(cx).into_iter().map(|memory| cx.v.get(memory).evict_next);
        let next = memories.filter_map(|next| cx.v.live(next)).next().expect("an evict goes on");
        (cx.v.get(next).address - AT) >> 21
    })
}

#[test]
fn an_evict_goes_on_when_its_next_mappings_are_unmapped_meanwhile() {
    for (slots, again) in [(1, false), (2, false), (2, true), (20, true)] {
        let (mut w, memory, [thread, _]) = mapped_often(40);
        w.prepare(thread, nr::evict as u64, &[memory, 0, 3, 0], 0);
        assert!(evicts(&mut w, thread));
        let next = next_evicted(&mut w);
        for n in next..next + slots {
            w.ok(nr::unmap, &[OWN, often(n), 3]);
        }
        invariants::check(&mut w);
        if again {
            // Its slot is the one that was given back last.
            w.ok(nr::map, &[OWN, memory, often(next), 0, 3, 3]);
        }
        while evicts(&mut w, thread) {}
        assert_eq!(w.answer(thread).map(|_| ()), Ok(()));
        assert_eq!(left(&mut w, 40, 0, 3), again as usize, "but for what was mapped since");
        w.ok(nr::unmap, &[OWN, often(next), 3]);
        assert_eq!(w.call(nr::info, &[memory, 2]).unwrap()[4], 0, "no mapping is left");
    }
}

#[test]
fn what_a_mapping_is_cut_into_does_not_escape_an_evict() {
    let (mut w, memory, [thread, _]) = mapped_often(40);
    w.ok(nr::unmap, &[OWN, often(30) + 0x1000, 1]);
    w.prepare(thread, nr::evict as u64, &[memory, 0, 3, 0], 0);
    assert!(evicts(&mut w, thread));
    w.ok(nr::map, &[OWN, memory, often(30) + 0x1000, 1, 1, 3]);
    invariants::check(&mut w);
    while evicts(&mut w, thread) {}
    assert_eq!([0, 1, 2].map(|page| left(&mut w, 40, page, 3)), [0, 1, 0], "but for what was mapped since");
}

#[test]
fn two_evicts_of_a_memory_both_come_to_their_ends() {
    for stops in [false, true] {
        let (mut w, memory, [one, other]) = mapped_often(40);
        w.prepare(one, nr::evict as u64, &[memory, 0, 1, 1], 0);
        w.prepare(other, nr::evict as u64, &[memory, 1, 2, 0], 0);
        assert!(evicts(&mut w, one));
        let (mut entries, mut more) = (0, [!stops, true]);
        while more != [false; 2] {
            // One after the other, as two cores would.
            for (more, thread) in more.iter_mut().zip([one, other]) {
                *more = *more && evicts(&mut w, thread);
            }
            entries += 1;
            assert!(entries < 100, "neither has the other start anew");
        }
        assert_eq!([0, 1, 2].map(|page| left(&mut w, 40, page, 3)), [0; 3]);
        assert_eq!([0, 1, 2].map(|page| left(&mut w, 40, page, 1)), [40, 0, 0]);
        assert!(w.answer(other).is_ok() && (stops || w.answer(one).is_ok()));
    }
}

#[test]
fn a_page_with_writable_mappings_is_never_frozen_however_many_there_are() {
    let mut w = world(600);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
    for n in 0..128 {
        w.ok(nr::map, &[OWN, memory, AT + (n << 12), 0, 1, 1]);
    }
    let frame = w.with(|cx| {
        let memories = invariants::all::<MEMORY>(cx).into_iter().map(|memory| *cx.v.get(memory));
        let base = memories.filter(|m| m.mapping_count == 128).map(|m| m.base).next().unwrap();
        cx.v.managed(base).unwrap()
    });
    let writers = |w: &mut World| w.with(|cx| cx.v.frame(frame).writers);
    // As if others had it mapped so often.
    for (others, fits) in [(u16::MAX, false), (u16::MAX - 1, false), (u16::MAX - 127, false), (u16::MAX - 128, true)] {
        w.with(|cx| cx.v.frame_mut(frame).writers = others);
        let answer = w.call(nr::protect, &[OWN, AT, 128, 3]).map(|_| ());
        assert_eq!(answer, if fits { Ok(()) } else { Err(Error::TableFull) }, "{others} and 128");
        assert!(writers(&mut w) >= others, "nothing wraps");
        assert_eq!(w.call(nr::freeze, &[memory, 0, 1]), Err(Error::StillMapped));
        let mapped = w.call(nr::map, &[OWN, memory, AT + (200 << 12), 0, 1, 3]).map(|_| ());
        assert_eq!(mapped, Err(Error::TableFull), "{others}");
    }
    w.ok(nr::unmap, &[OWN, AT, 128]);
    assert_eq!(writers(&mut w), u16::MAX - 128);
    w.with(|cx| cx.v.frame_mut(frame).writers = 0);
    invariants::check(&mut w);
    w.ok(nr::freeze, &[memory, 0, 1]);
}

#[test]
fn an_orphan_goes_up_from_pool_to_pool() {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
    let inner = w.ok(nr::create, &[pool, POOL as u64, 40, 30]);
    let memory = w.ok(nr::create, &[inner, MEMORY as u64, 8, 0]);
    let unused = w.ok(nr::create, &[inner, MEMORY as u64, 4, 0]);
    w.ok(nr::map, &[OWN, memory, AT, 0, 8, 3]);
    w.ok(nr::destroy, &[inner]);
    invariants::check(&mut w);
    assert_eq!(w.call(nr::info, &[unused, 2]), Err(Error::ServerDied));
    w.ok(nr::info, &[memory, 2]);
    w.ok(nr::destroy, &[pool]);
    invariants::check(&mut w);
    w.ok(nr::close, &[memory]);
    let process = w.process_of(w.init);
    assert!(matches!(w.page(process, AT), Page::Page(..)));
    w.ok(nr::unmap, &[OWN, AT, 8]);
    invariants::check(&mut w);
}

#[test]
fn a_slice_of_a_memory_that_is_gone_is_gone() {
    let mut w = world(400);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 40, 30]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 4, 0]);
    let slice = w.ok(nr::slice, &[w.pool, memory, 1, 2, 0]);
    w.ok(nr::destroy, &[pool]);
    assert_eq!(w.call(nr::map, &[OWN, slice, AT, 0, 1, 1]), Err(Error::ServerDied));
    assert_eq!(w.call(nr::slice, &[w.pool, slice, 0, 1, 0]), Err(Error::ServerDied));
    w.ok(nr::close, &[slice]);
    invariants::check(&mut w);
}
