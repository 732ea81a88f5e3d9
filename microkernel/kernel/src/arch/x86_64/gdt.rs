//! Segments and the task state segment (Intel SDM vol. 3A, chapters 3 and 8): what 64-bit mode has left of them.
//!
//! The order of the user segments is what SYSRET prescribes. The TSS holds the stacks to switch to; it has no I/O bit
//! map, so user code reaches no port. There is no local table, and user code can't be read through its segment: null selectors and
//! the one data segment, which IRETQ needs for SS, are all that user code can load.

use core::arch::asm;
use core::cell::UnsafeCell;

use kcore::hw::{CoreId, MAX_CORES};
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::registers::segmentation::SegmentSelector;
use x86_64::structures::gdt::{Descriptor, DescriptorFlags, GlobalDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

use super::core_block::{EXCEPTION_STACKS, STACKS, WINDOW, stack_top};

/// Kernel code.
pub const KERNEL_CODE: u16 = 0x08;
/// Kernel data.
pub const KERNEL_DATA: u16 = 0x10;
/// User data, ring 3.
pub const USER_DATA: u16 = 0x1b;
/// User code, ring 3.
pub const USER_CODE: u16 = 0x23;
const TASK_STATE: u16 = 0x28;

struct Tables {
    gdt: GlobalDescriptorTable,
    tss: TaskStateSegment,
}

struct PerCore([UnsafeCell<Tables>; MAX_CORES]);

// SAFETY: each core's tables are written once by `load`, on that core, and then only read, by the processor.
unsafe impl Sync for PerCore {}

static TABLES: PerCore = PerCore(
    [const { UnsafeCell::new(Tables { gdt: GlobalDescriptorTable::empty(), tss: TaskStateSegment::new() }) };
        MAX_CORES],
);

/// Makes and loads the running core's tables.
pub fn load(core: CoreId) {
    // SAFETY: only this core, with interrupts off, uses its tables, and it does so once: see `PerCore`.
    let tables: &'static mut Tables = unsafe { &mut *TABLES.0[usize::from(core)].get() };
    let window = STACKS + WINDOW * u64::from(core);
    tables.tss.privilege_stack_table[0] = VirtAddr::new(stack_top(core));
    for (slot, page) in EXCEPTION_STACKS.into_iter().enumerate() {
        tables.tss.interrupt_stack_table[slot] = VirtAddr::new(window + 4096 * page);
    }
    let tss = Descriptor::tss_segment(&tables.tss);
    let segments = [
        Descriptor::kernel_code_segment(),
        Descriptor::kernel_data_segment(),
        Descriptor::UserSegment(DescriptorFlags::USER_DATA.bits()),
        // What is WRITABLE for data is readable for code.
        Descriptor::UserSegment((DescriptorFlags::USER_CODE64 - DescriptorFlags::WRITABLE).bits()),
        tss,
    ];
    for segment in segments {
        tables.gdt.append(segment);
    }
    tables.gdt.load();
    // SAFETY:
    // 1. The selectors name the segments just loaded, in the order of the constants.
    // 2. FS and GS get base 0; the kernel uses neither. Nobody uses a local table, which a loader may have left.
    unsafe {
        CS::set_reg(SegmentSelector(KERNEL_CODE));
        SS::set_reg(SegmentSelector(KERNEL_DATA));
        DS::set_reg(SegmentSelector(0));
        ES::set_reg(SegmentSelector(0));
        FS::set_reg(SegmentSelector(0));
        GS::set_reg(SegmentSelector(0));
        load_tss(SegmentSelector(TASK_STATE));
        asm!("lldt {:x}", in(reg) 0_u16, options(nostack, preserves_flags));
    }
}
