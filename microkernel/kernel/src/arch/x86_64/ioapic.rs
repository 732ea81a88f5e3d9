//! Device interrupts: lines of the I/O APICs (82093AA data sheet), and messages (MSI).
//!
//! A masked level-triggered line is masked in hardware: it comes again while it is up. An I/O APIC forgets edges that
//! come while it masks them, and a message can't be masked here at all, so for these masking is a bit in [`LATCHES`]:
//! what comes meanwhile is kept, once, and raised again at unmask.

use core::sync::atomic::{AtomicU8, Ordering};

use kcore::hw::Trigger;

use super::acpi::{self, Override};
use super::{PHYS_BASE, apic, idt};

/// For each vector: whether it is masked, has come meanwhile, and whether it needs no latch.
static LATCHES: [AtomicU8; 256] = [const { AtomicU8::new(MASKED) }; 256];
const MASKED: u8 = 1;
const PENDING: u8 = 2;
const LEVEL: u8 = 4;

/// Redirection entry bits (low half).
const ENTRY_LOW: u32 = 1 << 13;
const ENTRY_LEVEL: u32 = 1 << 15;
const ENTRY_MASKED: u32 = 1 << 16;
/// Registers.
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
/// Lines below are ISA's: edge, active high, where no override says otherwise.
const ISA_LINES: u32 = 16;

/// An I/O APIC that is in use.
#[derive(Clone, Copy, Debug, Default)]
struct IoApic {
    registers: u64,
    first: u32,
    count: u32,
}

/// All I/O APICs.
pub struct IoApics {
    all: [IoApic; 4],
    overrides: acpi::Short<Override, 16>,
    lines: u32,
}

/// The line or message of a vector that came, as kcore numbers it: `None` if it is masked, and kept for later.
pub fn arrived(vector: u8) -> Option<u32> {
    let latch = &LATCHES[usize::from(vector)];
    // In one step: another core may unmask it at this moment.
    let keep = |bits| (bits & (MASKED | LEVEL) == MASKED).then_some(bits | PENDING);
    if latch.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep).is_ok() {
        return None;
    }
    Some(match vector {
        idt::MESSAGES.. => u32::from(vector - idt::MESSAGES) + LINE_COUNT.load(Ordering::Relaxed) as u32,
        _ => u32::from(vector - idt::LINES),
    })
}

/// Lines, for [`arrived`], which has no [`IoApics`].
static LINE_COUNT: AtomicU8 = AtomicU8::new(0);

impl IoApics {
    /// Finds the lines, and sets them all as their bus has them, masked.
    pub fn init(tables: &acpi::Tables) -> Self {
        let mut io_apics = IoApics { all: Default::default(), overrides: tables.overrides, lines: 0 };
        for (found, slot) in tables.io_apics.as_slice().iter().zip(&mut io_apics.all) {
            let mut io_apic = IoApic { registers: PHYS_BASE + found.address, first: found.first_line, count: 0 };
            // Vectors are there for so many lines; messages need none of them.
            let room = idt::MOST_LINES.saturating_sub(io_apic.first);
            io_apic.count = ((io_apic.read(VERSION) >> 16 & 0xff) + 1).min(room);
            if io_apic.count != 0 {
                io_apics.lines = io_apics.lines.max(io_apic.first + io_apic.count);
                *slot = io_apic;
            }
        }
        LINE_COUNT.store(io_apics.lines as u8, Ordering::Relaxed);
        for line in 0..io_apics.lines {
            io_apics.configure(line, if line < ISA_LINES { Trigger::Edge } else { Trigger::Level });
        }
        io_apics
    }

    /// Lines, numbered from 0.
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Sets a line's trigger and has it come to the running core, masked.
    pub fn configure(&mut self, line: u32, trigger: Trigger) {
        let Some((io_apic, vector)) = self.find(line) else { return };
        let level = trigger == Trigger::Level;
        LATCHES[usize::from(vector)].store(if level { MASKED | LEVEL } else { MASKED }, Ordering::Relaxed);
        let mut low = u32::from(vector) | ENTRY_MASKED;
        if level {
            low |= ENTRY_LEVEL;
        }
        if self.is_active_low(line) {
            low |= ENTRY_LOW;
        }
        io_apic.write(io_apic.low(line) + 1, apic::id() << 24);
        io_apic.write(io_apic.low(line), low);
    }

    /// Masks a line or message.
    pub fn mask(&mut self, line: u32) {
        let Some(vector) = self.vector(line) else { return };
        let before = LATCHES[usize::from(vector)].fetch_or(MASKED, Ordering::Relaxed);
        if let Some((io_apic, _)) = self.find(line).filter(|_| before & LEVEL != 0) {
            io_apic.write(io_apic.low(line), io_apic.read(io_apic.low(line)) | ENTRY_MASKED);
        }
    }

    /// Unmasks a line or message, and raises what has come meanwhile.
    pub fn unmask(&mut self, line: u32) {
        let Some(vector) = self.vector(line) else { return };
        let before = LATCHES[usize::from(vector)].fetch_and(!(MASKED | PENDING), Ordering::Relaxed);
        if let Some((io_apic, _)) = self.find(line) {
            io_apic.write(io_apic.low(line), io_apic.read(io_apic.low(line)) & !ENTRY_MASKED);
        }
        if before & PENDING != 0 {
            apic::raise(vector);
        }
    }

    /// Address and data of the write that raises a message on the running core; `None` for a line.
    pub fn message(&self, line: u32) -> Option<(u64, u32)> {
        let vector = self.vector(line).filter(|_| line >= self.lines)?;
        Some((0xfee0_0000 | u64::from(apic::id() & 0xff) << 12, u32::from(vector)))
    }

    fn vector(&self, line: u32) -> Option<u8> {
        match line.checked_sub(self.lines) {
            Some(message) if message < idt::MESSAGE_COUNT => Some(idt::MESSAGES + message as u8),
            Some(_) => None,
            None => Some(idt::LINES + line as u8),
        }
    }

    fn find(&self, line: u32) -> Option<(IoApic, u8)> {
        let of = |io_apic: &&IoApic| (io_apic.first..io_apic.first + io_apic.count).contains(&line);
        Some((*self.all.iter().find(of)?, idt::LINES + line as u8))
    }

    /// ISA's lines are active high, PCI's low, unless the tables tell otherwise.
    fn is_active_low(&self, line: u32) -> bool {
        let special = self.overrides.as_slice().iter().find(|special| special.line == line);
        match special.map(|special| special.flags & 3) {
            Some(1) => false,
            Some(3) => true,
            _ => line >= ISA_LINES,
        }
    }
}

impl IoApic {
    /// The register with the low half of a line's entry.
    fn low(&self, line: u32) -> u32 {
        REDIRECTION + 2 * (line - self.first)
    }

    fn read(&self, register: u32) -> u32 {
        // SAFETY: the page of registers is mapped, uncached; select and window lie at 0 and 0x10. The kernel lock
        // keeps other cores out between the two.
        unsafe {
            (self.registers as *mut u32).write_volatile(register);
            ((self.registers + 0x10) as *const u32).read_volatile()
        }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: as `read`.
        unsafe {
            (self.registers as *mut u32).write_volatile(register);
            ((self.registers + 0x10) as *mut u32).write_volatile(value);
        }
    }
}
