//! User floating-point and vector state: what is saved, and how (Intel SDM vol. 1, chapter 13).
//!
//! Of the kernel, `memory.s` alone touches these registers, and gives them back. XCR0 is limited to what fits a context's
//! area: x87, SSE, AVX, and AVX-512 if the processor's layout is small enough. Processors without XSAVE have FXSAVE.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use kcore::FPU_BYTES;
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};

use super::cpu;

/// How state is saved: 0 FXSAVE, 1 XSAVEOPT, 2 XSAVE. Read by the entry stubs.
pub static MODE: AtomicU8 = AtomicU8::new(0);

/// 1 where `memory.s` may borrow a register of 32 bytes: all cores have AVX enabled before they copy much, and XGETBV tells what
/// of it is in use. Not where there is AVX-512, whose longer registers would lose what they have beyond.
pub static BORROWED: AtomicU8 = AtomicU8::new(0);

/// An image of the state that threads start with: MXCSR 0x1F80, FCW 0x37F, registers zero.
#[repr(C, align(64))]
pub struct Reset(UnsafeCell<[u8; FPU_BYTES]>);

// SAFETY: written once by `init` before the first thread runs; the stubs only read it.
unsafe impl Sync for Reset {}

/// Loaded into a new thread's registers.
pub static RESET: Reset = Reset(UnsafeCell::new([0; FPU_BYTES]));

const AVX_512: XCr0Flags = XCr0Flags::OPMASK.union(XCr0Flags::ZMM_HI256).union(XCr0Flags::HI16_ZMM);

const LEGACY_BYTES: u32 = 512 + 64;
const FCW: usize = 0;
const MXCSR: usize = 24;

/// Chooses what is saved, and enables it on the booting core.
pub fn init() {
    // SAFETY: no thread runs yet and no other core, so nobody reads the image.
    let image = unsafe { &mut *RESET.0.get() };
    image[FCW..FCW + 2].copy_from_slice(&0x037fu16.to_le_bytes());
    image[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
    if cpu::has(cpu::XSAVE) {
        MODE.store(if cpu::has(cpu::XSAVEOPT) { 1 } else { 2 }, Ordering::Relaxed);
    }
    enable();
    if saves_avx() && !components().intersects(AVX_512) && cpu::has(cpu::XGETBV_IN_USE) {
        BORROWED.store(1, Ordering::Relaxed);
    }
}

/// Enables on the running core what `init` has chosen: before anything that may copy or fill many bytes.
pub fn enable() {
    if MODE.load(Ordering::Relaxed) == 0 {
        return;
    }
    // SAFETY:
    // 1. The processor has XSAVE and CR4.OSXSAVE is set.
    // 2. The components are supported (CPUID leaf 0xd) and each comes with those it needs.
    unsafe { XCr0::write(components()) };
}

/// Whether AVX registers are saved, so that user code may use them.
pub fn saves_avx() -> bool {
    MODE.load(Ordering::Relaxed) != 0 && components().contains(XCr0Flags::AVX)
}

/// The components to enable.
fn components() -> XCr0Flags {
    let leaf = cpu::cpuid(0xd, 0);
    let supported = XCr0Flags::from_bits_truncate(leaf.map_or(0, |r| u64::from(r.eax) | u64::from(r.edx) << 32));
    let mut chosen = XCr0Flags::X87 | XCr0Flags::SSE;
    if supported.contains(XCr0Flags::AVX) && fits(XCr0Flags::AVX) {
        chosen |= XCr0Flags::AVX;
        if supported.contains(AVX_512) && fits(AVX_512) {
            chosen |= AVX_512;
        }
    }
    chosen
}

/// Whether these components end within the area, in the standard layout.
fn fits(components: XCr0Flags) -> bool {
    components.iter().all(|component| {
        let index = component.bits().trailing_zeros();
        // Size in EAX, offset in EBX.
        let end = cpu::cpuid(0xd, index).map(|r| r.eax.saturating_add(r.ebx));
        end.is_some_and(|end| (LEGACY_BYTES..=FPU_BYTES as u32).contains(&end))
    })
}
