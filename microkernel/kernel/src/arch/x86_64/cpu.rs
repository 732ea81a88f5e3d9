//! What the processor can do (CPUID; Intel SDM vol. 2A, "CPUID").

use core::arch::x86_64::{__cpuid_count, _rdrand64_step, _rdseed64_step, CpuidResult};
use core::sync::atomic::{AtomicBool, Ordering};

use abi::user::Features;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

use super::{fatal, fpu};

/// Something that CPUID tells: leaf, subleaf, register (0 EAX … 3 EDX), bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature(u32, u32, u8, u8);

/// Floating-point state as a whole: XSAVE.
pub const XSAVE: Feature = Feature(1, 0, 2, 26);
/// XSAVE that leaves out what has not changed.
pub const XSAVEOPT: Feature = Feature(0xd, 1, 0, 0);
/// XGETBV that tells which state is in use.
pub const XGETBV_IN_USE: Feature = Feature(0xd, 1, 0, 2);
/// Local APIC by MSRs.
pub const X2APIC: Feature = Feature(1, 0, 2, 21);
/// Local APIC timer by TSC value.
pub const TSC_DEADLINE: Feature = Feature(1, 0, 2, 24);
/// Tagged TLB entries.
pub const PCID: Feature = Feature(1, 0, 2, 17);
/// TLB invalidation by tag.
pub const INVPCID: Feature = Feature(7, 0, 1, 10);
/// 1 GiB pages.
pub const GIANT_PAGES: Feature = Feature(0x8000_0001, 0, 3, 26);
const MACHINE_CHECK: Feature = Feature(1, 0, 3, 7);
const SMEP: Feature = Feature(7, 0, 1, 7);
const SMAP: Feature = Feature(7, 0, 1, 20);
const UMIP: Feature = Feature(7, 0, 2, 2);
const PCLMULQDQ: Feature = Feature(1, 0, 2, 1);
const FMA: Feature = Feature(1, 0, 2, 12);
const AES: Feature = Feature(1, 0, 2, 25);
const F16C: Feature = Feature(1, 0, 2, 29);
const RDRAND: Feature = Feature(1, 0, 2, 30);
const AVX2: Feature = Feature(7, 0, 1, 5);
const SHA: Feature = Feature(7, 0, 1, 29);
const RDSEED: Feature = Feature(7, 0, 1, 18);

/// Without these the kernel can't keep its promises (W^X, user floating point) or its time.
const ESSENTIAL: [(Feature, &str); 8] = [
    (Feature(0x8000_0001, 0, 3, 20), "NX"),
    (Feature(0x8000_0001, 0, 3, 11), "SYSCALL"),
    (Feature(1, 0, 3, 4), "TSC"),
    (Feature(1, 0, 3, 5), "MSR"),
    (Feature(1, 0, 3, 9), "APIC"),
    (Feature(1, 0, 3, 13), "PGE"),
    (Feature(1, 0, 3, 24), "FXSR"),
    (Feature(1, 0, 3, 26), "SSE2"),
];

/// Whether the processor has it.
pub fn has(Feature(leaf, subleaf, register, bit): Feature) -> bool {
    cpuid(leaf, subleaf).is_some_and(|r| [r.eax, r.ebx, r.ecx, r.edx][usize::from(register)] >> bit & 1 != 0)
}

/// A CPUID leaf, if the processor has it.
pub fn cpuid(leaf: u32, subleaf: u32) -> Option<CpuidResult> {
    let highest = __cpuid_count(leaf & 0x8000_0000, 0).eax;
    (leaf <= highest).then(|| __cpuid_count(leaf, subleaf))
}

