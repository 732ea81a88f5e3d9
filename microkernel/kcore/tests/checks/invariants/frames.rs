//! Each frame has one owner and one kind; pools add up.

use std::collections::BTreeMap;

use abi::info::MemoryType;
use kcore::objects::*;
use kmem::{Class, Frame, Kind, Link};

use super::{Cx, all, frames_of};

pub fn check(cx: &mut Cx<'_, '_>) {
    let mut own = BTreeMap::new();
    let mut objects = BTreeMap::new();
    let mut slabs = Slabs::new(cx);
    slabs.check::<POOL>(cx, &mut own, &mut objects);
    slabs.check::<PROCESS>(cx, &mut own, &mut objects);
    slabs.check::<THREAD>(cx, &mut own, &mut objects);
    slabs.check::<CHANNEL>(cx, &mut own, &mut objects);
    slabs.check::<NOTIFICATION>(cx, &mut own, &mut objects);
    slabs.check::<MEMORY>(cx, &mut own, &mut objects);
    slabs.check::<GRANT>(cx, &mut own, &mut objects);
    slabs.check::<INTERRUPT>(cx, &mut own, &mut objects);
    slabs.check::<PORTS>(cx, &mut own, &mut objects);
    slabs.check::<AUTHORITY>(cx, &mut own, &mut objects);
    slabs.check::<MAPPING>(cx, &mut own, &mut objects);
    tables(cx, &mut own);
    bytes(cx, &mut own);
    pools(cx, &own, &objects);
}

type Counts = BTreeMap<u32, u32>;

/// What is found of each frame that is a slab.
struct Slabs<'id> {
    pools: Vec<PoolKey<'id>>,
    /// In whose list it is.
    listed: Vec<u32>,
    /// Objects in it.
    live: Vec<u32>,
}

impl<'id> Slabs<'id> {
    fn new(cx: &Cx<'_, 'id>) -> Slabs<'id> {
        let none = vec![0; cx.v.frames() as usize];
        Slabs { pools: all(cx), listed: none.clone(), live: none }
    }

    /// Every slab of a class lies in the list of its pool that its free slots say.
    fn check<const I: u8>(&mut self, cx: &Cx<'_, 'id>, own: &mut Counts, objects: &mut Counts)
    where
        Objects: Class<I>,
    {
        for pool in &self.pools {
            let (p, place): (&Pool, _) = (cx.v.get::<POOL>(*pool), pool.link().raw());
            for (head, full) in [(p.partial[I as usize], false), (p.full[I as usize], true)] {
                let (mut at, mut prev) = (head, Frame::NONE);
                while !at.is_none() {
                    assert_eq!(cx.v.kind(at), Kind::class(I), "a list of slabs has slabs of its class");
                    assert_eq!(cx.v.frame(at).prev, prev);
                    assert_eq!(cx.v.frame(at).owner, place, "a slab's pool is where it is listed");
                    assert_eq!(cx.v.room::<I>(at) == 0, full, "a slab is in the list that its free slots say");
                    let before = std::mem::replace(&mut self.listed[at.0 as usize], place);
                    assert_eq!(before, 0, "a slab is listed once");
                    (prev, at) = (at, cx.v.frame(at).next);
                }
            }
        }
        all::<I>(cx).into_iter().for_each(|key| self.live[key.link().frame().0 as usize] += 1);
        for frame in frames_of::<I>(cx) {
            let (pool, live) = (self.listed[frame.0 as usize], self.live[frame.0 as usize]);
            assert!(pool != 0, "every slab is listed");
            assert!(live > 0, "an empty slab is given back (class {I})");
            *own.entry(pool).or_default() += 1;
            *objects.entry(pool).or_default() += live;
        }
    }
}

/// Page tables, pages of slots and directories belong to a process.
fn tables(cx: &Cx<'_, '_>, own: &mut Counts) {
    let mut owned: BTreeMap<u32, u32> = BTreeMap::new();
    let mut roots = 0;
    for process in all::<PROCESS>(cx) {
        let p = cx.v.get(process);
        assert_eq!(cx.v.kind(p.root), Kind::class(TABLE), "a process has a root table");
        roots += 1;
        let (mut at, mut prev, mut listed) = (p.tables, Frame::NONE, 0);
        while !at.is_none() {
            let info = cx.v.frame(at);
            assert_eq!((info.owner, info.prev), (process.link().raw(), prev), "a process lists its own tables");
            listed += 1;
            (prev, at) = (at, info.next);
        }
        let owns = |frame: &Frame| cx.v.frame(*frame).owner == process.link().raw();
        assert_eq!(listed, frames_of::<TABLE>(cx).filter(|frame| *frame != p.root && owns(frame)).count());
        let pages = frames_of::<HANDLES>(cx).filter(owns).count() as u32;
        let directories = frames_of::<DIRECTORY>(cx).filter(owns).count() as u32;
        assert_eq!(pages, p.slots / SLOTS_PER_PAGE, "as many pages as slots need");
        assert_eq!(directories, !p.directory.is_none() as u32);
        let overhead = 1 + listed as u32 + pages + directories;
        assert_eq!(overhead, p.overhead, "pages of tables");
        *own.entry(p.pool.raw()).or_default() += overhead;
        *owned.entry(0).or_default() += overhead;
    }
    let all = frames_of::<TABLE>(cx).chain(frames_of::<HANDLES>(cx)).chain(frames_of::<DIRECTORY>(cx)).count();
    assert_eq!(all as u32, owned.values().sum::<u32>(), "every table has a process ({roots} of them)");
}

