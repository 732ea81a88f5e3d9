//! The whole state of the kernel as bytes, to compare before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kcore::cores::Wanted;
use kcore::hw::{Reboot, Trigger};
use kcore::objects::*;
use kcore::{Endings, Log, PRIORITIES};
use kmem::{Frame, Link};

use crate::invariants;
use crate::world::{Frames, World};

/// All frames but free ones and the log's (a refused call writes none), their tables, and everything else.
pub struct Snapshot {
    frames: Frames,
    tables: Vec<u8>,
    rest: Rest,
}

pub fn take(w: &mut World) -> Snapshot {
    let log = w.with(|cx| cx.v.managed(kmem_base(cx)).map_or(0, |frame| frame.0));
    let log = log..log + kcore::LOG_PAGES;
    let used = |cx: &mut invariants::Cx<'_, '_>| {
        (1..cx.v.frames()).filter(|n| !log.contains(n) && !cx.v.kind(Frame(*n)).is_free()).collect()
    };
    let frames = w.with(used);
    Snapshot { frames: Frames::copy(w, frames), tables: w.tables(), rest: rest(w) }
}

/// Whether a thread's calls are written into a ring: they change that, refused or not.
pub fn traced(w: &mut World, caller: ThreadLink) -> bool {
    w.edit(caller, |t| t.slow & slow::TRACED != 0)
}

/// The log's first frame.
fn kmem_base(cx: &invariants::Cx<'_, '_>) -> u32 {
    let memories = invariants::all::<MEMORY>(cx);
    memories.into_iter().map(|m| cx.v.get(m)).find(|m| m.pages == kcore::LOG_PAGES).map_or(0, |m| m.base)
}

impl Snapshot {
    /// What differs by now, in words, but for what a refused call may change in its caller.
    ///
    /// Excluded by name: the caller's status register; `restarting` and `pending` with `pending_done`, the state of a
    /// long call that ends with the refusal; and the kernel's counters, which count it.
    pub fn difference(&self, w: &mut World, caller: Option<(u32, Vec<Range<usize>>)>) -> Option<String> {
        let rest = rest(w);
        if self.rest != rest {
            return Some(first_line(&format!("{:#x?}", self.rest), &format!("{rest:#x?}")));
        }
        if self.tables != w.tables() {
            return Some("the tables about frames".into());
        }
        let (own, parts) = caller.unwrap_or_default();
        self.frames.difference(w, |frame, i| frame == own && parts.iter().any(|part| part.contains(&i)))
    }
}

fn first_line(before: &str, after: &str) -> String {
    let mut pairs = before.lines().zip(after.lines());
    pairs.find(|(a, b)| a != b).map_or("length".into(), |(a, b)| format!("{a}\n   became {b}"))
}

/// Everything but frames and counters: cores, lines, lists, and what was done to the hardware.
#[derive(Debug, PartialEq)]
struct Rest {
    cores: Vec<CoreRest>,
    lines: Vec<Link<INTERRUPT>>,
    asids: Vec<u64>,
    reap: Link<POOL>,
    undo: Link<GRANT>,
    endings: Endings,
    log: Log,
    now: u64,
    invalidated: u64,
    unmasked: BTreeSet<u32>,
    triggers: BTreeMap<u32, Trigger>,
    said: usize,
    off: Option<Reboot>,
}

/// Not `called`: that a core has looked is no part of what its call did.
#[derive(Debug, PartialEq)]
struct CoreRest {
    current: ThreadLink,
    ready: u64,
    loose: u64,
    slice_end: u64,
    wanted: Wanted,
    pointer_changed: bool,
    queues: [Queue<THREAD>; PRIORITIES],
    timers: Vec<(u16, ThreadLink)>,
}

fn rest(w: &World) -> Rest {
    let (s, hw) = (&w.k.system, &w.k.system.hw);
    let cores = s.cores.iter().enumerate().filter(|(i, core)| *i == 0 || core.online).map(|(_, core)| CoreRest {
        current: core.current.link(),
        ready: core.ready,
        loose: core.loose,
        slice_end: core.slice_end,
        wanted: core.wanted,
        pointer_changed: core.pointer_changed,
        queues: core.queues,
        timers: core.wheel.heads().collect(),
    });
    Rest {
        cores: cores.collect(),
        lines: s.lines.to_vec(),
        asids: s.asids.to_vec(),
        reap: s.reap,
        undo: s.undo,
        endings: s.endings,
        log: s.log.clone(),
        now: hw.now,
        invalidated: hw.invalidated,
        unmasked: hw.unmasked.clone(),
        triggers: hw.triggers.clone(),
        said: hw.console.len(),
        off: hw.off,
    }
}

/// The parts of its frame that a refused call may change in its caller.
pub fn excluded(w: &mut World, caller: ThreadLink) -> Option<(u32, Vec<Range<usize>>)> {
    use std::mem::offset_of;
    let start = w.k.mem.object_address(caller)?.addr() & 0xfff;
    let field = |offset: usize, size: usize| start + offset..start + offset + size;
    let number = offset_of!(Thread, context) + offset_of!(kcore::Context, regs) + offset_of!(kcore::Regs, number);
    let parts = vec![
        field(number, 8),
        // `slow::RESTARTING` stands there.
        field(offset_of!(Thread, slow), 1),
        field(offset_of!(Thread, pending), 8),
        field(offset_of!(Thread, pending_done), 4),
        // What handles came to: no state.
        field(offset_of!(Thread, doors), size_of::<kcore::Doors>()),
        field(offset_of!(Thread, last), size_of::<kcore::LastChannels>()),
        field(offset_of!(Thread, evicts), 4),
    ];
    Some((caller.frame().0, parts))
}