/// Stops with a message where something essential is missing, else turns protections on: NX, SYSCALL, write protection
/// for the kernel, and SMEP, SMAP, UMIP where the processor has them. Every core does this.
pub fn require() {
    let mut missing = ESSENTIAL.iter().filter(|(feature, _)| !has(*feature)).map(|(_, name)| *name);
    if let Some(name) = missing.next() {
        fatal::stop(format_args!("this processor lacks {name}, which Viaether needs"));
    }
    // CR4.FSGSBASE stays off: user code then can't change the FS base that the context switch loads. CR4.TSD stays off:
    // RDTSC is the user's clock.
    let mut cr4 = Cr4Flags::PHYSICAL_ADDRESS_EXTENSION | Cr4Flags::PAGE_GLOBAL | Cr4Flags::OSFXSR;
    cr4 |= Cr4Flags::OSXMMEXCPT_ENABLE;
    cr4.set(Cr4Flags::MACHINE_CHECK_EXCEPTION, has(MACHINE_CHECK));
    cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, has(SMEP));
    cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, has(SMAP));
    cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, has(UMIP));
    cr4.set(Cr4Flags::OSXSAVE, has(XSAVE));
    // SAFETY:
    // 1. Each bit was checked by CPUID (NX and SYSCALL above; the CR4 bits without a check come with FXSR and PGE).
    // 2. SMEP and SMAP only forbid what the kernel never does; the early page tables have no user pages.
    unsafe {
        Efer::update(|efer| *efer |= EferFlags::NO_EXECUTE_ENABLE | EferFlags::SYSTEM_CALL_EXTENSIONS);
        Cr4::write(cr4);
        Cr0::update(|cr0| {
            *cr0 |= Cr0Flags::WRITE_PROTECT | Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR;
            *cr0 |= Cr0Flags::ALIGNMENT_MASK;
            *cr0 &= !(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED | Cr0Flags::CACHE_DISABLE);
            *cr0 &= !Cr0Flags::NOT_WRITE_THROUGH;
        });
    }
}

static TAGGED: AtomicBool = AtomicBool::new(false);

/// Whether TLB entries are tagged.
#[inline(always)]
pub fn tagged() -> bool {
    TAGGED.load(Ordering::Relaxed)
}

/// Has TLB entries be tagged, where the processor can. Every core does this, on the kernel's own page tables.
pub fn enable_tags() {
    if has_tags() {
        TAGGED.store(true, Ordering::Relaxed);
        // SAFETY: the processor has PCID, and CR3's low 12 bits are 0, as CR4.PCIDE demands when it is set.
        unsafe { Cr4::update(|cr4| *cr4 |= Cr4Flags::PCID) };
    }
}

/// Whether address spaces are tagged: with PCID alone an address space that is not loaded could not be invalidated.
fn has_tags() -> bool {
    has(PCID) && has(INVPCID)
}

/// What user code may want to know. AVX counts only when its registers are saved.
pub fn features() -> Features {
    let avx = fpu::saves_avx();
    let mut features = Features::empty();
    features.set(Features::AES, has(AES) && has(PCLMULQDQ));
    features.set(Features::SHA256, has(SHA));
    features.set(Features::AVX2, avx && has(AVX2));
    features.set(Features::FMA, avx && has(FMA));
    features.set(Features::F16, avx && has(F16C));
    features.set(Features::RANDOM, has(RDRAND));
    features
}

/// Physical addresses end at this power of two.
pub fn physical_bits() -> u32 {
    cpuid(0x8000_0008, 0).map_or(36, |r| r.eax & 0xff).clamp(32, 52)
}

/// 32 random bytes from RDSEED, else RDRAND; zeros where the processor has neither or they fail.
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let source: unsafe fn() -> Option<u64> = match (has(RDSEED), has(RDRAND)) {
        (true, _) => rdseed,
        (_, true) => rdrand,
        _ => return seed,
    };
    for chunk in seed.chunks_exact_mut(8) {
        // SAFETY: CPUID says that the processor has the instruction.
        match unsafe { source() } {
            Some(word) => chunk.copy_from_slice(&word.to_le_bytes()),
            None => return [0; 32],
        }
    }
    seed
}

/// The SDM (vol. 1, 7.3.17) asks for 10 tries of RDRAND; RDSEED may take more.
const TRIES: usize = 100;

/// # Safety
/// The processor has RDRAND.
#[target_feature(enable = "rdrand")]
unsafe fn rdrand() -> Option<u64> {
    let mut word = 0;
    (0..TRIES).any(|_| _rdrand64_step(&mut word) == 1).then_some(word)
}

/// # Safety
/// The processor has RDSEED.
#[target_feature(enable = "rdseed")]
unsafe fn rdseed() -> Option<u64> {
    let mut word = 0;
    (0..TRIES).any(|_| _rdseed64_step(&mut word) == 1).then_some(word)
}
