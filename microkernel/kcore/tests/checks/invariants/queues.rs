//! A thread is in exactly the queue that its state says, and queues are well linked.

use std::collections::BTreeMap;

use kcore::PRIORITIES;
use kcore::cores::{ANY_CORE, Wanted};
use kcore::objects::*;
use kmem::Link;

use super::{Cx, all};

pub fn check(cx: &mut Cx<'_, '_>) {
    let mut places: BTreeMap<u32, &str> = BTreeMap::new();
    for core in 0..cx.s.cores.len() {
        let c = &cx.s.cores[core];
        assert_eq!(c.ready, bits(|p| !c.queues[p].head.is_none()), "the bitmap says who is ready");
        assert_eq!(c.ready, bits(|p| !c.queues[p].tail.is_none()), "a queue with a first has a last");
        let taken_over = bits(|p| c.loose_count[p] != 0);
        assert!(!cx.s.several || c.loose == taken_over && c.loose & !c.ready == 0, "who may be taken over is ready");
        for p in (0..PRIORITIES).filter(|p| c.ready >> p & 1 == 1) {
            let waiting = walk(cx, c.queues[p]);
            let loose = waiting.iter().filter(|thread| cx.v.get(**thread).home == ANY_CORE).count();
            assert!(!cx.s.several || c.loose_count[p] as usize == loose, "who may be taken over is counted");
            for thread in waiting {
                let t = cx.v.get(thread);
                assert_eq!((t.state, t.core as usize, t.priority as usize), (State::Ready, core, p));
                assert!(places.insert(thread.link().raw(), "ready").is_none());
            }
        }
        let shares = c.loose != 0;
        assert_eq!(cx.s.sharing >> core & 1 == 1, shares, "the bitmap says who has threads to be taken over");
        if let Some(current) = cx.v.follow(c.current.link()) {
            let current = cx.v.live(current.link()).expect("who runs is alive");
            let t = cx.v.get(current);
            assert_eq!((t.state, t.core as usize), (State::Running, core));
            assert!(places.insert(current.link().raw(), "running").is_none());
        }
    }
    for channel in all::<CHANNEL>(cx) {
        let c = *cx.v.get(channel);
        let callers = by_priority(cx, c.callers);
        let receivers = walk(cx, c.receivers);
        assert!(callers.is_empty() || receivers.is_empty(), "who waits for each other meets");
        assert!(c.closed.head.is_none() || receivers.is_empty(), "a receiver is told of a closed end at once");
        for (queue, state) in [(&callers, State::Calling), (&receivers, State::Receiving)] {
            for thread in queue {
                let t = cx.v.get(*thread);
                assert_eq!((t.state, t.channel), (state, channel.link()));
                assert!(places.insert(thread.link().raw(), "channel").is_none());
            }
        }
        if let Some(server) = cx.v.follow(c.server) {
            let server = cx.v.live(server.link()).expect("a channel's server is alive");
            assert_eq!(cx.v.get(server).serves, channel.link());
        }
    }
    for server in all::<THREAD>(cx) {
        for caller in served(cx, server) {
            let c = cx.v.get(caller);
            assert_eq!((c.state, c.server), (State::AwaitingReply, server.link()));
            assert!(places.insert(caller.link().raw(), "server").is_none());
        }
    }
    for thread in all::<THREAD>(cx) {
        let t = cx.v.get(thread);
        let going = t.state == State::Running && cx.s.cores[t.core as usize].wanted >= Wanted::Move;
        assert!(t.home == ANY_CORE || t.home == t.core || going, "a thread is at home or on its way");
        let expected = match t.state {
            State::Ready => Some("ready"),
            State::Running => Some("running"),
            State::Calling => Some("channel"),
            State::Receiving if !t.channel.is_none() => Some("channel"),
            State::AwaitingReply => Some("server"),
            State::Receiving | State::Stopped | State::Faulted | State::Parked => None,
        };
        assert_eq!(places.get(&thread.link().raw()).copied(), expected, "{:?}", t.state);
        if expected.is_none() {
            assert!(t.next.is_none() && t.prev.is_none());
            assert!(t.run_next.is_none() && t.run_prev.is_none());
            assert!(t.state == State::Parked || t.server.is_none() && t.channel.is_none());
        }
    }
}

/// The priorities of which something is so, as bits.
fn bits(of: impl Fn(usize) -> bool) -> u64 {
    (0..PRIORITIES).fold(0, |bits, p| bits | u64::from(of(p)) << p)
}

/// The threads of a queue, linked both ways.
fn walk<'id>(cx: &Cx<'_, 'id>, queue: Queue<THREAD>) -> Vec<ThreadKey<'id>> {
    let (mut at, mut prev) = (queue.head, Link::NONE);
    let mut found = Vec::new();
    while !at.is_none() {
        let thread = cx.v.live(at).expect("who is queued is alive");
        assert_eq!(cx.v.get(thread).prev, prev, "queues are linked both ways");
        found.push(thread);
        assert!(found.len() <= 1_000, "a queue is no circle");
        (prev, at) = (at, cx.v.get(thread).next);
    }
    assert_eq!(queue.tail, prev, "the tail is the last");
    found
}

/// Whose calls a thread has to answer.
pub fn served<'id>(cx: &Cx<'_, 'id>, server: ThreadKey<'id>) -> Vec<ThreadKey<'id>> {
    by_priority(cx, cx.v.get(server).serving)
}

/// The threads of a queue by priority, whose runs are linked both ways.
fn by_priority<'id>(cx: &Cx<'_, 'id>, queue: Queue<THREAD>) -> Vec<ThreadKey<'id>> {
    let found = walk(cx, queue);
    let priority = |thread: &ThreadKey<'id>| cx.v.get(*thread).priority;
    assert!(found.is_sorted_by_key(|caller| std::cmp::Reverse(priority(caller))), "urgent ones first");
    let firsts: Vec<_> = found.chunk_by(|a, b| priority(a) == priority(b)).map(|run| run[0].link()).collect();
    let none = [Link::NONE];
    let (befores, afters) = (none.iter().chain(&firsts), firsts.iter().skip(1).chain(&none));
    for ((first, before), after) in firsts.iter().zip(befores).zip(afters) {
        let t = cx.v.get(cx.v.live(*first).expect("who is queued is alive"));
        assert_eq!((t.run_prev, t.run_next), (*before, *after), "the runs are linked both ways");
    }
    for thread in found.iter().filter(|thread| !firsts.contains(&thread.link())) {
        let t = cx.v.get(*thread);
        assert!(t.run_prev.is_none() && t.run_next.is_none(), "who is not the first of a run is in no list of runs");
    }
    found
}
