//! A world's state as it was at a moment, to go back to and to compare with: for calls and interrupts that take no frames and give none.
//! Every byte that is not free, all cores and the counters, so that two ways through the kernel can be told apart by anything;
//! `copy` is for searches, takes frames that come and go into account and leaves out what no state depends on.

use std::collections::BTreeSet;

use kcore::Core;
use kcore::hw::{CoreId, MAX_CORES};
use kmem::{Kind, PAGE};

use super::World;
use super::copy::byte;

/// All memory in use, the cores, the counters, and the hardware that a message or an interrupt may touch.
pub struct Saved {
    frames: Vec<u32>,
    bytes: Vec<u8>,
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
        let kinds = (0..).zip(tables[0]);
        let frames: Vec<u32> =
            kinds.filter(|(_, kind)| (1..=byte(Kind::BYTES)).contains(kind)).map(|(n, _)| n).collect();
        let mut bytes = Vec::with_capacity(frames.len() * PAGE);
        frames.iter().for_each(|frame| bytes.extend_from_slice(self.blocks.frame(*frame)));
        let tables = tables.map(<[u8]>::to_vec);
        let cores = Box::new(s.cores.clone());
        let (idle, sharing, kicks) = (s.idle, s.sharing, s.hw.kicks.clone());
        let (timers, unmasked) = ((s.hw.timer, s.hw.timers), s.hw.unmasked.clone());
        Saved { frames, bytes, tables, cores, counts: s.counts, timers, unmasked, idle, sharing, kicks }
    }

    /// Has all be as it was. What came between must have left the pools and the log alone.
    pub fn restore_whole(&mut self, saved: &Saved) {
        self.blocks.set_tables(&saved.tables);
        for (frame, bytes) in saved.frames.iter().zip(saved.bytes.chunks(PAGE)) {
            self.blocks.set_frame(*frame, bytes);
        }
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
        let tables = (0..).zip(w.blocks.tables()).zip(&self.tables);
        let tables = tables.map(|((n, new), old)| ("table", n, new, &**old));
        let frames = self.frames.iter().zip(self.bytes.chunks(PAGE));
        let frames = frames.map(|(n, old)| ("frame", *n, w.blocks.frame(*n), old));
        for (name, number, new, old) in tables.chain(frames) {
            if new != old {
                let (i, (a, b)) = old.iter().zip(new).enumerate().find(|(_, (a, b))| a != b)?;
                return Some(format!("{name} {number}, byte {i:#x}: {a:#x} became {b:#x}"));
            }
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
