//! The whole state of the kernel as bytes, to compare before and after.

use std::fmt::Write;
use std::ops::Range;

use kcore::objects::*;
use kmem::{Frame, PAGE};

use crate::invariants;
use crate::world::World;

/// All frames but free ones and the log's (a refused call writes none), their tables, and everything else.
pub struct Snapshot {
    /// Which frames, and their bytes one after the other.
    frames: Vec<u32>,
    bytes: Vec<u8>,
    tables: Vec<u8>,
    system: String,
}

pub fn take(w: &mut World) -> Snapshot {
    let log = w.with(|cx| cx.v.managed(kmem_base(cx)).map_or(0, |frame| frame.0));
    let log = log..log + kcore::LOG_PAGES;
    let used = |cx: &mut invariants::Cx<'_, '_>| {
        (1..cx.v.frames()).filter(|n| !log.contains(n) && !cx.v.kind(Frame(*n)).is_free()).collect()
    };
    let frames: Vec<u32> = w.with(used);
    let mut bytes = Vec::with_capacity(frames.len() * PAGE);
    frames.iter().for_each(|frame| bytes.extend_from_slice(w.frame(*frame)));
    Snapshot { frames, bytes, tables: w.tables(), system: system(w) }
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
        let system = system(w);
        if self.system != system {
            return Some(first_line(&self.system, &system));
        }
        if self.tables != w.tables() {
            return Some("the tables about frames".into());
        }
        for (frame, before) in self.frames.iter().zip(self.bytes.chunks(PAGE)) {
            let after = w.frame(*frame);
            if before == after {
                continue;
            }
            let parts = caller.as_ref().filter(|(own, _)| own == frame).map_or(&[][..], |(_, parts)| parts);
            let excluded = |i: &usize| parts.iter().any(|part| part.contains(i));
            let other = (0..PAGE).filter(|i| before[*i] != after[*i]).find(|i| !excluded(i));
            if let Some(i) = other {
                return Some(format!("frame {frame}, byte {i:#x}: {:#x} became {:#x}", before[i], after[i]));
            }
        }
        None
    }
}

fn first_line(before: &str, after: &str) -> String {
    let mut pairs = before.lines().zip(after.lines());
    pairs.find(|(a, b)| a != b).map_or("length".into(), |(a, b)| format!("{a}\n   became {b}"))
}

/// Everything but frames and counters: cores, lines, lists, and what was done to the hardware.
fn system(w: &World) -> String {
    let (s, mut text) = (&w.k.system, String::new());
    for (i, core) in s.cores.iter().enumerate().filter(|(i, core)| *i == 0 || core.online) {
        // Not `called`: that a core has looked is no part of what its call did.
        let called = (core.wanted, core.pointer_changed);
        writeln!(
            text,
            "core {i}: {:?} {:x} {:x} {} {called:?}",
            core.current.link(),
            core.ready,
            core.loose,
            core.slice_end
        )
        .unwrap();
        for (p, queue) in core.queues.iter().enumerate().filter(|(_, queue)| !queue.head.is_none()) {
            writeln!(text, "ready {p}: {queue:?}").unwrap();
        }
        for head in core.wheel.heads() {
            writeln!(text, "timer {head:?}").unwrap();
        }
    }
    for (i, line) in s.lines.iter().enumerate().filter(|(_, line)| !line.is_none()) {
        writeln!(text, "line {i}: {line:?}").unwrap();
    }
    writeln!(text, "asids {:x?}", s.asids).unwrap();
    writeln!(text, "reap {:?} undo {:?} {:?}", s.reap, s.undo, s.endings).unwrap();
    writeln!(text, "log {:?}", s.log).unwrap();
    let hw = &s.hw;
    writeln!(text, "triggers {:?}", w.k.system.hw.triggers).unwrap();
    writeln!(text, "hw {} {} {:?} {:?} {:?}", hw.now, hw.invalidated, hw.unmasked, hw.console.len(), hw.off).unwrap();
    text
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
