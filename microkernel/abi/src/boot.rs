//! What the kernel tells init: one frozen page, where others have their start block.

use crate::Handle;

/// Marks the page.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VIAB");
/// Version of this layout.
pub const VERSION: u32 = 2;
/// Most root handles.
pub const MAX_ROOTS: usize = 64;

/// The page that init finds instead of a start block. Its own handles are 1 (process), 2 (thread) and 6
/// (notification, bound); the rest is in `roots`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct BootInfo {
    /// [`MAGIC`].
    pub magic: u32,
    /// [`VERSION`].
    pub version: u32,
    /// Bytes of this structure.
    pub size: u32,
    /// Cores found.
    pub cores: u32,
    /// Cores running.
    pub cores_running: u32,
    /// Root handles.
    pub root_count: u32,
    /// Bytes of memory found.
    pub ram_total: u64,
    /// Bytes left for the root pool.
    pub ram_free: u64,
    /// The counter at boot, as in [`crate::user::TimePage`].
    pub counter_base: u64,
    /// Nanoseconds a tick, times 2^shift.
    pub counter_multiplier: u64,
    /// See `counter_multiplier`.
    pub counter_shift: u64,
    /// [`crate::user::Features`].
    pub features: u64,
    /// ns from the kernel's first instruction to init's.
    pub boot_ns: u64,
    /// A seed from the machine's tables and processor, zeros if there was none.
    pub seed: [u8; 32],
    /// Where init's heap and mappings begin, in [`crate::places`].
    pub heap: u64,
    /// See `heap`.
    pub mappings: u64,
    /// What the machine is.
    pub machine: Machine,
    /// Handles to everything.
    pub roots: [Root; MAX_ROOTS],
}

/// Where the machine's own description is, so that devd need not guess.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Machine {
    /// 1: a device tree ([`RootKind::Tables`] is the DTB). 2: ACPI (the RSDP's physical address follows).
    pub kind: u32,
    /// Interrupt lines.
    pub lines: u32,
    /// Physical address of the RSDP, or 0.
    pub rsdp: u64,
}

/// A root handle.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Root {
    /// [`RootKind`].
    pub kind: u32,
    /// Handle, raw.
    pub handle: u32,
    /// Physical address, first line or first port.
    pub base: u64,
    /// Bytes, lines or ports.
    pub length: u64,
}

impl Root {
    /// The handle.
    pub const fn handle(&self) -> Option<Handle> {
        Handle::from_raw(self.handle)
    }
}

/// What a root handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum RootKind {
    /// The root pool.
    Pool = 1,
    /// The boot archive, a Memory with OWNER.
    Archive = 2,
    /// The log ring, readable.
    LogRing = 3,
    /// The log's Interrupt: a new record.
    LogInterrupt = 4,
    /// DTB, or the memory that holds ACPI tables (several), frozen.
    Tables = 5,
    /// Physical addresses of devices (several ranges).
    Devices = 6,
    /// Interrupt lines.
    Lines = 7,
    /// Message-signalled vectors.
    Messages = 8,
    /// I/O ports 0–0xffff.
    Ports = 9,
    /// The command line's text, frozen; length in bytes.
    CommandLine = 10,
    /// Authority LOG with OWNER.
    Log = 11,
    /// Authority SEAL.
    Seal = 12,
    /// Authority POWER.
    Power = 13,
    /// BootInfo's own page.
    BootInfo = 14,
}

/// The kernel's log ring: a header page, then [`LOG_RECORDS`] records of 256 bytes.
pub const LOG_RECORDS: usize = 1024;

/// First page of the log ring.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LogHeader {
    /// `VLOG`.
    pub magic: u32,
    /// Records in the ring.
    pub records: u32,
    /// Records ever written; record n stands in slot n modulo `records`. Written last.
    pub written: u64,
    /// Records dropped because their label wrote too many a second.
    pub dropped: u64,
}

/// A log record.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LogRecord {
    /// ns since boot.
    pub time: u64,
    /// Who wrote it: the badge of the LOG handle; 0 the kernel.
    pub label: u64,
    /// 0 error, 1 warning, 2 notice, 3 detail.
    pub level: u8,
    /// Bytes of `text`.
    pub length: u8,
    /// Its number, to notice one that was overwritten while it was read.
    pub number: u32,
    /// UTF-8.
    pub text: [u8; LOG_TEXT],
}

/// The level that an option `log=NAME` names: what is above it is kept in the ring, and not shown on the serial port.
#[must_use]
pub fn log_level(name: &str) -> Option<u8> {
    let names = ["error", "warning", "notice", "detail"];
    names.iter().position(|known| name.eq_ignore_ascii_case(known)).map(|level| level as u8)
}

/// Most bytes of text in a record.
pub const LOG_TEXT: usize = 232;
