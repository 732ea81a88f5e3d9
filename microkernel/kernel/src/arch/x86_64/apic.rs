//! The core's local APIC (Intel SDM vol. 3A, chapter 10): timer, interrupts to other cores, end of interrupt.
//!
//! By memory (xAPIC), or by MSRs (x2APIC) where the processor has them. The legacy PICs are masked for good.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kcore::hw::{CoreId, MAX_CORES};
use x86_64::instructions::port::Port;
use x86_64::registers::model_specific::Msr;

use super::{PHYS_BASE, cpu, idt};

/// How many message-signalled vectors there are.
pub const MESSAGES: u32 = idt::MESSAGE_COUNT;

/// Registers, by their offset in memory.
const ID: u32 = 0x20;
const TASK_PRIORITY: u32 = 0x80;
const END: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
const COMMAND: u32 = 0x300;
const COMMAND_HIGH: u32 = 0x310;
const TIMER: u32 = 0x320;
const LINT0: u32 = 0x350;
const ERROR: u32 = 0x370;
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

const MASKED: u32 = 1 << 16;
const DEADLINE_MODE: u32 = 1 << 18;
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// In the command register: fixed delivery, "assert".
const ASSERT: u32 = 1 << 14;
const TO_SELF: u32 = 1 << 18;
const DELIVERY_PENDING: u32 = 1 << 12;
const DIVIDE_BY_1: u32 = 0b1011;

const APIC_BASE: u32 = 0x1b;
const BASE_X2APIC: u64 = 1 << 10;
const BASE_ENABLE: u64 = 1 << 11;
const TSC_DEADLINE: u32 = 0x6e0;

/// Virtual address of the registers; 0: x2APIC.
static REGISTERS: AtomicU64 = AtomicU64::new(0);

/// Whether the processor has its APIC at this physical address.
pub fn is_at(physical: u64) -> bool {
    // SAFETY: the processor has an APIC (`cpu::require`).
    let base = unsafe { Msr::new(APIC_BASE).read() };
    base & 0x000f_ffff_ffff_f000 == physical
}

/// Masks the legacy PICs and enables the booting core's APIC.
pub fn init(physical: u64) {
    mask_legacy();
    if !cpu::has(cpu::X2APIC) {
        REGISTERS.store(PHYS_BASE + physical, Ordering::Relaxed);
    }
    start(0);
}

/// The APIC ID of each core; all ones before it starts.
static IDS: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(u32::MAX) }; MAX_CORES];

/// Enables the running core's APIC, its timer and its errors masked, as is what comes from the legacy controller. LINT1 stays as
/// firmware has it, mostly for non-maskable interrupts: those end the kernel, with a report.
pub fn start(core: CoreId) {
    let mut base = Msr::new(APIC_BASE);
    // SAFETY: the processor has an APIC (`cpu::require`), whose registers are mapped uncached at PHYS_BASE; x2APIC is
    // enabled only where CPUID names it.
    unsafe {
        let value = base.read() | BASE_ENABLE;
        if cpu::has(cpu::X2APIC) {
            base.write(value);
            base.write(value | BASE_X2APIC);
        } else {
            base.write(value);
        }
    }
    for source in [TIMER, LINT0, ERROR] {
        write(source, MASKED | u32::from(idt::SPURIOUS));
    }
    write(DIVIDE, DIVIDE_BY_1);
    write(TASK_PRIORITY, 0);
    write(SPURIOUS, SOFTWARE_ENABLE | u32::from(idt::SPURIOUS));
    IDS[usize::from(core)].store(id(), Ordering::Relaxed);
}

/// The running core's APIC ID.
pub fn id() -> u32 {
    let id = read(ID);
    if is_x2apic() { id } else { id >> 24 }
}

/// Tells the APIC that the interrupt in service is done.
pub fn end_of_interrupt() {
    write(END, 0);
}

/// How the timer is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerMode {
    /// It counts down, so many ticks a second.
    Count,
    /// It compares with the TSC.
    Deadline,
}

