//! What the kernel core asks of a processor.
//!
//! `arch` implements [`Hw`] for the machine, the tests for a model. Every method is an effect or a pure encoding: no
//! policy lives behind it.

use abi::calls::Access;
use abi::info::MemoryType;
use abi::user::Features;

/// A page frame's number: physical address / 4,096.
pub type Frame = u32;

/// A processor core, 0 the one that booted.
pub type CoreId = u8;

/// Most cores.
pub const MAX_CORES: usize = 8;

/// Tags the TLB entries of one address space; 0 where the processor has no tags.
pub type Asid = u16;

/// A decoded page-table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Empty,
    /// The next level's table.
    Table(Frame),
    /// A 4 KiB page (only at level 0).
    Page(Frame, Access),
}

/// An operation on an I/O port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortOperation {
    /// Read 1, 2 or 4 bytes.
    Read(PortSize),
    /// Write 1, 2 or 4 bytes.
    Write(PortSize, u32),
}

/// Width of a port access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PortSize {
    Byte,
    Word,
    Double,
}

/// How an interrupt line signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Trigger {
    Level,
    Edge,
}

/// The processor and the board.
///
/// Page tables have four levels of 512 entries on both processors. The core walks and writes them through `kmem`; this
/// trait only encodes and decodes entries and takes the effects that memory writes don't have.
pub trait Hw {
    /// Length of the system call instruction, by which a restarted call is rewound.
    const CALL_LENGTH: u64;
    /// The bits of a page table's entry that are an address. An entry that leads nowhere is 0.
    const ADDRESS: u64;
    /// Highest ASID, 0 where the processor has none (then a switch flushes).
    fn asid_max(&self) -> Asid;
    /// The counter, from wherever it began: how long a thread has run is kept in its ticks, and made ns when told. Monotonic
    /// over all cores.
    fn ticks(&self) -> u64;
    /// How many ns so many ticks are.
    fn span(&self, ticks: u64) -> u64;
    /// The time at which the counter stood there: ns since boot.
    fn time(&self, ticks: u64) -> u64;
    /// ns since boot, monotonic over all cores.
    #[inline(always)]
    fn now(&self) -> u64 {
        self.time(self.ticks())
    }
    /// Has the timer interrupt come at `at` ns (`u64::MAX`: never) on the running core. Once it has come it is to be set anew: it may
    /// be a level that lasts until then.
    fn set_timer(&mut self, at: u64);
    /// The same when the counter has just been read: it stood at `ticks`, which is `now` in ns.
    #[inline(always)]
    fn set_timer_then(&mut self, at: u64, _ticks: u64, _now: u64) {
        self.set_timer(at);
    }
    /// Sends the reschedule interrupt to another core.
    fn kick(&mut self, core: CoreId);
    /// A hint that this core waits for another: on processors with several threads a core, and in emulators, that one goes on sooner.
    fn relax(&self) {}

    /// Fills a fresh (zeroed) root table with the kernel's half, where the processor needs it there.
    fn init_root(&self, root: &mut [u64; 512]);
    /// Encodes an entry that points to the next table.
    fn table(&self, frame: Frame) -> u64;
    /// Encodes a user page.
    fn page(&self, frame: Frame, access: Access, kind: MemoryType) -> u64;
    /// Decodes an entry of the user half; `level` 3 is the root, 0 holds pages.
    fn decode(&self, entry: u64, level: u8) -> Entry;
    /// The value for TTBR0_EL1 or CR3. Tag 0 is for processes that share it.
    fn space(&self, root: Frame, asid: Asid) -> u64;
    /// The core will run a thread in an address space of tag 0: what its TLB holds under that tag may be another space's, and goes.
    fn enter_shared(&mut self, space: u64);
    /// Makes new entries visible to table walks (aarch64: DSB ISHST; x86_64: nothing).
    fn publish(&mut self);
    /// Removes what the TLBs of all cores hold of `pages` pages from `address` on, and returns when it is gone. `space` is
    /// what [`Hw::space`] gave.
    fn invalidate(&mut self, space: u64, address: u64, pages: u64);
    /// Removes all that the TLBs of all cores hold of an address space.
    fn invalidate_space(&mut self, space: u64);
    /// Makes the instruction caches of all cores see these frames as they are in memory.
    fn synchronise_code(&mut self, frame: Frame, pages: u32);

    /// Sets a line's trigger and routes it to the running core, masked.
    fn configure_line(&mut self, line: u32, trigger: Trigger);
    /// Masks a line or vector.
    fn mask(&mut self, line: u32);
    /// Unmasks a line or vector.
    fn unmask(&mut self, line: u32);
    /// Address and data of the message that raises a vector, or `None` for a wired line.
    fn message(&self, line: u32) -> Option<(u64, u32)>;
    /// Reads or writes an I/O port (x86_64; elsewhere 0).
    fn port(&mut self, port: u16, operation: PortOperation) -> u32;

    /// The longest stretch with interrupts off in ns, of a kind of `abi::info::stretch`; 0 where nobody measures it.
    fn stretch(&self, _kind: usize) -> u64 {
        0
    }

    /// What user code may want to know.
    fn features(&self) -> Features;
    /// Sets up `flags` for a new user thread.
    fn user_flags(&self) -> u64;
    /// Writes to the boot console.
    fn console(&mut self, text: &[u8]);
    /// Powers the machine off, or reboots it. Doesn't return on hardware; does in the tests.
    fn power(&mut self, reboot: Reboot);
}

/// What `system` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// Stay off.
    No,
    /// Start again.
    Yes,
}
