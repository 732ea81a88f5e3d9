//! What ends stands in its list, once, and an entry into the kernel does a bounded part of it.

use kcore::objects::*;
use kmem::{Class, Key, Link};

use super::{Cx, all};

/// The most units of long work in one entry: what it can afford, and then what can't wait, which is a look at all interrupt
/// lines for each of the Grants, at most four, whose last handle goes with one close.
const MOST: u32 = 32 + 4 * 12;

pub fn check(cx: &mut Cx<'_, '_>) {
    let e = cx.s.endings;
    assert!(e.most <= MOST, "{} units in one entry", e.most);
    list::<THREAD>(cx, e.threads, |t| (t.ending, t.end_next));
    list::<CHANNEL>(cx, e.channels, |c| (c.ending, c.end_next));
    list::<GRANT>(cx, e.grants, |g| (g.ending, g.end_next));
    list::<MEMORY>(cx, e.memories, |m| (m.ending, m.end_next));
    for thread in all::<THREAD>(cx) {
        let t = cx.v.get(thread);
        assert!(!t.ending || t.state == State::Stopped, "what ends runs no more");
    }
}

fn list<const I: u8>(cx: &Cx<'_, '_>, head: Link<I>, of: fn(&<Objects as Class<I>>::T) -> (bool, Link<I>))
where
    Objects: Class<I>,
{
    let ending: Vec<Key<'_, I>> = all::<I>(cx).into_iter().filter(|key| of(cx.v.get(*key)).0).collect();
    let (mut at, mut listed) = (head, 0);
    while let Some(key) = cx.v.live(at) {
        assert!(ending.contains(&key), "what is listed ends");
        listed += 1;
        assert!(listed <= ending.len(), "a list is no circle");
        at = of(cx.v.get(key)).1;
    }
    assert!(at.is_none());
    assert_eq!(listed, ending.len(), "what ends is listed");
}
