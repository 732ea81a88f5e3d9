//! What the processor itself does for [`kcore::Hw`]: translation caches, instruction caches, identification.

use core::arch::asm;

use aarch64_cpu::registers::{ID_AA64ISAR0_EL1, Readable};
use abi::user::Features;

use super::mmu::{PAGE, PHYS_BASE};
use super::registers::{isb, read_register};

/// Beyond this many pages a whole address space goes instead.
const INVALIDATE_LIMIT: u64 = 64;

/// Makes table entries that were written visible to the walks of all cores.
pub fn publish() {
    // SAFETY: a barrier only orders. The instruction barrier stays away: user code starts by an exception return.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) };
}

/// Removes `pages` pages of an address space from the TLBs of all cores.
pub fn invalidate(asid: u16, address: u64, pages: u64) {
    if pages > INVALIDATE_LIMIT {
        return invalidate_space(asid);
    }
    publish();
    for page in 0..pages {
        let operand = u64::from(asid) << 48 | (address / PAGE + page) & ((1 << 44) - 1);
        // SAFETY: fewer cached translations can't break anything: what is left is walked again.
        unsafe { asm!("tlbi vae1is, {}", in(reg) operand, options(nostack, preserves_flags)) };
    }
    finish();
}

/// Removes an address space from the TLBs of all cores.
pub fn invalidate_space(asid: u16) {
    publish();
    // SAFETY: as in `invalidate`.
    unsafe { asm!("tlbi aside1is, {}", in(reg) u64::from(asid) << 48, options(nostack, preserves_flags)) };
    finish();
}

/// Loads an address space of ASID 0, which several share, and removes from this core's TLB what it holds of the others. In this order:
/// while theirs is loaded their pages may be walked again at any time.
pub fn enter_shared(space: u64) {
    // SAFETY:
    // 1. The kernel runs on this core with interrupts off, in the upper half, and touches nothing of the lower.
    // 2. `space` is of the process that runs next, to which the way out would switch.
    unsafe {
        asm!("msr ttbr0_el1, {}", "isb", "tlbi aside1, xzr", "dsb nsh", "isb", in(reg) space, options(nostack, preserves_flags));
    }
}

/// Waits until the invalidations before are done on all cores.
fn finish() {
    // SAFETY: barriers only order.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// Makes the instruction caches of all cores see frames as they are in memory (Arm ARM, B2.4.4). The instruction cache
/// goes as a whole: that is right for every indexing policy, and code is made rarely.
pub fn synchronise_code(frame: u32, pages: u32) {
    // CTR_EL0.IDC and DIC: data needn't be cleaned, instructions needn't be invalidated.
    let cache = read_register!("CTR_EL0");
    if cache & 1 << 28 == 0 {
        let line = 4u64 << (cache >> 16 & 15);
        let start = PHYS_BASE + u64::from(frame) * PAGE;
        let end = start + u64::from(pages) * PAGE;
        let mut at = start;
        while at < end {
            // SAFETY: cleaning writes back what is in the cache; the frames are RAM, mapped at PHYS_BASE.
            unsafe { asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
            at += line;
        }
    }
    // SAFETY: an empty instruction cache is filled again.
    unsafe {
        asm!("dsb ish", options(nostack, preserves_flags));
        if cache & 1 << 29 == 0 {
            asm!("ic ialluis", "dsb ish", options(nostack, preserves_flags));
        }
    }
    isb();
}

/// What user code may want to know.
pub fn features() -> Features {
    let isa = ID_AA64ISAR0_EL1.get();
    let processor = read_register!("ID_AA64PFR0_EL1");
    let field = |register: u64, bit: u32| register >> bit & 15;
    let mut features = Features::empty();
    features.set(Features::AES, field(isa, 4) >= 2);
    features.set(Features::SHA256, field(isa, 12) >= 1);
    features.set(Features::DOT_PRODUCT, field(isa, 44) >= 1);
    // FP and AdvSIMD: 15 is absence, 1 brings half precision.
    features.set(Features::F16, field(processor, 16) == 1 && field(processor, 20) == 1);
    features.set(Features::RANDOM, field(isa, 60) >= 1);
    features
}

/// A random number from RNDR, if the processor has it and it answers.
pub fn random() -> Option<u64> {
    if !features().contains(Features::RANDOM) {
        return None;
    }
    // It fails now and then, while its entropy source catches up.
    (0..16).find_map(|_| {
        let (value, failed): (u64, u64);
        // SAFETY: RNDR, checked to be there, only writes its register and the flags.
        unsafe {
            asm!("mrs {}, s3_3_c2_c4_0", "cset {}, eq", out(reg) value, out(reg) failed, options(nomem, nostack));
        }
        (failed == 0).then_some(value)
    })
}
