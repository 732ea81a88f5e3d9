//! A world's state as it was at a moment, to go back to and to compare with: for calls and interrupts that take no frames and give none.
//! Every byte, all cores and the counters, so that two ways through the kernel can be told apart by anything; `copy` is
//! for searches, takes frames into account and leaves out what no state depends on.

use std::collections::BTreeSet;

use kcore::Core;
use kcore::hw::{CoreId, MAX_CORES};

use super::World;

/// All memory, the cores, the counters, and the hardware that a message or an interrupt may touch.
pub struct Saved {
    blocks: [Vec<u8>; 3],
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
        // SAFETY: whole blocks, as `world` made them; no view lives, and the bytes are copied.
        let blocks =
            self.blocks.map(|(start, layout)| unsafe { std::slice::from_raw_parts(start, layout.size()) }.into());
        let cores = Box::new(s.cores.clone());
        let (idle, sharing, kicks) = (s.idle, s.sharing, s.hw.kicks.clone());
        let (timers, unmasked) = ((s.hw.timer, s.hw.timers), s.hw.unmasked.clone());
        Saved { blocks, cores, counts: s.counts, timers, unmasked, idle, sharing, kicks }
    }

    /// Has all be as it was. What came between must have left the pools and the log alone.
    pub fn restore_whole(&mut self, saved: &Saved) {
        for ((start, _), bytes) in self.blocks.iter().zip(&saved.blocks) {
            // SAFETY: a whole block of the same size, and no view lives.
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
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
        for (n, ((start, layout), old)) in w.blocks.iter().zip(&self.blocks).enumerate() {
            // SAFETY: a whole block, as in `save_whole`.
            let new = unsafe { std::slice::from_raw_parts(*start, layout.size()) };
            if new != old {
                let (i, (a, b)) = old.iter().zip(new).enumerate().find(|(_, (a, b))| a != b)?;
                return Some(format!("block {n}, frame {}, byte {:#x}: {a:#x} became {b:#x}", i >> 12, i & 0xfff));
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
