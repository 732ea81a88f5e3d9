//! The machine, as kcore sees it.

use abi::calls::Access;
use abi::info::MemoryType;
use abi::user::Features;
use kcore::hw::{Asid, CoreId, Entry, Frame, PortOperation, PortSize, Reboot, Trigger};
use x86_64::instructions::port::Port;

use super::clock::{self, Clock};
use super::cores::{self, Order};
use super::ioapic::IoApics;
use super::uart::console_write;
use super::{apic, cpu, idt, paging, power};
use crate::boot::Counter;

/// IF, and the bit that is always set.
const USER_FLAGS: u64 = 0x202;
/// CR3: keep what the TLB holds of the tag.
const KEEP: u64 = 1 << 63;
/// From so many pages on, a whole address space is dropped from the TLB rather than page by page.
const MANY_PAGES: u64 = 64;

/// The processor and the board. There is one.
pub struct Machine {
    clock: Clock,
    io_apics: IoApics,
    /// The kernel's own root table, whose upper half all others share.
    root: u64,
    features: Features,
}

impl Machine {
    /// Takes the parts that boot code set up.
    pub fn new(clock: Clock, io_apics: IoApics, root: u64) -> Self {
        Machine { clock, io_apics, root, features: cpu::features() }
    }

    /// The clock's numbers.
    pub fn counter(&self) -> Counter {
        self.clock.counter()
    }

    /// Wired lines.
    pub fn lines(&self) -> u32 {
        self.io_apics.lines()
    }
}

impl kcore::Hw for Machine {
    const CALL_LENGTH: u64 = 2;
    const ADDRESS: u64 = paging::ADDRESS;

    fn asid_max(&self) -> Asid {
        if cpu::tagged() { 4095 } else { 0 }
    }

    #[inline(always)]
    fn ticks(&self) -> u64 {
        clock::tsc()
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
        let tsc = clock::tsc();
        self.clock.set_timer(at, tsc, self.clock.counter().time(tsc));
    }

    #[inline(always)]
    fn set_timer_then(&mut self, at: u64, ticks: u64, now: u64) {
        self.clock.set_timer(at, ticks, now);
    }

    fn kick(&mut self, core: CoreId) {
        apic::send(core, idt::KICK);
    }

    fn relax(&self) {
        super::relax();
    }

    fn init_root(&self, root: &mut [u64; 512]) {
        root[256..].copy_from_slice(paging::kernel_half(self.root));
    }

    fn table(&self, frame: Frame) -> u64 {
        paging::table(frame)
    }

    fn page(&self, frame: Frame, access: Access, kind: MemoryType) -> u64 {
        paging::page(frame, access, kind)
    }

    fn decode(&self, entry: u64, level: u8) -> Entry {
        paging::decode(entry, level)
    }

    fn space(&self, root: Frame, asid: Asid) -> u64 {
        let tag = if cpu::tagged() && asid != 0 { KEEP | u64::from(asid & 0xfff) } else { 0 };
        u64::from(root) << 12 | tag
    }

    /// To load CR3 without `KEEP` does it (SDM vol. 3A, 4.10.4.1).
    fn enter_shared(&mut self, _space: u64) {}

    /// Table walks are coherent with stores (SDM vol. 3A, 4.10.2.3): new entries need nothing.
    fn publish(&mut self) {}

    fn invalidate(&mut self, space: u64, address: u64, pages: u64) {
        if pages > MANY_PAGES {
            return self.invalidate_space(space);
        }
        cores::everywhere(Order::Pages { space, address, pages });
    }

    fn invalidate_space(&mut self, space: u64) {
        cores::everywhere(Order::Space { space });
    }

    /// Instruction caches are coherent; what a pipeline holds goes by a serialising instruction (SDM vol. 3A, 8.1.3).
    fn synchronise_code(&mut self, _frame: Frame, _pages: u32) {
        cores::everywhere(Order::Code);
    }

    fn configure_line(&mut self, line: u32, trigger: Trigger) {
        self.io_apics.configure(line, trigger);
    }

    fn mask(&mut self, line: u32) {
        self.io_apics.mask(line);
    }

    fn unmask(&mut self, line: u32) {
        self.io_apics.unmask(line);
    }

    fn message(&self, line: u32) -> Option<(u64, u32)> {
        self.io_apics.message(line)
    }

    fn port(&mut self, port: u16, operation: PortOperation) -> u32 {
        // SAFETY: kcore calls this for the holder of the port's capability: who holds a device's ports answers for what
        // the device does, as with its registers in memory. The CPU's own state can't be reached by ports.
        unsafe {
            match operation {
                PortOperation::Read(PortSize::Byte) => u32::from(Port::<u8>::new(port).read()),
                PortOperation::Read(PortSize::Word) => u32::from(Port::<u16>::new(port).read()),
                PortOperation::Read(PortSize::Double) => Port::<u32>::new(port).read(),
                PortOperation::Write(size, value) => {
                    match size {
                        PortSize::Byte => Port::new(port).write(value as u8),
                        PortSize::Word => Port::new(port).write(value as u16),
                        PortSize::Double => Port::new(port).write(value),
                    }
                    0
                }
            }
        }
    }

    #[cfg(feature = "stretch")]
    fn stretch(&self, kind: usize) -> u64 {
        self.clock.counter().span(crate::stretch::longest(kind))
    }

    fn features(&self) -> Features {
        self.features
    }

    fn user_flags(&self) -> u64 {
        USER_FLAGS
    }

    fn console(&mut self, text: &[u8]) {
        console_write(text);
    }

    fn power(&mut self, reboot: Reboot) {
        power::power(reboot)
    }
}
