//! What a processor's boot code finds out about the machine, in one shape for both.

pub use firmware::region::{Region, Regions};

/// How ticks of the user-readable counter become nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// The counter at boot.
    pub base: u64,
    /// Nanoseconds a tick, times 2^[`Counter::SHIFT`].
    pub multiplier: u64,
}

impl Counter {
    /// As large as lets the multiplier of a 1 MHz counter fit 64 bits; and rates of 2^32 Hz and more fit.
    pub const SHIFT: u32 = 32;

    /// ns since boot when the counter stood there.
    #[inline(always)]
    pub fn time(&self, count: u64) -> u64 {
        self.span(count.wrapping_sub(self.base))
    }

    /// How many ns so many ticks are.
    #[inline(always)]
    pub fn span(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.multiplier)) >> Self::SHIFT) as u64
    }
}

/// Everything that `main` needs to start the system.
pub struct Boot {
    /// Usable memory in whole pages; the kernel image, the boot modules and the tables are cut out.
    pub ram: Regions<64>,
    /// Bytes of memory found.
    pub ram_total: u64,
    /// The boot archive.
    pub archive: Region,
    /// The DTB, or the memory that holds ACPI tables, in whole pages.
    pub tables: Regions<8>,
    /// Where devices live.
    pub devices: Regions<16>,
    /// The boot loader's command line, copied.
    pub command_line: [u8; 1024],
    /// Bytes of it.
    pub command_line_length: usize,
    /// Wired interrupt lines, numbered from 0.
    pub lines: u32,
    /// First message-signalled vector, and how many.
    pub messages: (u32, u32),
    /// Physical address of ACPI's RSDP, 0 where a device tree describes the machine.
    pub rsdp: u64,
    /// Entropy from the tables and the processor, or zeros.
    pub seed: [u8; 32],
    /// Nothing but a clock chose where the kernel runs.
    pub guessable: bool,
    /// Cores found.
    pub cores: u32,
    /// Those that run, a bit each: the boot core and those that have come.
    pub running: u8,
    /// The clock.
    pub counter: Counter,
}
