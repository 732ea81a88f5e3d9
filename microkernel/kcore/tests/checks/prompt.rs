//! The fast path of interrupts does what the general path does: at each interrupt of a random sequence both are tried on the
//! same state, and all of the kernel's memory is compared.

use abi::calls::{ANY_CORE, CONFIG_CORE, number as nr};
use abi::message::{Kind, Tag};
use kcore::hw::CoreId;
use kcore::objects::*;
use kcore::{Decided, Hw, Kernel};

use crate::arguments;
use crate::driver::{Driver, Step};
use crate::fast::SAVES_FREE;
use crate::invariants;
use crate::random::each_seed;
use crate::world::{Model, World, world, world_of};

/// Handles of init's own thread and notification.
const MAIN: u64 = abi::user::MAIN_THREAD.raw() as u64;
const OWN: u64 = 0x1_0006;
/// ns from one tick of the wheel to the next.
const TICK: u64 = 1024;
/// Among the counters.
const TIMERS: usize = 6;
/// Steps of a case.
const STEPS: usize = 150;

#[test]
fn the_fast_path_is_the_general_path() {
    let mut taken = [0; 4];
    each_seed("the_fast_path_is_the_general_path", 1_000, |seed| {
        let mut d = Driver::new(seed, 420);
        d.w.saves_free = seed.is_multiple_of(SAVES_FREE);
        d.timer = |w, core| _ = timer_by_both_paths(w, core);
        d.line = |w, core, line| _ = line_by_both_paths(w, core, line);
        if d.w.current() == d.w.init {
            bind_line(&mut d.w, 9);
        }
        for _ in 0..STEPS {
            if matches!(step(&mut d, &mut taken), Step::Stuck) {
                break;
            }
        }
    });
    println!("interrupts by the fast path: {taken:?} (timer, lines; while idle)");
    let few = ["VIAETHER_SEED", "VIAETHER_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(few || taken.iter().all(|count| *count > 20), "all are often taken: {taken:?}");
}

#[test]
fn a_deadline_takes_the_core_at_once() {
    // In the wheel's lowest level, and beyond.
    for ticks in [20, 64, 200] {
        let mut w = world(256);
        let (waits, computes) = one_waits(&mut w, 20, [0, ticks * TICK]);
        w.k.system.hw.now = ticks * TICK + 7;
        w.k.system.cores[0].armed = u64::MAX;
        assert_eq!(timer_by_both_paths(&mut w, 0), Some(false), "after {ticks} ticks");
        assert_eq!((w.current(), w.state(computes)), (waits, Some(State::Ready)));
        assert_eq!(Tag(w.answer(waits).unwrap()[1]).kind(), Kind::Deadline);
        assert_eq!(w.k.system.cores[0].wheel.next(), u64::MAX);
        invariants::check(&mut w);
    }
}

#[test]
fn a_preempted_thread_stays_before_others_of_its_priority() {
    let mut w = world(256);
    let threads = [0x2000_0000, 0x2100_0000].map(|buffer| w.thread(w.process, 19, buffer));
    for (handle, _) in threads {
        w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    }
    let [first, second] = threads.map(|(_, thread)| thread);
    w.enter(nr::recv as u64, &[0, 10 * TICK]);
    assert_eq!(w.current(), first);
    w.k.system.hw.now = 10 * TICK;
    assert_eq!(timer_by_both_paths(&mut w, 0), Some(false));
    assert_eq!((w.current(), w.state(first), w.state(second)), (w.init, Some(State::Ready), Some(State::Ready)));
    invariants::check(&mut w);
    for next in [first, second] {
        w.enter(nr::recv as u64, &[0, u64::MAX]);
        assert_eq!(w.current(), next);
    }
}

#[test]
fn a_line_takes_the_core_at_once() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    bind_line(&mut w, 5);
    let (waits, computes) = one_waits(&mut w, 20, [channel, 900 * TICK]);
    w.k.system.hw.now = 3 * TICK;
    assert_eq!(line_by_both_paths(&mut w, 0, 5), Some(false));
    assert_eq!((w.current(), w.state(computes)), (waits, Some(State::Ready)));
    assert_eq!(w.edit(waits, |t| t.context.regs.badge), 1 << 8);
    assert!(!w.k.system.hw.unmasked.contains(&5));
    assert_eq!(w.k.system.cores[0].wheel.next(), u64::MAX, "it waits for its deadline no more");
    invariants::check(&mut w);
    // Nobody waits: the bit is kept.
    w.k.system.hw.unmasked.insert(5);
    assert_eq!(line_by_both_paths(&mut w, 0, 5), None);
    assert_eq!((w.current(), line_by_both_paths(&mut w, 0, 6)), (waits, None), "nor has the other line anybody");
}

