//! The processor and the board as `kcore` sees them.

use abi::calls::Access;
use abi::info::MemoryType;
use abi::user::Features;
use kcore::Hw;
use kcore::hw::{Asid, CoreId, Entry, Frame, PortOperation, Reboot, Trigger};

use super::gic::Gic;
use super::timer::{self, Clock};
use super::{cpu, mmu, psci, uart};

/// The machine: what [`Hw`] needs beside the processor's own registers.
pub struct Machine {
    pub(super) clock: Clock,
    pub(super) gic: Gic,
}

impl Hw for Machine {
    /// `svc #0`.
    const CALL_LENGTH: u64 = 4;
    const ADDRESS: u64 = mmu::ADDRESS;

    fn asid_max(&self) -> Asid {
        mmu::asid_max()
    }

    #[inline(always)]
    fn ticks(&self) -> u64 {
        timer::count()
    }

    #[inline(always)]
    fn span(&self, ticks: u64) -> u64 {
        self.clock.counter().span(ticks)
    }

    #[inline(always)]
    fn time(&self, ticks: u64) -> u64 {
        self.clock.counter().time(ticks)
    }

    fn set_timer(&mut self, at: u64) {
        let count = timer::count();
        self.clock.arm(at, count, self.clock.counter().time(count));
    }

    #[inline(always)]
    fn set_timer_then(&mut self, at: u64, ticks: u64, now: u64) {
        self.clock.arm(at, ticks, now);
    }

    fn kick(&mut self, core: CoreId) {
        self.gic.kick(core);
    }

    fn relax(&self) {
        super::relax();
    }

    /// TTBR1 has the kernel's half.
    fn init_root(&self, _root: &mut [u64; 512]) {}

    #[inline]
    fn table(&self, frame: Frame) -> u64 {
        mmu::table(frame)
    }

    #[inline]
    fn page(&self, frame: Frame, access: Access, kind: MemoryType) -> u64 {
        mmu::page(frame, access, kind)
    }

    #[inline]
    fn decode(&self, entry: u64, level: u8) -> Entry {
        mmu::decode(entry, level)
    }

    #[inline]
    fn space(&self, root: Frame, asid: Asid) -> u64 {
        (u64::from(asid) << 48) | mmu::address(root)
    }

    fn enter_shared(&mut self, space: u64) {
        cpu::enter_shared(space);
    }

    fn publish(&mut self) {
        cpu::publish();
    }

    fn invalidate(&mut self, space: u64, address: u64, pages: u64) {
        cpu::invalidate((space >> 48) as Asid, address, pages);
    }

    fn invalidate_space(&mut self, space: u64) {
        cpu::invalidate_space((space >> 48) as Asid);
    }

    fn synchronise_code(&mut self, frame: Frame, pages: u32) {
        cpu::synchronise_code(frame, pages);
    }

    fn configure_line(&mut self, line: u32, trigger: Trigger) {
        self.gic.configure(line, trigger);
    }

    fn mask(&mut self, line: u32) {
        self.gic.mask(line);
    }

    fn unmask(&mut self, line: u32) {
        self.gic.unmask(line);
    }

    fn message(&self, line: u32) -> Option<(u64, u32)> {
        self.gic.message(line)
    }

    /// There are no ports.
    fn port(&mut self, _port: u16, _operation: PortOperation) -> u32 {
        0
    }

    #[cfg(feature = "stretch")]
    fn stretch(&self, kind: usize) -> u64 {
        self.clock.counter().span(crate::stretch::longest(kind))
    }

    fn features(&self) -> Features {
        cpu::features()
    }

    /// EL0t, nothing masked.
    fn user_flags(&self) -> u64 {
        0
    }

    fn console(&mut self, text: &[u8]) {
        uart::write(text);
    }

    fn power(&mut self, reboot: Reboot) {
        psci::power(reboot);
    }
}
