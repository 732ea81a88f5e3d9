//! A world's state as it was at a moment, to go back to and to compare with: for calls and interrupts that take no frames and give none.
//! Every byte (those of free frames, if the world says so), all cores and the counters, so that two ways through the kernel can be told
//! apart by anything; `copy` is for searches, takes frames that come and go into account and leaves out what no state depends on.

use std::collections::BTreeSet;

use kcore::Core;
use kcore::hw::{CoreId, MAX_CORES};
use kmem::Kind;

use super::copy::byte;
use super::frames::difference;
use super::{Frames, World};

/// All memory, the cores, the counters, and the hardware that a message or an interrupt may touch.
pub struct Saved {
    frames: Frames,
    tables: [Vec<u8>; 2],
    pub cores: Box<[Core; MAX_CORES]>,
    pub counts: [u64; abi::info::COUNTERS.len()],
    timers: (u64, [u64; MAX_CORES]),
    unmasked: BTreeSet<u32>,
    idle: u8,
    sharing: u8,
    kicks: Vec<CoreId>,
}

impl World {
    /// The state now.
    pub fn save_whole(&self) -> Saved {
        let s = &self.k.system;
        let tables = self.blocks.tables();
        let saved = |kind: u8| self.saves_free || (1..=byte(Kind::BYTES)).contains(&kind);
        let frames = (0..).zip(tables[0]).filter(|(_, kind)| saved(**kind)).map(|(frame, _)| frame);
        let frames = Frames::copy(self, frames.collect());
        let tables = tables.map(<[u8]>::to_vec);
        let cores = Box::new(s.cores.clone());
        let (idle, sharing, kicks) = (s.idle, s.sharing, s.hw.kicks.clone());
        let (timers, unmasked) = ((s.hw.timer, s.hw.timers), s.hw.unmasked.clone());
        Saved { frames, tables, cores, counts: s.counts, timers, unmasked, idle, sharing, kicks }
    }

    /// Has all be as it was. What came between must have left the pools and the log alone.
    pub fn restore_whole(&mut self, saved: &Saved) {
        self.blocks.set_tables(&saved.tables);
        saved.frames.iter().for_each(|(frame, bytes)| self.blocks.set_frame(frame, bytes));
        let s = &mut self.k.system;
        s.cores.clone_from_slice(&*saved.cores);
        (s.counts, s.hw.kicks, s.hw.unmasked) = (saved.counts, saved.kicks.clone(), saved.unmasked.clone());
        (s.hw.timer, s.hw.timers) = saved.timers;
        (s.idle, s.sharing) = (saved.idle, saved.sharing);
    }
}

impl Saved {
    /// What differs from the state now, in words.
    pub fn difference(&self, w: &World) -> Option<String> {
        for (n, (old, new)) in self.tables.iter().zip(w.blocks.tables()).enumerate() {
            if let Some(byte) = difference(old, new, |_| false) {
                return Some(format!("table {n}, {byte}"));
            }
        }
        if let Some(frame) = self.frames.difference(w, |_, _| false) {
            return Some(frame);
        }
        let s = &w.k.system;
        let mut cores = self.cores.iter().zip(&s.cores).enumerate();
        if let Some((n, (a, b))) = cores.find(|(_, (a, b))| a != b) {
            return Some(format!("core {n}: {a:?} became {b:?}"));
        }
        let old = (self.counts, self.timers, &self.unmasked, &self.kicks, self.idle, self.sharing);
        let new = (s.counts, (s.hw.timer, s.hw.timers), &s.hw.unmasked, &s.hw.kicks, s.idle, s.sharing);
        (old != new).then(|| format!("counters, timers, lines, kicks, idle: {old:?} became {new:?}"))
    }
}