#[test]
fn a_core_that_idles_takes_it_too() {
    let mut w = world(256);
    bind_line(&mut w, 5);
    for by_line in [false, true] {
        let deadline = w.k.system.hw.now + 50 * TICK;
        w.enter(nr::recv as u64, &[0, if by_line { u64::MAX } else { deadline }]);
        assert!(w.current().is_none());
        w.k.system.hw.now = deadline;
        let by = if by_line { line_by_both_paths(&mut w, 0, 5) } else { timer_by_both_paths(&mut w, 0) };
        assert_eq!((by, w.current()), (Some(true), w.init));
        assert_eq!(w.k.system.idle, 0);
        invariants::check(&mut w);
    }
}

#[test]
fn a_slice_of_its_own_begins() {
    let mut w = world(256);
    let (waits, computes) = one_waits(&mut w, 20, [0, 10 * TICK]);
    w.k.system.hw.now = 10 * TICK;
    assert!(timer_by_both_paths(&mut w, 0).is_some());
    assert_eq!(w.k.system.cores[0].slice_end, 10 * TICK + 5_000_000);
    let ticks = w.k.system.hw.ticks();
    assert_eq!(w.edit(computes, |t| (t.run_time, t.run_start)), (10 * TICK, ticks));
    assert_eq!(w.edit(waits, |t| t.run_start), ticks);
}

