//! What a processor's boot code finds out about the machine, in one shape for both.

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub length: u64,
}

impl Region {
    /// The first byte after it.
    pub const fn end(self) -> u64 {
        self.base + self.length
    }
}

/// A short list of regions.
#[derive(Clone, Copy, Debug)]
pub struct Regions<const N: usize> {
    list: [Region; N],
    count: usize,
}

impl<const N: usize> Regions<N> {
    /// No regions.
    pub const fn new() -> Self {
        Regions { list: [Region { base: 0, length: 0 }; N], count: 0 }
    }

    /// Adds a region; one of no length, or beyond the bound, is dropped.
    pub fn push(&mut self, region: Region) {
        if region.length != 0 && self.count < N {
            self.list[self.count] = region;
            self.count += 1;
        }
    }

    /// The regions.
    pub fn as_slice(&self) -> &[Region] {
        &self.list[..self.count]
    }

    /// Cuts a range out of all regions.
    pub fn remove(&mut self, hole: Region) {
        let before = *self;
        *self = Regions::new();
        for region in before.as_slice() {
            let (start, end) = (region.base, region.end());
            let left = Region { base: start, length: hole.base.clamp(start, end) - start };
            let from = hole.end().clamp(start, end);
            if hole.length == 0 || hole.base >= end || hole.end() <= start {
                self.push(*region);
            } else {
                self.push(left);
                self.push(Region { base: from, length: end - from });
            }
        }
    }
}

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
    pub ram: Regions<32>,
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
    /// Cores found.
    pub cores: u32,
    /// Those that run, a bit each: the boot core and those that have come.
    pub running: u8,
    /// The clock.
    pub counter: Counter,
}
