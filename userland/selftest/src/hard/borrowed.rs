//! Vector registers belong to their program while the kernel zeroes pages and copies messages for it, for which it may borrow
//! some (x86_64): they come back whole.

use libsys::Error;

use crate::checks::Checks;

/// Rounds in which the registers must keep their values.
#[cfg(target_arch = "x86_64")]
const ROUNDS: u64 = 100;

/// aarch64's kernel copies by general registers.
#[cfg(target_arch = "aarch64")]
pub fn check(_: &mut Checks) -> Result<(), Error> {
    Ok(())
}

/// Registers of 32 bytes, in between: four pages made and ended, and 512 bytes sent and answered.
#[cfg(target_arch = "x86_64")]
pub fn check(checks: &mut Checks) -> Result<(), Error> {
    use libsys::abi::user::Features;
    if !libsys::time::features().contains(Features::AVX2) {
        return Ok(());
    }
    let echo = super::messages::Echo::start()?;
    let client = echo.client()?;
    let values: wide::Registers =
        wide::Registers(core::array::from_fn(|i| core::array::from_fn(|j| (4 * i as u64 + j as u64 + 1) << 32 | 0x77)));
    let (after, refused) = wide::call_and_hold(&values, crate::kernel::raw(&client), ROUNDS);
    checks.equal("pages made, ended, and messages sent", refused, 0);
    checks.holds("meanwhile registers of 32 bytes keep their values", after == values);
    drop(client);
    echo.stop();
    Ok(())
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use core::arch::asm;

    use libsys::abi::calls::number;
    use libsys::abi::info::Kind;

    use crate::kernel::POOL;

    /// What the vector registers are loaded with and read back to: 32 bytes each.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct Registers(pub [[u64; 4]; 16]);

    /// What the calls below need, in memory: they leave no other register alone.
    #[repr(C)]
    struct Plan {
        from: *const Registers,
        to: *mut Registers,
        pool: u64,
        channel: u64,
        rounds: u64,
        /// All statuses.
        refused: u64,
    }

    /// Loads all vector registers, makes the calls, and reads them back; and what the calls said.
    pub fn call_and_hold(values: &Registers, channel: u64, rounds: u64) -> (Registers, u64) {
        let mut after = Registers([[0; 4]; 16]);
        let mut plan = Plan { from: values, to: &mut after, pool: POOL, channel, rounds, refused: 0 };
        // SAFETY:
        // 1. Reads and writes what the plan leads to, 512 bytes each, and the plan itself.
        // 2. All registers it changes are declared, but for rbx, which can't be, and is put back.
        // 3. The calls make a Memory and end it, and send what lies in this thread's buffer, which nobody looks at meanwhile.
        // 4. The processor has AVX (the caller's look at what it has).
        unsafe {
            asm!(
                "push rbx", "push rdi",
                "mov rcx, [rsp]", "mov rcx, [rcx]",
                each_register!("vmovdqu ymm\\n, [rcx + 32 * \\n]"),
                "2: mov rcx, [rsp]", "mov eax, {create}", "mov rdi, [rcx+16]", "mov esi, {memory}", "mov edx, 4",
                "xor r10d, r10d", "xor r8d, r8d", "syscall", "mov rcx, [rsp]", "or [rcx+40], rax",
                "xor esi, esi", "xor edx, edx", "xor r9d, r9d",
                "mov eax, {close}", "syscall", "mov rcx, [rsp]", "or [rcx+40], rax",
                "mov eax, {call}", "mov rdi, [rcx+24]", "mov esi, 512", "mov rbx, -1", "syscall",
                "mov rcx, [rsp]", "or [rcx+40], rax",
                "dec qword ptr [rcx+32]", "jnz 2b",
                "mov rcx, [rcx+8]",
                each_register!("vmovdqu [rcx + 32 * \\n], ymm\\n"),
                "vzeroupper", "pop rcx", "pop rbx",
                inout("rdi") &raw mut plan => _,
                create = const number::create, close = const number::close, call = const number::call,
                memory = const Kind::Memory as u64,
                out("rax") _, out("rcx") _, out("rdx") _, out("rsi") _, out("r8") _, out("r9") _,
                out("r10") _, out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _,
                out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _,
                out("xmm13") _, out("xmm14") _, out("xmm15") _,
            );
        }
        (after, plan.refused)
    }
}
