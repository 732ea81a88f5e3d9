//! Priorities are what is due, the most urgent runs, deadlines lie in the wheel, and bindings are mutual.

use std::collections::BTreeSet;

use abi::message::{FOREVER, MAX_CHAIN};
use kcore::Hw;
use kcore::objects::*;

use super::queues::served;
use super::{Cx, all};

pub fn check(cx: &mut Cx<'_, '_>) {
    for thread in all::<THREAD>(cx) {
        priority(cx, thread);
        payers(cx, thread);
        bindings(cx, thread);
        deadline(cx, thread);
        let t = cx.v.get(thread);
        let depth = served(cx, thread).into_iter().map(|caller| cx.v.get(caller).depth + 1).max();
        assert_eq!(t.depth, depth.unwrap_or(0), "a thread is as deep as the longest chain that it works for");
        assert!(t.depth as usize <= MAX_CHAIN);
        assert!(!t.faulting || matches!(t.state, State::Calling | State::AwaitingReply), "a fault is a call");
        let process = cx.v.live(t.process).expect("a thread has a process");
        assert_eq!(t.context.space, cx.v.get(process).space);
    }
    for notification in all::<NOTIFICATION>(cx) {
        let n = cx.v.get(notification);
        if !n.bound.is_none() {
            let bound = cx.v.live(n.bound).expect("who is bound is alive");
            assert_eq!(cx.v.get(bound).notification, notification.link());
            assert!(n.bits == 0 || cx.v.get(bound).state != State::Receiving, "bits wake their thread");
        }
    }
    scheduled(cx);
    lines(cx);
    siblings(cx);
}

fn priority<'id>(cx: &Cx<'_, 'id>, thread: ThreadKey<'id>) {
    let t = cx.v.get(thread);
    let mut callers = served(cx, thread);
    if let Some(channel) = cx.v.live(t.serves) {
        let mut at = cx.v.get(channel).callers.head;
        while let Some(caller) = cx.v.live(at) {
            callers.push(caller);
            at = cx.v.get(caller).next;
        }
    }
    let mut due = (!t.demoted).then_some((t.base_priority, t.budget));
    for caller in callers {
        let c = cx.v.get(caller);
        if due.is_none_or(|(priority, _)| c.priority > priority) {
            due = Some((c.priority, c.payer));
        }
    }
    let due = due.unwrap_or((0, t.budget));
    let text = "a thread has its own priority or that of whom it works for, and that one's payer";
    assert_eq!((t.priority, t.payer), due, "{text} ({:?})", t.state);
}

fn payers<'id>(cx: &Cx<'_, 'id>, thread: ThreadKey<'id>) {
    let t = cx.v.get(thread);
    let pool = cx.v.get(cx.v.live(t.pool).expect("a thread has a pool"));
    assert_eq!(t.budget, pool.payer);
    let paid = !t.budget.is_none() || !t.payer.is_none();
    assert_eq!(t.slow & slow::PAID != 0, paid, "who is paid for takes the general path");
    assert!(!t.demoted || !t.budget.is_none());
    let traced = cx.v.live(t.process).is_some_and(|process| !cx.v.get(process).trace.ring.is_none());
    assert!(!traced || t.slow & slow::TRACED != 0, "who is traced, too");
}

fn bindings<'id>(cx: &Cx<'_, 'id>, thread: ThreadKey<'id>) {
    let t = cx.v.get(thread);
    if let Some(channel) = cx.v.follow(t.serves) {
        let channel = cx.v.live(channel.link()).expect("what a thread serves is alive");
        assert_eq!(cx.v.get(channel).server, thread.link());
    }
    if let Some(notification) = cx.v.follow(t.notification) {
        let notification = cx.v.live(notification.link()).expect("what is bound is alive");
        let n = cx.v.get(notification);
        assert_eq!((n.bound, n.bits != 0), (thread.link(), t.bits_wait), "who has bits waiting knows");
    } else {
        assert!(!t.bits_wait);
    }
}

fn deadline<'id>(cx: &Cx<'_, 'id>, thread: ThreadKey<'id>) {
    let t = cx.v.get(thread);
    if t.timer_slot == 0 {
        assert!(!t.demoted && t.state != State::Parked, "who waits for a budget comes back");
        return;
    }
    let waits = t.demoted || t.state == State::Parked;
    assert_ne!(waits, t.state == State::Receiving, "only recv has a deadline, or who waits for a budget");
    assert!(!matches!(t.state, State::Stopped | State::Faulted));
    assert_ne!(t.deadline, FOREVER);
    let heads: Vec<_> = cx.s.cores[t.core as usize].wheel.heads().collect();
    let mut at = heads.iter().find(|(slot, _)| *slot + 1 == t.timer_slot).expect("its slot is in use").1;
    let mut found = false;
    while let Some(other) = cx.v.live(at) {
        found |= other == thread;
        at = cx.v.get(other).timer_next;
    }
    assert!(found, "a deadline lies in the wheel");
}

