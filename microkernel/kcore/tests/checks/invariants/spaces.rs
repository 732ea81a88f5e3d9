//! Page tables: every entry has one mapping record (IPC buffers aside), within its Memory and its rights; writers are
//! counted; nothing is writable and executable; no TLB holds what the tables say no more.

use std::collections::{BTreeMap, BTreeSet};

use abi::calls::Access;
use abi::info::MemoryType;
use kcore::hw::{Entry as Decoded, Hw};
use kcore::objects::*;
use kmem::{Frame, FrameState, Kind, Link};

use super::{Cx, all, frames_of};
use crate::world::Translation;

pub fn check(cx: &mut Cx<'_, '_>) {
    let buffers = all::<THREAD>(cx).into_iter().map(|thread| cx.v.get(thread));
    let buffers = buffers.map(|t| (t.process.raw(), t.buffer_address, t.buffer)).collect();
    let mut walk = Walk { buffers, ..Walk::default() };
    for process in all::<PROCESS>(cx) {
        let root = cx.v.get(process).root;
        walk.space = cx.v.get(process).space;
        walk.table(cx, process, root, 3, 0);
        let mapped: u32 = walk.live.values().filter(|(owner, _)| *owner == process.link().raw()).map(|l| l.1).sum();
        assert_eq!(mapped, cx.v.get(process).mapped, "pages mapped");
    }
    for mapping in all::<MAPPING>(cx) {
        let m = cx.v.get(mapping);
        let live = walk.live.get(&mapping.link().raw()).map_or(0, |live| live.1);
        assert_eq!(live, m.live as u32, "entries of a mapping");
        assert!(live > 0, "a mapping ends with its last entry");
        assert!(walk.listed.contains(&mapping.link().raw()), "a mapping is in its table's list");
    }
    assert_eq!(walk.tables, frames_of::<TABLE>(cx).count(), "every table can be reached");
    for frame in cx.v.frames_of(Kind::BYTES) {
        let writers = walk.writers.get(&frame.0).copied().unwrap_or(0);
        assert_eq!(writers, cx.v.frame(frame).writers as u32, "writable mappings of a frame");
    }
    memories(cx);
    assert!(!cx.s.hw.unpublished.get(), "page walks see every entry");
    forgotten(cx, &walk.translations);
    cx.s.hw.tlb = walk.translations;
    tags(cx);
    code(cx);
}

/// Has the TLB hold all that page tables say.
pub fn fill_tlb(cx: &mut Cx<'_, '_>) {
    let mut walk = Walk { blind: true, ..Walk::default() };
    for process in all::<PROCESS>(cx) {
        walk.space = cx.v.get(process).space;
        walk.table(cx, process, cx.v.get(process).root, 3, 0);
    }
    cx.s.hw.tlb = walk.translations;
}

/// What TLBs may hold is what the tables say now, or of a process that dies, in which nobody runs.
fn forgotten(cx: &Cx<'_, '_>, now: &[Translation]) {
    let processes: Vec<_> = all::<PROCESS>(cx).into_iter().map(|process| cx.v.get(process)).collect();
    let mut at = 0;
    for old in &cx.s.hw.tlb {
        let process = processes.iter().find(|process| process.space == old.space);
        let process = process.expect("no TLB holds anything of an address space that is gone");
        if process.dying && process.threads.is_none() {
            continue;
        }
        let mut rest = now[at..].iter().chain(&now[..at]);
        let found = rest.position(|new| (new.space, new.address) == (old.space, old.address));
        at = found.map_or(at, |n| (at + n) % now.len());
        let good = found.is_some() && now[at].frame == old.frame && now[at].access.contains(old.access);
        assert!(good, "a TLB holds {old:x?}, which the tables say no more");
    }
}

/// No two processes have the same tag but 0; and where one of that tag runs, the core's TLB holds nothing of another.
fn tags(cx: &mut Cx<'_, '_>) {
    let mut taken = BTreeSet::new();
    for process in all::<PROCESS>(cx) {
        let p = cx.v.get(process);
        assert!(p.asid == 0 || taken.insert(p.asid), "two processes have the tag {}", p.asid);
    }
    for core in 0..cx.s.cores.len() {
        let Some(current) = cx.v.live(cx.s.cores[core].current.link()) else { continue };
        let space = cx.v.get(current).context.space;
        if space >> 48 == 0 {
            let held = cx.s.hw.shared[core].replace(space);
            assert!(held.is_none_or(|held| held == space), "the TLB holds of another what both have under tag 0");
        }
    }
}

/// Instruction caches see what is code.
fn code(cx: &mut Cx<'_, '_>) {
    let all: Vec<Frame> = cx.v.frames_of(Kind::BYTES).filter(|n| cx.v.frame(*n).state == FrameState::Code).collect();
    let all: BTreeSet<u32> = all.into_iter().map(|frame| cx.v.physical(frame)).collect();
    assert!(all.is_subset(&cx.s.hw.synchronised), "instruction caches see what was sealed");
    cx.s.hw.synchronised = all;
}

/// Entries that are looked at together.
const ROW: usize = 32;

#[derive(Default)]
struct Walk {
    /// Entries by mapping: process, count.
    live: BTreeMap<u32, (u32, u32)>,
    listed: BTreeSet<u32>,
    writers: BTreeMap<u32, u32>,
    tables: usize,
    space: u64,
    translations: Vec<Translation>,
    /// Of each thread: its process, its buffer's address and frame.
    buffers: Vec<(u32, u64, Frame)>,
    /// Only the translations matter.
    blind: bool,
}

