//! Does this processor run AVX2 and FMA, and does the kernel save their registers? Intel SDM volume 1, 14.3 and 14.7.1.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

const FMA: u32 = 1 << 12;
const OSXSAVE: u32 = 1 << 27;
const AVX: u32 = 1 << 28;
const AVX2: u32 = 1 << 5;
/// XMM and YMM state in XCR0.
const XCR0_YMM: u64 = 0b110;

pub(super) fn has_avx2_fma() -> bool {
    if __cpuid(0).eax < 7 {
        return false;
    }
    let wanted = FMA | OSXSAVE | AVX;
    if __cpuid(1).ecx & wanted != wanted || __cpuid_count(7, 0).ebx & AVX2 == 0 {
        return false;
    }
    // SAFETY: OSXSAVE is set, so XGETBV exists and user code may use it.
    let xcr0 = unsafe { xcr0() };
    xcr0 & XCR0_YMM == XCR0_YMM
}

#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: register 0 exists wherever XGETBV does; the caller has checked that.
    unsafe { _xgetbv(0) }
}