/// Unmasks the timer, stopped.
pub fn start_timer() -> TimerMode {
    if cpu::has(cpu::TSC_DEADLINE) {
        write(TIMER, DEADLINE_MODE | u32::from(idt::TIMER));
        // The SDM (10.5.4.1) wants a fence between the memory write and the MSR's.
        core::sync::atomic::fence(Ordering::SeqCst);
        return TimerMode::Deadline;
    }
    write(INITIAL_COUNT, 0);
    write(TIMER, u32::from(idt::TIMER));
    TimerMode::Count
}

/// Has the timer interrupt come after so many ticks; 0: never.
pub fn set_count(ticks: u32) {
    write(INITIAL_COUNT, ticks);
}

/// What is left of the count.
pub fn count() -> u32 {
    read(CURRENT_COUNT)
}

/// Has the timer interrupt come when the TSC reaches a value; 0: never.
pub fn set_deadline(tsc: u64) {
    // SAFETY: the mode is used only where CPUID names TSC deadlines.
    unsafe { Msr::new(TSC_DEADLINE).write(tsc) };
}

/// Raises a vector on a core.
pub fn send(core: CoreId, vector: u8) {
    if let Some(id) = id_of(core) {
        command(id, ASSERT | u32::from(vector));
    }
}

/// Resets a core by its APIC ID: it then waits for [`start_up`].
pub fn reset(apic_id: u32) {
    command(apic_id, ASSERT | 5 << 8);
}

/// Has a core that was reset start in real mode at the start of a page below 1 MiB.
pub fn start_up(apic_id: u32, page: u64) {
    command(apic_id, ASSERT | 6 << 8 | (page >> 12) as u32);
}

/// Raises a vector on the running core.
pub fn raise(vector: u8) {
    command(0, TO_SELF | ASSERT | u32::from(vector));
}

/// The APIC ID of a core that has started.
fn id_of(core: CoreId) -> Option<u32> {
    let id = IDS.get(usize::from(core))?.load(Ordering::Relaxed);
    (id != u32::MAX).then_some(id)
}

fn command(destination: u32, command: u32) {
    if is_x2apic() {
        // SAFETY: a fixed interrupt with a vector that has a stub.
        unsafe { Msr::new(msr(COMMAND)).write(u64::from(destination) << 32 | u64::from(command)) };
        return;
    }
    while read(COMMAND) & DELIVERY_PENDING != 0 {
        core::hint::spin_loop();
    }
    write(COMMAND_HIGH, destination << 24);
    write(COMMAND, command);
}

fn is_x2apic() -> bool {
    REGISTERS.load(Ordering::Relaxed) == 0
}

fn msr(register: u32) -> u32 {
    0x800 + (register >> 4)
}

fn read(register: u32) -> u32 {
    match REGISTERS.load(Ordering::Relaxed) {
        // SAFETY: `init` has enabled x2APIC, and the register exists there.
        0 => unsafe { Msr::new(msr(register)).read() as u32 },
        // SAFETY: `base` maps the registers, uncached; `register` is an aligned offset in that page.
        base => unsafe { ((base + u64::from(register)) as *const u32).read_volatile() },
    }
}

fn write(register: u32, value: u32) {
    match REGISTERS.load(Ordering::Relaxed) {
        // SAFETY: as `read`; callers write only what the SDM allows.
        0 => unsafe { Msr::new(msr(register)).write(u64::from(value)) },
        // SAFETY: as `read`.
        base => unsafe { ((base + u64::from(register)) as *mut u32).write_volatile(value) },
    }
}

/// Moves the two 8259 PICs' vectors out of the way and masks all of their lines.
fn mask_legacy() {
    let steps: [(u16, u8); 10] = [
        (0x20, 0x11),
        (0xa0, 0x11),
        (0x21, idt::LEGACY),
        (0xa1, idt::LEGACY + 8),
        (0x21, 4),
        (0xa1, 2),
        (0x21, 1),
        (0xa1, 1),
        (0x21, 0xff),
        (0xa1, 0xff),
    ];
    for (port, value) in steps {
        // SAFETY: the initialisation sequence of the 8259A; interrupts are off, and stay masked here.
        unsafe { Port::new(port).write(value) };
    }
}