#[test]
fn all_that_is_unusual_is_left_to_the_general_path() {
    // Somebody as urgent runs, or is ready.
    let mut w = world(256);
    one_waits(&mut w, 10, [0, 10 * TICK]);
    w.k.system.hw.now = 10 * TICK;
    let (_, another) = (w.edit(w.init, |t| t.priority), w.current());
    w.edit(another, |t| (t.priority, t.base_priority) = (20, 20));
    assert_eq!(timer_by_both_paths(&mut w, 0), None);
    assert_eq!((w.current(), w.state(w.init)), (another, Some(State::Ready)));

    let mut w = world(256);
    let (handle, ready) = w.thread(w.process, 20, 0x2100_0000);
    let (_, computes) = one_waits(&mut w, 10, [0, 10 * TICK]);
    w.enter(nr::start as u64, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.with(|cx| {
        let (ready, computes) = (cx.v.live(ready).unwrap(), cx.v.live(computes).unwrap());
        cx.leave_queues(ready);
        cx.wake(ready);
        cx.leave_queues(computes);
        cx.v.get_mut(computes).state = State::Running;
        cx.s.cores[0].current = cx.v.keep(computes);
    });
    w.k.system.hw.now = 10 * TICK;
    assert_eq!((timer_by_both_paths(&mut w, 0), w.current()), (None, ready));

    // Two deadlines in one slot.
    let mut w = world(256);
    let (handle, other) = w.thread(w.process, 30, 0x2100_0000);
    w.enter(nr::start as u64, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.enter(nr::recv as u64, &[0, 10 * TICK]);
    let (waits, _) = one_waits(&mut w, 10, [0, 10 * TICK]);
    w.k.system.hw.now = 10 * TICK;
    assert_eq!(timer_by_both_paths(&mut w, 0), None);
    assert_eq!((w.current(), w.state(waits)), (other, Some(State::Ready)), "both are woken");

    // Somebody whom a budget pays for.
    let mut w = world(256);
    let (waits, _) = one_waits(&mut w, 10, [0, 10 * TICK]);
    w.edit(waits, |t| t.slow = slow::PAID);
    w.k.system.hw.now = 10 * TICK;
    assert_eq!(timer_by_both_paths(&mut w, 0), None);

    // Another core has nothing to run, and the one that is woken goes there.
    let mut w = world_of(2, 256);
    w.ok(nr::config, &[MAIN, CONFIG_CORE, ANY_CORE]);
    let (waits, computes) = one_waits(&mut w, 10, [0, 10 * TICK]);
    w.kicked(1);
    w.k.system.hw.now = 10 * TICK;
    assert_eq!((timer_by_both_paths(&mut w, 0), w.current()), (None, computes));
    assert_eq!((w.state(waits), w.k.system.hw.kicks.last()), (Some(State::Ready), Some(&1)));
}

/// init waits by `recv` with these arguments, at priority 20; another thread of this priority computes: both.
fn one_waits(w: &mut World, priority: u64, recv: [u64; 2]) -> (ThreadLink, ThreadLink) {
    let (handle, computes) = w.thread(w.process, priority.min(19), 0x2000_0000);
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.enter(nr::recv as u64, &recv);
    assert_eq!(w.current(), computes);
    (w.init, computes)
}

/// init's own notification is told of a line's interrupts, by bit 8.
fn bind_line(w: &mut World, number: u64) {
    let line = w.ok(nr::slice, &[w.pool, w.lines, number, 1, 0]);
    w.ok(nr::irq_bind, &[line, OWN, 1 << 8]);
}

/// A step that is mostly an interrupt, or a thread that waits for one.
fn step(d: &mut Driver, taken: &mut [u64; 4]) -> Step {
    let core = d.r.below(d.cores) as CoreId;
    let current = d.w.current_of(core);
    match d.r.below(8) {
        0..2 => {
            let hw = &d.w.k.system.hw;
            let at = if core == 0 { hw.timer } else { hw.timers[core as usize] };
            let late = d.r.below(3) * d.r.below(6_000_000);
            if at != u64::MAX {
                d.w.pass_until(at);
            }
            d.w.k.system.hw.now += late;
            let by = timer_by_both_paths(&mut d.w, core);
            count(taken, 0, by);
            d.event(|_| "the timer, when it is set for")
        }
        2..4 => {
            let bound = d.w.k.system.lines.iter().enumerate().filter(|(_, object)| !object.is_none());
            let lines: Vec<u32> = bound.map(|(line, _)| line as u32).collect();
            if lines.is_empty() {
                return d.step();
            }
            let line = d.r.pick(&lines);
            // As after it was acknowledged.
            d.w.k.system.hw.unmasked.insert(line);
            let by = line_by_both_paths(&mut d.w, core, line);
            count(taken, 2, by);
            d.event(|_| "a line")
        }
        4..7 if !current.is_none() => {
            let known = arguments::known(&mut d.w, current);
            let what = d.r.pick(&[nr::recv, nr::recv, nr::irq_bind]);
            let mut attempt = arguments::of(&mut d.r, &known, what);
            attempt.deadline = d.r.pick(&[u64::MAX, known.now + 3 * TICK, known.now + 70 * TICK]);
            d.call(core, current, Some(attempt))
        }
        _ => d.step(),
    }
}

fn count(taken: &mut [u64; 4], what: usize, by: Option<bool>) {
    if let Some(idle) = by {
        taken[what + idle as usize] += 1;
    }
}

/// A core's timer by both paths: whether the fast one was one, and the core idled before.
fn timer_by_both_paths(w: &mut World, core: CoreId) -> Option<bool> {
    on_both_paths(w, core, |k| k.fast_timer(core).or_else(|| k.any_fast_timer(core)), |k| k.general_timer(core))
}

/// A line's interrupt by both paths.
fn line_by_both_paths(w: &mut World, core: CoreId, line: u32) -> Option<bool> {
    on_both_paths(w, core, |k| k.fast_interrupt(core, line), |k| k.general_interrupt(core, line))
}

/// Takes the fast path and, from the same state, the general one.
fn on_both_paths(
    w: &mut World,
    core: CoreId,
    fast: impl Fn(&mut Kernel<Model>) -> Option<Decided>,
    general: impl Fn(&mut Kernel<Model>) -> ThreadLink,
) -> Option<bool> {
    let idle = w.current_of(core).is_none();
    let before = w.save_whole();
    let Some(decided) = w.entry(core, &fast) else {
        assert_eq!(before.difference(w), None, "the fast path gave up and has changed something");
        w.entry(core, &general);
        return None;
    };
    let next = w.current_of(core);
    let place = w.k.mem.object_address::<THREAD>(next).expect("somebody runs").cast::<u8>();
    let context = place.wrapping_add(std::mem::offset_of!(Thread, context));
    assert_eq!((decided.context.cast(), decided.another), (context, true), "it is that thread's state");
    let mut by_fast = w.save_whole();
    w.restore_whole(&before);
    assert_eq!(w.entry(core, &general), next, "who runs next");
    // The counters alone tell which path it was.
    let (there, was) = (&mut by_fast.cores[core as usize], &before.cores[core as usize]);
    let timers = std::mem::replace(&mut there.prompt_timers, was.prompt_timers) - was.prompt_timers;
    there.switches += timers;
    by_fast.counts[TIMERS] += timers;
    assert_eq!(by_fast.difference(w), None, "from the fast path to the general one");
    Some(idle)
}