/// A frame of plain bytes is part of one Memory, or one thread's buffer.
fn bytes(cx: &Cx<'_, '_>, own: &mut Counts) {
    let mut owners = vec![None; cx.v.frames() as usize];
    for memory in all::<MEMORY>(cx) {
        let m = cx.v.get(memory);
        if !m.root.is_none() || m.kind == MemoryType::Device {
            continue;
        }
        let first = cx.v.managed(m.base).expect("RAM is managed");
        let name = cx.v.name(memory);
        let zeroing = all::<THREAD>(cx).into_iter().map(|thread| cx.v.get(thread)).find(|t| t.pending == name);
        for n in 0..m.pages {
            assert!(owners[first.plus(n).0 as usize].replace("Memory").is_none(), "a frame has one owner");
            let zeroed = !m.ending && zeroing.is_none_or(|t| n < t.pending_done);
            assert!(!zeroed || cx.v.frame(first.plus(n)).owner == memory.link().raw());
        }
        *own.entry(m.pool.raw()).or_default() += m.pages;
    }
    for thread in all::<THREAD>(cx) {
        let t = cx.v.get(thread);
        assert!(owners[t.buffer.0 as usize].replace("buffer").is_none(), "a buffer is one thread's");
        *own.entry(t.pool.raw()).or_default() += 1;
    }
    for frame in (1..cx.v.frames()).map(Frame) {
        let is_bytes = cx.v.kind(frame) == Kind::BYTES;
        assert_eq!(is_bytes, owners[frame.0 as usize].is_some(), "frame {frame:?}: bytes exactly if somebody's");
    }
}

/// What the pools below have of a pool's budget, or of the root's, is what it gave; and who has none asks the next above.
fn budget<'id>(cx: &Cx<'_, 'id>, pool: PoolKey<'id>) {
    let p = cx.v.get(pool);
    let own = cx.v.name(pool);
    let parent = cx.v.live(p.parent).map(|parent| cx.v.get(parent).payer);
    let has = p.budget.share != 0 && parent.is_some();
    assert_eq!(p.payer, if has { own } else { parent.unwrap_or(kmem::Name::NONE) });
    let mut given = 0;
    for other in all::<POOL>(cx).into_iter().filter(|other| *other != pool) {
        let o = cx.v.get(other);
        let Some(above) = cx.v.live(o.parent) else { continue };
        let lender = cx.v.find(cx.v.get(above).payer).map_or(o.parent, |lender| lender.link());
        if lender == pool.link() {
            given += o.budget.cost(&p.budget);
        }
    }
    assert_eq!(p.budget.given, given, "given of the budget");
    assert!(given <= p.budget.share);
    assert!(p.ceiling < abi::info::REAL_TIME || !p.payer.is_none() || p.parent.is_none(), "real time has a budget");
}

fn pools(cx: &Cx<'_, '_>, own: &Counts, objects: &Counts) {
    let (mut listed, mut count) = (1, 0);
    for pool in all::<POOL>(cx) {
        count += 1;
        let p = cx.v.get(pool);
        let (mut at, mut prev, mut given) = (p.children, Link::NONE, 0);
        while let Some(child) = cx.v.live(at) {
            let c = cx.v.get(child);
            assert_eq!((c.parent, c.prev), (pool.link(), prev), "children are linked both ways");
            assert!(c.ceiling <= p.ceiling && c.depth == p.depth + 1);
            given += c.limit;
            listed += 1;
            (prev, at) = (at, c.next);
        }
        assert!(at.is_none(), "a child is alive");
        let own = own.get(&pool.link().raw()).copied().unwrap_or(0);
        assert_eq!(p.given, given, "given to sub-pools");
        assert_eq!(p.used, own + given, "used = slabs, extents, tables, buffers and sub-pools");
        assert!(p.used <= p.limit);
        budget(cx, pool);
        assert_eq!(p.objects, objects.get(&pool.link().raw()).copied().unwrap_or(0), "objects");
    }
    assert_eq!(listed, count, "every pool but the root is its parent's child");
    let mut at = cx.s.reap;
    let mut prev = Link::NONE;
    while let Some(pool) = cx.v.live(at) {
        assert!(cx.v.get(pool).dying);
        assert_eq!(cx.v.get(pool).reap_prev, prev);
        (prev, at) = (at, cx.v.get(pool).reap_next);
    }
    assert!(at.is_none(), "what waits to be torn down is there");
}
