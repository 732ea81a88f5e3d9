//! Copies of a whole kernel, to come back to.
//!
//! Not copied, as nothing in the kernel reads it again: free frames (but for spare tables), the bytes of user memory (but for the
//! start of each frame, where an IPC buffer has its handles), the log, the kernel's counters, and cores that are not online.

use std::mem::MaybeUninit;
use std::ops::Range;

use kcore::objects::{CHANNEL, GRANT, INTERRUPT, MEMORY, Objects, POOL, ThreadLink};
use kcore::{Core, Kernel};
use kmem::{Frame, Kind, Link, Mem, PAGE};

use super::{Model, World};

/// A copy; the same one can be filled again without allocating.
#[derive(Default)]
pub struct Copied {
    /// Frames in use, and how many bytes of each.
    frames: Vec<(u32, usize)>,
    bytes: Vec<u8>,
    tables: [Vec<u8>; 2],
    rest: Option<Rest>,
}

struct Rest {
    mem: MaybeUninit<Mem<Objects>>,
    core: Core,
    lines: Vec<Link<INTERRUPT>>,
    triggers: Vec<Option<kcore::hw::Trigger>>,
    asids: Vec<u64>,
    lists: (Link<POOL>, Link<GRANT>),
    endings: Endings,
    idle: u8,
    hw: Model,
}

type Endings = (ThreadLink, Link<CHANNEL>, Link<GRANT>, Link<MEMORY>);

/// Bytes of a user frame that are copied: the handles of a message.
const SENT: usize = 64;

impl World {
    /// Copies the kernel's state; `log` are the log's frames.
    pub fn save(&self, log: &Range<u32>, copy: &mut Copied) {
        copy.frames.clear();
        copy.bytes.clear();
        let tables = self.blocks.tables();
        for (table, now) in copy.tables.iter_mut().zip(tables) {
            table.clear();
            table.extend_from_slice(now);
        }
        for n in (1..self.k.mem.frames()).filter(|n| !log.contains(n)) {
            let size = match tables[0][n as usize] {
                0 => continue,
                kind if kind == byte(Kind::BYTES) => SENT,
                kind if kind > byte(Kind::BYTES) && kind != byte(Kind::SPARE) => continue,
                _ => PAGE,
            };
            copy.frames.push((n, size));
            copy.bytes.extend_from_slice(&self.blocks.frame(n)[..size]);
        }
        self.save_rest(copy);
    }

    fn save_rest(&self, copy: &mut Copied) {
        let s = &self.k.system;
        // SAFETY: 1. `Mem` has no destructor, and the copy is never used but to be put back. 2. It is put back into the
        // same World, whose blocks its pointers are to.
        let mem = MaybeUninit::new(unsafe { std::ptr::read(&self.k.mem) });
        copy.rest = Some(Rest {
            mem,
            core: s.cores[0].clone(),
            lines: s.lines.to_vec(),
            triggers: s.triggers.to_vec(),
            asids: s.asids.to_vec(),
            lists: (s.reap, s.undo),
            endings: (s.endings.threads, s.endings.channels, s.endings.grants, s.endings.memories),
            idle: s.idle,
            hw: Model {
                unmasked: s.hw.unmasked.clone(),
                triggers: s.hw.triggers.clone(),
                now: s.hw.now,
                timer: s.hw.timer,
                off: s.hw.off,
                tlb: s.hw.tlb.clone(),
                synchronised: s.hw.synchronised.clone(),
                ..Model::default()
            },
        });
    }

    /// Puts the kernel into a state of which a copy was made in this very World.
    pub fn restore(&mut self, copy: &Copied) {
        let rest = copy.rest.as_ref().expect("a copy was made");
        self.blocks.set_tables(&copy.tables);
        let mut from = copy.bytes.as_slice();
        for (n, size) in &copy.frames {
            let (bytes, others) = from.split_at(*size);
            self.blocks.set_frame(*n, bytes);
            from = others;
        }
        // SAFETY: it was copied from this very place (see `save_rest`), and no view or key lives.
        unsafe { std::ptr::copy_nonoverlapping(rest.mem.as_ptr(), &mut self.k.mem, 1) }
        // What was kept since the copy was made is of another state.
        self.k.mem.end_era();
        let Kernel { system: s, .. } = &mut self.k;
        s.cores[0].clone_from(&rest.core);
        s.lines.copy_from_slice(&rest.lines);
        s.triggers.copy_from_slice(&rest.triggers);
        s.asids.copy_from_slice(&rest.asids);
        (s.reap, s.undo) = rest.lists;
        s.idle = rest.idle;
        (s.endings.threads, s.endings.channels, s.endings.grants, s.endings.memories) = rest.endings;
        s.hw.unmasked.clone_from(&rest.hw.unmasked);
        s.hw.triggers.clone_from(&rest.hw.triggers);
        (s.hw.now, s.hw.timer, s.hw.off) = (rest.hw.now, rest.hw.timer, rest.hw.off);
        s.hw.tlb.clone_from(&rest.hw.tlb);
        s.hw.synchronised.clone_from(&rest.hw.synchronised);
        s.hw.unpublished.set(false);
        s.hw.kicks.clear();
        s.hw.console.clear();
    }

    /// The frames of the log: never free, never read.
    pub fn log_frames(&mut self) -> Range<u32> {
        self.with(|cx| {
            let frames = (1..cx.v.frames()).map(Frame).filter(|frame| cx.v.kind(*frame) == Kind::class(MEMORY));
            let mut memories = frames.flat_map(|frame| cx.v.slots::<MEMORY>(frame)).filter_map(|link| cx.v.live(link));
            let base = memories.find(|m| cx.v.get(*m).pages == kcore::LOG_PAGES).map(|m| cx.v.get(m).base);
            let first = base.and_then(|base| cx.v.managed(base)).expect("the log's Memory is there").0;
            first..first + kcore::LOG_PAGES
        })
    }
}

/// A kind as it stands in the table of kinds.
pub const fn byte(kind: Kind) -> u8 {
    // SAFETY: `Kind` is a transparent byte.
    unsafe { std::mem::transmute(kind) }
}
