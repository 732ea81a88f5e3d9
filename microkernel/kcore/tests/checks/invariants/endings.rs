//! What ends stands in its list, once, and an entry into the kernel does a bounded part of it.

use kcore::objects::*;
use kmem::{Class, Key, Link};

use super::{Cx, all};

/// The most units of long work in one entry. Its first piece of work is done whatever it costs, and whatever else it does
/// has to fit into `UNITS` with that. The most costly single piece is to take 512 pages out of a lowest table: 2 units for the
/// record and the tables above, and one for each 17 pages, which is 2 + 512 / 17 = 32; any other takes fewer (p pages of a
/// table with 512: 2 + p / 17 + (512 - p) / 32). Nothing is done that an entry does not ask for so.
const MOST: u32 = 32;
const _: () = assert!(kcore::UNITS <= MOST);

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
