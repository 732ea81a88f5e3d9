//! What a processor's boot code finds out about the machine, in one shape for both.

pub use firmware::region::{Region, Regions};

/// How ticks of the user-readable counter become nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// The counter at boot.
    pub base: u64,
    /// Nanoseconds a tick, times 2^shift.
    pub multiplier: u64,
    /// See `multiplier`.
    pub shift: u32,
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