impl Walk {
    fn table<'id>(&mut self, cx: &Cx<'_, 'id>, process: ProcessKey<'id>, frame: Frame, level: u8, base: u64) {
        self.tables += 1;
        let table = cx.v.follow(Link::<TABLE>::page(frame)).expect("a table is a table");
        let entries = &cx.v.get(table).0;
        let used = cx.v.frame(frame).used as usize;
        assert!(used > 0 || level == 3 || cx.v.get(process).dying, "an empty table is given back");
        if level == 0 && !self.blind {
            self.records(cx, process, frame);
        }
        let mut found = 0;
        // Most are empty: many at one look.
        let rows = (0..).step_by(ROW).zip(entries.chunks(ROW));
        let rows = rows.filter(|(_, row)| row.iter().fold(0, |all, entry| all | entry) != 0);
        let used_entries = rows.flat_map(|(first, row)| (first..).zip(row)).filter(|(_, entry)| **entry != 0);
        for (i, entry) in used_entries {
            found += 1;
            let address = base + (i << (12 + 9 * level));
            match cx.s.hw.decode(*entry, level) {
                Decoded::Empty => {}
                Decoded::Table(below) => {
                    let below = cx.v.managed(below).expect("tables are RAM");
                    self.table(cx, process, below, level - 1, address);
                }
                Decoded::Page(physical, access) => self.page(cx, process, frame, address, physical, access),
            }
        }
        assert_eq!(used, found, "entries in use");
    }

    fn records<'id>(&mut self, cx: &Cx<'_, 'id>, process: ProcessKey<'id>, leaf: Frame) {
        let mut at = Link::<MAPPING>::from_raw(cx.v.frame(leaf).extra);
        while let Some(mapping) = cx.v.live(at) {
            assert!(self.listed.insert(at.raw()), "a mapping is in one list, once");
            assert_eq!(cx.v.get(mapping).process, process.link());
            at = cx.v.get(mapping).table_next;
        }
        assert!(at.is_none());
    }

    fn page<'id>(
        &mut self,
        cx: &Cx<'_, 'id>,
        process: ProcessKey<'id>,
        leaf: Frame,
        address: u64,
        physical: u32,
        access: Access,
    ) {
        self.translations.push(Translation { space: self.space, address, frame: physical, access });
        if self.blind {
            return;
        }
        assert!(!access.contains(Access::WRITE | Access::EXECUTE), "never writable and executable");
        let frame = cx.v.managed(physical);
        let buffer = self.buffers.iter().find(|(owner, at, _)| *owner == process.link().raw() && *at == address);
        if let Some((_, _, buffer)) = buffer {
            assert_eq!(frame, Some(*buffer), "a thread's buffer is mapped where it says");
            return;
        }
        let mut owner = None;
        let mut at = Link::<MAPPING>::from_raw(cx.v.frame(leaf).extra);
        while let Some(mapping) = cx.v.live(at) {
            let m = cx.v.get(mapping);
            let root = cx.v.get(cx.v.live(m.memory).expect("what is mapped is alive"));
            let covers = (m.address..m.address + m.pages as u64 * 4096).contains(&address);
            if covers && root.base + m.offset + ((address - m.address) / 4096) as u32 == physical {
                assert!(owner.replace(mapping).is_none(), "an entry has one record");
                assert!(m.offset + m.pages as u32 <= root.pages, "a mapping lies in its Memory");
                assert!(m.allowed.contains(access), "no more access than the handle allowed");
                let leaf = cx.v.follow(Link::<TABLE>::page(leaf)).expect("a table is a table");
                let page = cx.page(leaf, address).expect("an entry says that it is a mapping's");
                assert!(m.allowed.contains(page.allowed()), "nor may it get more");
                assert!(page.allowed().contains(access), "nor has it what it may not get");
                assert_eq!(page.kind() == MemoryType::Device, root.kind == MemoryType::Device);
                if root.kind == MemoryType::Device {
                    assert!(!access.contains(Access::EXECUTE));
                }
            }
            at = m.table_next;
        }
        let owner = owner.expect("an entry has a record");
        self.live.entry(owner.link().raw()).or_insert((process.link().raw(), 0)).1 += 1;
        let frame = frame.expect("RAM");
        let state = cx.v.frame(frame).state;
        assert_eq!(cx.v.kind(frame), Kind::BYTES, "users see plain bytes alone");
        assert!(!access.contains(Access::WRITE) || state == FrameState::Data, "what is frozen is not written");
        assert!(!access.contains(Access::EXECUTE) || state == FrameState::Code, "what runs was sealed");
        *self.writers.entry(frame.0).or_default() += access.contains(Access::WRITE) as u32;
    }
}

/// Memories list their mappings; slices lie in their extent.
fn memories(cx: &Cx<'_, '_>) {
    let mut listed = 0;
    for memory in all::<MEMORY>(cx) {
        let m = cx.v.get(memory);
        let (mut at, mut prev, mut count) = (m.mappings, Link::NONE, 0);
        let mut goes_on = m.evict_next.is_none();
        while let Some(mapping) = cx.v.live(at) {
            let r = cx.v.get(mapping);
            goes_on |= at == m.evict_next;
            assert_eq!((r.memory, r.memory_prev), (memory.link(), prev));
            count += 1;
            (prev, at) = (at, r.memory_next);
        }
        assert!(at.is_none());
        assert!(goes_on, "an evict goes on at a mapping of its Memory");
        assert_eq!(count, m.mapping_count);
        listed += count;
        if let Some(root) = cx.v.find(m.root) {
            let r = cx.v.get(root);
            assert!(m.base >= r.base && m.base + m.pages <= r.base + r.pages, "a slice lies in its extent");
            assert!(r.root.is_none(), "the extent of a slice is no slice");
        }
    }
    assert_eq!(listed as usize, all::<MAPPING>(cx).len());
}