fn scheduled(cx: &Cx<'_, '_>) {
    let online = || cx.s.cores.iter().enumerate().filter(|(_, core)| core.online);
    let alone = online().count() == 1;
    // A core that was called has yet to look.
    let looked = online().filter(|(n, _)| !cx.s.hw.kicks.contains(&(*n as u8)));
    looked.for_each(|(n, core)| chosen(cx, n, core, alone));
    wheels(cx);
}

/// What a core has chosen to run.
fn chosen(cx: &Cx<'_, '_>, n: usize, core: &kcore::Core, alone: bool) {
    assert!(!core.called, "who is called is told");
    assert!(core.look_again || core.armed <= core.wheel.next().max(cx.s.hw.now), "somebody waits for a deadline");
    match cx.v.follow(core.current.link()) {
        None => {
            let looks = core.armed <= cx.s.hw.now;
            assert!(
                core.ready == 0 || looks,
                "nobody runs only if nobody is ready, or all who are have to be looked at first"
            );
            // A core that could not look at all of its own yet runs one of them, or lets it be taken over, when its timer comes: now.
            let looks_itself = |core: &kcore::Core| core.current.link().is_none() && core.armed <= cx.s.hw.now;
            let loose = cx.s.cores.iter().filter(|core| !looks_itself(core)).fold(0, |all, core| all | core.loose);
            assert!(cx.s.idle >> n & 1 != 0, "who has nothing to run idles");
            let all_called = (0..8u8).all(|n| cx.s.idle >> n & 1 == 0 || cx.s.hw.kicks.contains(&n));
            assert!(
                loose == 0 || looks || all_called || !cx.s.hw.kicks.is_empty(),
                "no core idles while a thread that may run there is ready"
            );
        }
        Some(current) => {
            budget(cx, n, current, alone);
            let p = cx.v.get(current).priority as u32;
            assert!(cx.s.idle >> n & 1 == 0, "who runs something does not idle");
            assert_eq!(core.ready >> p >> 1, 0, "the most urgent runs");
            let contended = core.ready >> p & 1 != 0;
            assert!(!contended || core.armed <= core.slice_end, "somebody waits for the end of the slice");
        }
    }
}

fn wheels(cx: &Cx<'_, '_>) {
    let timed = all::<THREAD>(cx).iter().filter(|thread| cx.v.get(**thread).timer_slot != 0).count();
    let mut in_wheels = 0;
    for (n, core) in cx.s.cores.iter().enumerate() {
        for (_, mut at) in core.wheel.heads() {
            while let Some(thread) = cx.v.live(at) {
                assert_eq!(cx.v.get(thread).core as usize, n, "a deadline lies in the wheel of its thread's core");
                in_wheels += 1;
                at = cx.v.get(thread).timer_next;
            }
            assert!(at.is_none(), "who is in the wheel is alive");
        }
    }
    assert_eq!(timed, in_wheels);
}

/// Who runs has processor time left, and is stopped when it has not. Time may have passed for a core of several that has not
/// entered the kernel since: then its timer comes now.
fn budget<'id>(cx: &Cx<'_, 'id>, n: usize, current: ThreadKey<'id>, alone: bool) {
    let (core, t) = (&cx.s.cores[n], cx.v.get(current));
    let Some(pool) = cx.v.find(t.payer) else { return assert!(t.payer.is_none(), "who pays is there") };
    let (budget, ran) = (cx.v.get(pool).budget, cx.s.hw.span(cx.s.hw.ticks() - t.run_start));
    let comes = !alone && core.armed <= cx.s.hw.now;
    assert!(budget.left(n) > ran || comes, "who runs has processor time left");
    assert!(core.armed <= cx.s.hw.time(t.run_start) + budget.left(n), "and is stopped in time");
}

/// What is unmasked is bound; what is bound has its line, and its trigger.
fn lines(cx: &Cx<'_, '_>) {
    for line in &cx.s.hw.unmasked {
        assert!(!cx.s.lines[*line as usize].is_none(), "an unbound line is masked");
    }
    for (line, link) in cx.s.lines.iter().enumerate().filter(|(_, link)| !link.is_none()) {
        let interrupt = cx.v.live(*link).expect("a bound line has its Interrupt");
        let i = cx.v.get(interrupt);
        assert_eq!((i.first as usize, i.count), (line, 1));
        assert!(!i.target.is_none());
        assert_eq!(cx.s.hw.triggers.get(&(line as u32)).copied(), i.trigger, "a line is set as who has it bound wants");
    }
    for interrupt in all::<INTERRUPT>(cx) {
        let i = cx.v.get(interrupt);
        assert!(i.target.is_none() || cx.s.lines[i.first as usize] == interrupt.link());
    }
}

/// A process lists its threads, each once.
fn siblings(cx: &Cx<'_, '_>) {
    let mut listed = BTreeSet::new();
    for process in all::<PROCESS>(cx) {
        let (mut at, mut count) = (cx.v.get(process).threads, 0);
        while let Some(thread) = cx.v.live(at) {
            assert_eq!(cx.v.get(thread).process, process.link());
            assert!(listed.insert(at.raw()));
            count += 1;
            at = cx.v.get(thread).sibling_next;
        }
        assert!(at.is_none());
        assert_eq!(cx.v.get(process).thread_count, count);
    }
    assert_eq!(listed.len(), all::<THREAD>(cx).len());
}
