//! `create`: paid together, half-made Memories, the log's frames.

use abi::calls::number as nr;
use abi::{Error, Rights};
use kcore::objects::*;
use kmem::{Frame, Kind};

use super::*;
use crate::invariants::{self, Cx};

#[test]
fn an_object_and_its_handles_slot_are_paid_together() {
    // A page of slots and the directory; a slab, but for the second process; and the three pages asked for.
    for (kind, takes) in [(POOL, 6), (PROCESS, 4), (MEMORY, 6), (CHANNEL, 3), (NOTIFICATION, 3)] {
        for left in 0..8 {
            let mut w = world(600);
            // The process pays for its slots from the pool that the object comes from.
            let pool = w.ok(nr::create, &[w.pool, POOL as u64, 300, 30]);
            let process = w.ok(nr::create, &[pool, PROCESS as u64]);
            let thread = w.ok(nr::create, &[pool, THREAD as u64, process, 30, 0x2000_0000]);
            w.ok(nr::dup, &[pool, ALL, process, 3]);
            for n in 1..128 {
                if n != 3 {
                    w.ok(nr::dup, &[0x1_0006, ALL, process, n]);
                }
            }
            let figures = w.call(nr::info, &[pool, 1]).unwrap();
            w.ok(nr::pool_move, &[pool, w.pool, figures[2] - figures[3] - left]);
            w.ok(nr::config, &[MAIN, 0, 5]);
            w.enter(nr::start as u64, &[thread, 0x40_0000, 0x50_0000, 0]);
            let me = w.current();
            assert_ne!(me, w.init, "the table is full, {left} pages are left");
            let fits = left >= takes;
            let free = w.free();
            let answer = w.call(nr::create, &[0x1_0003, kind as u64, 3, 0]);
            assert_eq!(answer.is_ok(), fits, "class {kind}, {left} pages: {answer:?}");
            assert!(fits || w.free() == free);
            invariants::check(&mut w);
        }
    }
}

/// A thread that has begun to make a large Memory in a pool of its own.
fn half_made() -> (World, u64, ThreadLink) {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
    let (_, maker) = helper(&mut w, 10, 0);
    w.run(maker);
    w.prepare(maker, nr::create as u64, &[pool, MEMORY as u64, 60, 0], 0);
    assert!(enter_once(&mut w, maker));
    invariants::check(&mut w);
    w.run(w.init);
    (w, pool, maker)
}

#[test]
fn a_half_made_memory_dies_with_its_pool_and_is_nobody_elses() {
    let (mut w, pool, maker) = half_made();
    w.ok(nr::destroy, &[pool]);
    // What is made now may lie where the half-made one lay.
    let others: Vec<u64> = (0..40).map(|_| w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0])).collect();
    w.run(maker);
    assert!(!enter_once(&mut w, maker));
    assert_eq!(w.answer(maker), Err(Error::ServerDied));
    w.run(w.init);
    for memory in others {
        w.ok(nr::info, &[memory, 2]);
    }
    invariants::check(&mut w);
}

#[test]
fn a_half_made_memory_is_given_up_when_the_call_fails() {
    let (mut w, pool, maker) = half_made();
    let before = w.call(nr::info, &[pool, 1]).unwrap()[3];
    assert!(before > 60);
    w.ok(nr::close, &[pool]);
    w.run(maker);
    assert!(!enter_once(&mut w, maker));
    assert_eq!(w.answer(maker), Err(Error::BadHandle));
    invariants::check(&mut w);
    assert!(w.edit(maker, |t| t.pending.is_none()));
}

#[test]
fn a_half_made_memory_goes_with_its_thread() {
    let (mut w, pool, maker) = half_made();
    let handle = (0x1_0000..0x1_0040).find(|h| {
        w.call(nr::info, &[*h, 5]).is_ok_and(|_| {
            w.with(|cx| {
                let me = cx.v.live(cx.s.cores[0].current.link()).unwrap();
                cx.lookup::<THREAD>(me, *h, abi::Rights::empty()).is_ok_and(|found| found.key.link() == maker)
            })
        })
    });
    w.ok(nr::destroy, &[handle.unwrap()]);
    assert_eq!(w.call(nr::info, &[pool, 1]).unwrap()[3], 0, "all pages are back");
    invariants::check(&mut w);
}

#[test]
fn memory_is_zeroed() {
    let mut w = world(400);
    for _ in 0..3 {
        let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 40, 0]);
        let frames = w.with(|cx| {
            let me = cx.v.live(cx.s.cores[0].current.link()).unwrap();
            let m = *cx.v.get(cx.lookup::<MEMORY>(me, memory, abi::Rights::empty()).unwrap().key);
            let first = cx.v.managed(m.base).unwrap();
            for n in 0..m.pages {
                for at in (0..4096).step_by(8) {
                    assert_eq!(cx.v.read_word(first.plus(n), at), 0);
                    cx.v.write_word(first.plus(n), at, u64::MAX);
                }
            }
            m.pages
        });
        assert_eq!(frames, 40);
        w.ok(nr::close, &[memory]);
    }
}

