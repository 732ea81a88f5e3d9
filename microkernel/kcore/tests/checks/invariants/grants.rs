//! Grants count what was made through them, tell their end once, and keep what a revocation has to undo.

use std::collections::{BTreeMap, BTreeSet};

use kcore::objects::*;
use kmem::Link;

use super::{Cx, all, handles};

pub fn check(cx: &mut Cx<'_, '_>) {
    let mut through: BTreeMap<u32, u32> = BTreeMap::new();
    for entry in handles(cx) {
        if let Some(grant) = cx.v.find(entry.grant) {
            assert_eq!(entry.object.class(), cx.v.get(grant).target.class(), "a Grant is on one kind of object");
            *through.entry(grant.link().raw()).or_default() += 1;
        }
    }
    let grants = all::<GRANT>(cx);
    let queued = queued(cx);
    let undoing = undoing(cx);
    for grant in &grants {
        let (g, place) = (cx.v.get(*grant), grant.link().raw());
        assert_eq!(g.handles, through.get(&place).copied().unwrap_or(0), "handles made through a Grant");
        let name = cx.v.name(*grant);
        let below = grants.iter().filter(|other| cx.v.get(**other).parent == name && !cx.v.get(**other).ended);
        assert_eq!(g.live_children, below.count() as u32, "Grants below that have not ended");
        assert_eq!(g.ended, g.handles == 0 && g.live_children == 0, "ended with the last handle");
        assert_eq!(g.queued, queued.contains(&place), "queued to be told");
        assert!(!g.queued || g.ended && g.tells);
        assert_eq!(g.undoing, undoing.contains(&place));
        assert!(!g.undoing || g.revoked);
        assert!(g.refs > 0 || !g.ended || g.queued || g.undoing || g.ending, "a Grant that nobody needs is gone");
        assert!((1..=4).contains(&g.depth));
        children(cx, *grant);
        mappings(cx, *grant);
    }
    for grant in &grants {
        let above = cx.v.get(*grant).above;
        assert!(above.is_none() || cx.v.live(above).is_some(), "the Grant above is there");
    }
}

/// Grants in some channel's queue of closed ends, well linked.
fn queued(cx: &Cx<'_, '_>) -> BTreeSet<u32> {
    let mut queued = BTreeSet::new();
    for channel in all::<CHANNEL>(cx) {
        let c = cx.v.get(channel);
        let (mut at, mut last) = (c.closed.head, Link::NONE);
        while let Some(grant) = cx.v.live(at) {
            assert!(queued.insert(at.raw()), "a Grant is queued once");
            // A channel that ends has lost its names, and empties its queue part by part.
            let target = cx.v.find_any::<CHANNEL>(cx.v.get(grant).target);
            assert!(target == Some(channel) || c.ending && target.is_none(), "and where it belongs");
            (last, at) = (at, cx.v.get(grant).closed_next);
        }
        assert!(at.is_none(), "what is queued is alive");
        assert_eq!(c.closed.tail, last);
    }
    queued
}

fn undoing(cx: &Cx<'_, '_>) -> BTreeSet<u32> {
    let mut listed = BTreeSet::new();
    let (mut at, mut prev) = (cx.s.undo, Link::NONE);
    while let Some(grant) = cx.v.live(at) {
        assert!(listed.insert(at.raw()), "listed once");
        assert_eq!(cx.v.get(grant).undo_prev, prev, "linked both ways: nobody looks through the list");
        (prev, at) = (at, cx.v.get(grant).undo_next);
    }
    assert!(at.is_none());
    listed
}

fn children<'id>(cx: &Cx<'_, 'id>, grant: GrantKey<'id>) {
    let (mut at, mut prev) = (cx.v.get(grant).children, Link::NONE);
    while let Some(child) = cx.v.live(at) {
        let c = cx.v.get(child);
        assert_eq!((c.above, c.prev), (grant.link(), prev), "a Grant below is linked both ways");
        (prev, at) = (at, c.next);
    }
    assert!(at.is_none());
}

/// Who waits in a channel's queue through a Grant stands in its list.
fn waiting<'id>(cx: &Cx<'_, 'id>, grant: GrantKey<'id>) {
    let (mut at, mut prev, mut count) = (cx.v.get(grant).waiting, Link::NONE, 0);
    while let Some(thread) = cx.v.live(at) {
        let t = cx.v.get(thread);
        assert_eq!((t.via, t.via_prev), (grant.link(), prev), "who waits is linked to its Grant");
        assert!(matches!(t.state, State::Calling | State::Receiving) && !t.channel.is_none());
        count += 1;
        (prev, at) = (at, t.via_next);
    }
    assert!(at.is_none());
    let all = all::<THREAD>(cx).into_iter().filter(|thread| cx.v.get(*thread).via == grant.link());
    assert_eq!(all.count(), count, "in no other");
}

/// What sets bits through a Grant stands in its list.
fn bells<'id>(cx: &Cx<'_, 'id>, grant: GrantKey<'id>) {
    let ends = |i: &Interrupt| (i.bell, i.bell_prev, i.bell_next);
    bound(cx, grant, cx.v.get(grant).bells, ends, "what is bound is linked to its notification's Grant");
}

/// Who is bound through a Grant stands in its list.
fn lines<'id>(cx: &Cx<'_, 'id>, grant: GrantKey<'id>) {
    let ends = |i: &Interrupt| (i.via, i.via_prev, i.via_next);
    bound(cx, grant, cx.v.get(grant).lines, ends, "what is bound is linked to its Grant");
}

/// A Grant's list of interrupts from its first on, each with the Grant, the one before and the next.
fn bound<'id>(
    cx: &Cx<'_, 'id>,
    grant: GrantKey<'id>,
    first: Link<INTERRUPT>,
    ends: fn(&Interrupt) -> (Link<GRANT>, Link<INTERRUPT>, Link<INTERRUPT>),
    linked: &str,
) {
    let (mut at, mut prev, mut count) = (first, Link::NONE, 0);
    while let Some(interrupt) = cx.v.live(at) {
        let i = cx.v.get(interrupt);
        let (above, before, next) = ends(i);
        assert_eq!((above, before), (grant.link(), prev), "{linked}");
        assert!(!i.target.is_none(), "it is bound");
        count += 1;
        (prev, at) = (at, next);
    }
    assert!(at.is_none());
    let all = all::<INTERRUPT>(cx).into_iter().filter(|interrupt| ends(cx.v.get(*interrupt)).0 == grant.link());
    assert_eq!(all.count(), count, "in no other");
}

/// No page-table entry is left of a Grant whose revocation is over.
fn mappings<'id>(cx: &Cx<'_, 'id>, grant: GrantKey<'id>) {
    let (mut at, mut prev) = (cx.v.get(grant).mappings, Link::NONE);
    while let Some(mapping) = cx.v.live(at) {
        let m = cx.v.get(mapping);
        assert_eq!((m.grant, m.grant_prev), (grant.link(), prev), "a mapping is linked to its Grant");
        (prev, at) = (at, m.grant_next);
    }
    assert!(at.is_none());
    waiting(cx, grant);
    lines(cx, grant);
    bells(cx, grant);
    if prev.is_none() {
        return;
    }
    let mut above = Some(grant);
    let (mut revoked, mut undoing) = (false, false);
    while let Some(grant) = above {
        let g = cx.v.get(grant);
        revoked |= g.revoked;
        undoing |= g.undoing;
        above = cx.v.live(g.above);
    }
    assert!(!revoked || undoing, "a revoked Grant has mappings only until its revocation is over");
}
