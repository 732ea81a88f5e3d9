//! Which kernels run: chosen once, at start, by the kernel's word of processor features.

use crate::kernel::{self, Kernels};
use abi::user::Features;

/// A set of kernels that this processor can run.
///
/// A value of this type is the proof of that: it can be had only by [`Variant::best`] and its like, which confirm what the
/// feature word says wherever user code can (CPUID on x86_64; NEON is part of the aarch64 target).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant(Which);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Reference,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon,
}

impl Variant {
    /// Plain code, on any processor. x86_64 without FMA uses it too, since SSE2 can't fuse.
    pub const REFERENCE: Self = Self(Which::Reference);

    /// The fastest variant for a processor with these features.
    pub fn best(features: Features) -> Self {
        Self::all(features).last().unwrap_or(Self::REFERENCE)
    }

    /// The variant of this name, if the processor can run it.
    pub fn named(name: &str, features: Features) -> Option<Self> {
        Self::all(features).find(|v| v.name() == name)
    }

    /// All variants that a processor with these features can run, the slowest first.
    pub fn all(features: Features) -> impl Iterator<Item = Self> {
        core::iter::once(Self::REFERENCE).chain(vector(features))
    }

    /// Its name in options and reports.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Which::Reference => "reference",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Which::Avx2 => "avx2",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Which::Neon => "neon",
        }
    }

    pub(crate) fn kernels(self) -> &'static Kernels {
        match self.0 {
            Which::Reference => &kernel::reference::KERNELS,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Which::Avx2 => kernel::avx2_kernels(),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Which::Neon => kernel::neon_kernels(),
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
fn vector(features: Features) -> Option<Variant> {
    let told = features.contains(Features::AVX2.union(Features::FMA));
    (told && kernel::has_avx2()).then_some(Variant(Which::Avx2))
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
fn vector(_features: Features) -> Option<Variant> {
    Some(Variant(Which::Neon))
}

#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
fn vector(_features: Features) -> Option<Variant> {
    None
}