#[test]
fn the_logs_frames_stay_the_kernels() {
    let mut w = world(400);
    let ring = w.with(|cx| {
        let memories = invariants::all::<MEMORY>(cx);
        cx.v.name(memories[0]).any()
    });
    let handle = w.give_init(ring);
    w.ok(nr::close, &[handle]);
    w.ok(nr::debug_log, &[w.log, 5, 0x6f6c6c6568]);
    invariants::check(&mut w);
    assert!(w.k.system.hw.console.ends_with(b" 0 0: hello\n"));
}

#[test]
fn the_command_line_says_what_the_boot_console_shows() {
    for (line, shown) in [
        ("", "0123"),
        ("log=error", "0"),
        ("log=detail x log=Notice", "012"),
        ("log=loud", "0123"),
        ("blog=error", "0123"),
    ] {
        let mut w = world(400);
        w.with(|cx| cx.choose_log(line.as_bytes()));
        for level in 0..4 {
            w.ok(nr::debug_log, &[w.log, 1 | level << 16, 0x61]);
        }
        let console = String::from_utf8_lossy(&w.k.system.hw.console).into_owned();
        let levels: String = console.lines().filter_map(|l| l.split("] ").nth(1)?.strip_suffix(" 0: a")).collect();
        assert_eq!(levels, shown, "{line}");
    }
}

#[test]
fn a_label_writes_two_hundred_records_a_second() {
    let mut w = world(400);
    let labelled = w.call(nr::derive, &[w.pool, w.log, ALL, 77, 0]).unwrap()[0];
    w.k.system.hw.now = 5_000_000_000;
    for round in 0..2 {
        for _ in 0..300 {
            w.ok(nr::debug_log, &[labelled, 1, 0x61]);
        }
        let console = String::from_utf8_lossy(&w.k.system.hw.console).into_owned();
        assert_eq!(console.matches(" 77: a\n").count(), 200 * (round + 1));
        w.k.system.hw.now += 1_000_000_000;
    }
    let labels: Vec<u64> =
        (100..140).map(|label| w.call(nr::derive, &[w.pool, w.log, ALL, label, 0]).unwrap()[0]).collect();
    let before = w.k.system.hw.console.len();
    // In turn, so that each is the one that was quiet for longest.
    for _ in 0..250 {
        for labelled in &labels {
            w.ok(nr::debug_log, &[*labelled, 1, 0x61]);
        }
    }
    let console = String::from_utf8_lossy(&w.k.system.hw.console[before..]).into_owned();
    // Sixteen have a count each, one of which 77 had first; all others have one together.
    assert!((16 * 200..=17 * 200).contains(&console.lines().count()), "{} records", console.lines().count());
    assert_eq!(console.matches(" 100: a\n").count(), 200);
    assert!(console.contains(" 139: a\n"), "nobody is left out from the start");
    for bad in [233, 1 << 13, 1 << 18, u64::MAX] {
        assert_eq!(w.call(nr::debug_log, &[labelled, bad]), Err(Error::BadArgument));
    }
}

/// The slots of a process's first page, as they are.
fn slots(w: &mut World, process: u64) -> Vec<Option<Entry>> {
    let init = w.init;
    w.with(|cx| {
        let init = cx.v.live(init).expect("alive");
        let process = cx.lookup::<PROCESS>(init, process, Rights::empty()).expect("a process").key;
        (0..SLOTS_PER_PAGE).map(|index| cx.slot_entry(process, index)).collect()
    })
}

#[test]
fn a_process_finds_what_another_left_as_if_it_were_new() {
    let mut w = world(400);
    let life = |w: &mut World, more: u64| {
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, 60, 10]);
        let process = w.ok(nr::create, &[pool, PROCESS as u64]);
        let fresh = slots(w, process);
        let note = w.ok(nr::create, &[pool, NOTIFICATION as u64]);
        let memory = w.ok(nr::create, &[pool, MEMORY as u64, 2, 0]);
        w.ok(nr::map, &[process, memory, 0x7000_0000, 0, 2, 3]);
        for index in [9, 0, 100, 0, 0].into_iter().chain((0..more).map(|_| 0)) {
            w.ok(nr::dup, &[note, ALL, process, index]);
        }
        invariants::check(w);
        let init = w.init;
        w.with(|cx| {
            let init = cx.v.live(init).expect("alive");
            let process = cx.lookup::<PROCESS>(init, process, Rights::empty()).expect("a process").key;
            for index in [2, 100, 1] {
                let entry = cx.remove(process, 0x1_0000 + index).expect("a handle");
                cx.drop_handle(&entry);
            }
        });
        invariants::check(w);
        let used = w.call(nr::info, &[pool, 1]).unwrap()[3];
        w.ok(nr::destroy, &[pool]);
        w.ok(nr::close, &[note, memory, process, pool]);
        invariants::check(w);
        (fresh, used)
    };
    let first = life(&mut w, 0);
    // With a second page of slots, and the directory.
    life(&mut w, 130);
    let spare = |cx: &mut Cx<'_, '_>, class: u8| {
        let frames: Vec<Frame> = cx.v.frames_of(Kind::SPARE).collect();
        frames.into_iter().filter(|frame| cx.v.frame(*frame).used == u16::from(class)).count()
    };
    for class in [PROCESS, NOTIFICATION, MEMORY, MAPPING, HANDLES] {
        assert_eq!(w.with(|cx| spare(cx, class)), 1, "class {class}");
    }
    let second = life(&mut w, 0);
    assert!(first == second, "as new, and paid for alike");
}
