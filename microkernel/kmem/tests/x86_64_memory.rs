//! The x86_64 kernel's `memcpy` and `memset`, run on the host: every length and place, with vectors and without, and the
//! program's vector registers as they were.
//!
//! What QEMU's processor can't show is seen here: that the upper halves of registers, if they were not in use, are not
//! afterwards.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::__cpuid_count;
use std::arch::{asm, global_asm, is_x86_feature_detected};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

/// As `BORROWED` of the kernel's `fpu.rs`.
static BORROWED: AtomicU8 = AtomicU8::new(0);

/// Who has the say over it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

global_asm!(include_str!("../../kernel/src/arch/x86_64/memory.s"), vectors = sym BORROWED);

unsafe extern "C" {
    fn kernel_memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8;
    fn kernel_memset(to: *mut u8, byte: i32, bytes: usize) -> *mut u8;
}

/// Longer than two turns of the longest loop, with every rest.
const LENGTHS: std::ops::Range<usize> = 0..1300;
const ROOM: usize = 1300 + 128;

/// With vectors, if this processor has what they need, and without.
fn both_ways(test: impl Fn()) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    BORROWED.store(0, Ordering::Relaxed);
    test();
    if vectors() {
        BORROWED.store(1, Ordering::Relaxed);
        test();
        BORROWED.store(0, Ordering::Relaxed);
    }
}

/// AVX, and an XGETBV that tells what is in use; without AVX-512, as the test's own code has no say over that.
fn vectors() -> bool {
    is_x86_feature_detected!("avx") && !is_x86_feature_detected!("avx512f") && __cpuid_count(0xd, 1).eax & 4 != 0
}

#[test]
fn every_length_is_copied_and_nothing_beside_it() {
    both_ways(|| {
        let from: Vec<u8> = (0..ROOM).map(|i| (i * 7 + i / 256 + 1) as u8).collect();
        for length in LENGTHS.chain([4096]) {
            let from = if length < ROOM - 64 { from.clone() } else { from.repeat(4) };
            for (source, target) in [(0, 0), (1, 0), (0, 3), (5, 8), (31, 17)] {
                let mut to = vec![0xee; target + length + 64];
                // SAFETY: both ranges lie in their vectors.
                let result = unsafe { kernel_memcpy(to.as_mut_ptr().add(target), from.as_ptr().add(source), length) };
                assert_eq!(result, to.as_mut_ptr().wrapping_add(target), "it returns where it copied to");
                assert!(to[..target].iter().all(|byte| *byte == 0xee), "nothing before {length}");
                assert_eq!(to[target..target + length], from[source..source + length], "{length} bytes");
                assert!(to[target + length..].iter().all(|byte| *byte == 0xee), "nothing behind {length}");
            }
        }
    });
}

#[test]
fn every_length_is_filled_and_nothing_beside_it() {
    both_ways(|| {
        for length in LENGTHS.chain([4096]) {
            for (target, byte) in [(0, 0), (3, 0), (16, 0), (29, 0), (0, 0x5a), (7, 0xff)] {
                let mut to = vec![0xee; target + length + 64];
                // Of the byte's argument only the low 8 bits count.
                let argument = 0x0123_4500 | byte as i32;
                // SAFETY: the range lies in the vector.
                let result = unsafe { kernel_memset(to.as_mut_ptr().add(target), argument, length) };
                assert_eq!(result, to.as_mut_ptr().wrapping_add(target), "it returns where it filled");
                assert!(to[..target].iter().all(|other| *other == 0xee), "nothing before {length}");
                assert!(to[target..target + length].iter().all(|other| *other == byte), "{length} bytes of {byte}");
                assert!(to[target + length..].iter().all(|other| *other == 0xee), "nothing behind {length}");
            }
        }
    });
}

/// All of a program's vector registers.
type Registers = [[u64; 4]; 16];

/// An instruction for each of them, in which `\n` is its number.
macro_rules! each_register {
    ($line:literal) => {
        concat!(".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n", $line, "\n.endr")
    };
}

/// Copies a page and zeros it with these registers loaded; whole, or their lower halves with the upper ones not in use. Returns
/// what they have then, and what XGETBV says to be in use before and after.
fn with_registers(values: &Registers, whole: bool) -> (Registers, [u64; 2]) {
    let (mut after, mut in_use) = ([[0; 4]; 16], [0_u64; 2]);
    let (from, mut to) = ([0x33_u8; 4096], [0x44_u8; 4096]);
    // SAFETY:
    // 1. The processor has AVX and XGETBV of 1 (`vectors`).
    // 2. Reads 512 bytes of `values`, writes as many to `after`, two words to `in_use`, and a page each way.
    // 3. The stack pointer is aligned for the calls, 128 bytes below what the compiler uses, and put back.
    // 4. All registers that it changes are declared.
    unsafe {
        asm!(
            "mov r15, rsp", "sub rsp, 128", "and rsp, -64",
            each_register!("vmovdqu ymm\\n, [r12 + 32 * \\n]"),
            "test {whole:e}, {whole:e}", "jnz 2f", "vzeroupper", "2:",
            "mov ecx, 1", "xgetbv", "mov [r14], eax",
            "mov [rsp], rdi", "mov edx, 4096", "call {memcpy}",
            "mov rdi, [rsp]", "xor esi, esi", "mov edx, 4096", "call {memset}",
            "mov ecx, 1", "xgetbv", "mov [r14+8], eax",
            each_register!("vmovdqu [r13 + 32 * \\n], ymm\\n"),
            "vzeroupper", "mov rsp, r15",
            memcpy = sym kernel_memcpy, memset = sym kernel_memset, whole = in(reg) u32::from(whole),
            in("r12") values, in("r13") &mut after, in("r14") &mut in_use, out("r15") _,
            inout("rdi") &mut to => _, inout("rsi") &from => _,
            out("rax") _, out("rcx") _, out("rdx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _, out("ymm5") _, out("ymm6") _,
            out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _, out("ymm12") _,
            out("ymm13") _, out("ymm14") _, out("ymm15") _,
        );
    }
    assert_eq!(to, [0; 4096], "it was done");
    (after, in_use)
}

#[test]
fn a_programs_vector_registers_are_as_they_were() {
    if !vectors() {
        return;
    }
    both_ways(|| {
        let values: Registers =
            std::array::from_fn(|i| std::array::from_fn(|j| (4 * i as u64 + j as u64 + 1) * 0x0123_4567_89ab_cdef));
        assert_eq!(with_registers(&values, true).0, values, "whole registers");
        let halves = values.map(|[a, b, ..]| [a, b, 0, 0]);
        let (after, [before, then]) = with_registers(&values, false);
        assert_eq!(after, halves, "registers with nothing in their upper halves");
        assert_eq!(then & 4, before & 4, "which are not in use afterwards if they were not before");
    });
}
