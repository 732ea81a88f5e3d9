//! Hardware on paper: it keeps notes, and its page-table entries are easy to read.
//!
//! Its TLB holds whatever page tables have said since it was last told to forget that; `invariants` looks that nothing in
//! it has become wrong. Likewise it knows which frames the instruction caches were made to see, and whether a page walk
//! may have missed an entry.

use std::cell::Cell;
use std::collections::BTreeSet;

use abi::calls::Access;
use abi::info::MemoryType;
use abi::user::Features;
use kcore::Hw;
use kcore::hw::{Asid, CoreId, Entry, Frame, MAX_CORES, PortOperation, Reboot, Trigger};

/// Hardware that notes what is done to it.
#[derive(Default)]
pub struct Model {
    pub now: u64,
    /// The core that is in the kernel.
    pub running: CoreId,
    /// What core 0's timer is set to; the others'.
    pub timer: u64,
    pub timers: [u64; MAX_CORES],
    pub kicks: Vec<CoreId>,
    pub masked: std::collections::BTreeSet<u32>,
    pub unmasked: std::collections::BTreeSet<u32>,
    pub console: Vec<u8>,
    pub off: Option<Reboot>,
    pub invalidated: u64,
    /// What each line was set to.
    pub triggers: std::collections::BTreeMap<u32, Trigger>,
    /// The highest address-space tag.
    pub tags: Asid,
    /// Of which space each core's TLB may hold something under tag 0.
    pub shared: [Option<u64>; MAX_CORES],
    /// What TLBs may hold, of pages that were there when `invariants` looked.
    pub tlb: Vec<Translation>,
    /// An entry was made that page walks may not see yet.
    pub unpublished: Cell<bool>,
    /// Frames that instruction caches see as they are.
    pub synchronised: BTreeSet<Frame>,
}

/// Where the counter stood at boot: so that it is not taken for the time.
const STARTED: u64 = 1 << 50;

/// A page in a TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    pub space: u64,
    pub address: u64,
    pub frame: Frame,
    pub access: Access,
}

impl Hw for Model {
    const CALL_LENGTH: u64 = 4;
    const ADDRESS: u64 = (u32::MAX as u64) << 12;
    fn asid_max(&self) -> Asid {
        self.tags
    }
    fn ticks(&self) -> u64 {
        self.now.wrapping_add(STARTED)
    }
    fn span(&self, ticks: u64) -> u64 {
        ticks
    }
    fn time(&self, ticks: u64) -> u64 {
        ticks.wrapping_sub(STARTED)
    }
    fn set_timer(&mut self, at: u64) {
        match self.running {
            0 => self.timer = at,
            core => self.timers[core as usize] = at,
        }
    }
    fn kick(&mut self, core: CoreId) {
        self.kicks.push(core);
    }
    fn init_root(&self, _root: &mut [u64; 512]) {}
    fn table(&self, frame: Frame) -> u64 {
        self.unpublished.set(true);
        (frame as u64) << 12 | 1 << 8 | 1
    }
    fn page(&self, frame: Frame, access: Access, _kind: MemoryType) -> u64 {
        self.unpublished.set(true);
        (frame as u64) << 12 | (access.bits() as u64) << 1 | 1
    }
    fn decode(&self, entry: u64, level: u8) -> Entry {
        let frame = (entry >> 12) as Frame;
        match (entry & 1, level) {
            (0, _) => Entry::Empty,
            (_, 0) => Entry::Page(frame, Access::from_bits_truncate((entry >> 1) as u8 & 7)),
            _ => Entry::Table(frame),
        }
    }
    fn space(&self, root: Frame, asid: Asid) -> u64 {
        (root as u64) << 12 | (asid as u64) << 48
    }
    fn publish(&mut self) {
        self.unpublished.set(false);
    }
    fn invalidate(&mut self, space: u64, address: u64, pages: u64) {
        self.invalidated += pages;
        self.tlb.retain(|t| t.space != space || !(address..address + (pages << 12)).contains(&t.address));
    }
    fn invalidate_space(&mut self, space: u64) {
        self.tlb.retain(|t| t.space != space);
        self.shared.iter_mut().filter(|shared| **shared == Some(space)).for_each(|shared| *shared = None);
    }
    fn enter_shared(&mut self, space: u64) {
        assert_eq!(space >> 48, 0, "a space of tag 0");
        self.shared[self.running as usize] = None;
    }
    fn synchronise_code(&mut self, frame: Frame, pages: u32) {
        self.synchronised.extend(frame..frame + pages);
    }
    fn configure_line(&mut self, line: u32, trigger: Trigger) {
        self.unmasked.remove(&line);
        self.triggers.insert(line, trigger);
    }
    fn mask(&mut self, line: u32) {
        self.unmasked.remove(&line);
    }
    fn unmask(&mut self, line: u32) {
        self.unmasked.insert(line);
    }
    fn message(&self, _line: u32) -> Option<(u64, u32)> {
        None
    }
    fn port(&mut self, port: u16, _operation: PortOperation) -> u32 {
        port as u32
    }
    fn features(&self) -> Features {
        Features::empty()
    }
    fn user_flags(&self) -> u64 {
        0
    }
    fn console(&mut self, text: &[u8]) {
        self.console.extend(text);
    }
    fn power(&mut self, reboot: Reboot) {
        self.off = Some(reboot);
    }
}
