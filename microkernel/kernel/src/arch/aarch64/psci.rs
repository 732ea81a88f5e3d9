//! Power State Coordination Interface (Arm DEN 0022): how cores are switched on and the machine off.

use core::arch::asm;
use core::fmt::Write;
use core::sync::atomic::{AtomicU8, Ordering};

use aarch64_cpu::asm::wfe;
pub use firmware::dtb::Conduit;

use super::uart::Console;

const CPU_ON: u32 = 0xc400_0003;
const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;

static CONDUIT: AtomicU8 = AtomicU8::new(Conduit::None as u8);

/// Tells how the firmware is called.
pub fn init(conduit: Conduit) {
    CONDUIT.store(conduit as u8, Ordering::Relaxed);
}

/// Powers the machine off, or resets it; without PSCI it says so and stops.
pub fn power(reboot: kcore::hw::Reboot) -> ! {
    call(if reboot == kcore::hw::Reboot::Yes { SYSTEM_RESET } else { SYSTEM_OFF }, [0; 3]);
    // Writing to the console never fails.
    let _ = writeln!(Console, "viaether: this machine can't be switched off from here; it has stopped");
    loop {
        wfe();
    }
}

/// Has a core, by its affinity, enter at a physical address with a number in x0; says whether firmware does it.
pub fn start_core(affinity: u64, entry: u64, number: u64) -> bool {
    call(CPU_ON, [affinity, entry, number]) == 0
}

/// What firmware answers; "not supported" without firmware.
fn call(function: u32, [first, second, third]: [u64; 3]) -> i64 {
    let mut result = u64::from(function);
    let conduit = CONDUIT.load(Ordering::Relaxed);
    // SAFETY:
    // 1. The device tree names the instruction, so firmware answers it.
    // 2. By the SMC Calling Convention it changes no register beyond x0-x17.
    // 3. None of the functions reads or writes the kernel's memory; a core that is started runs what `start_core`'s caller
    //    answers for.
    unsafe {
        if conduit == Conduit::Hvc as u8 {
            asm!("hvc #0", inout("x0") result, in("x1") first, in("x2") second, in("x3") third, clobber_abi("C"));
        } else if conduit == Conduit::Smc as u8 {
            asm!("smc #0", inout("x0") result, in("x1") first, in("x2") second, in("x3") third, clobber_abi("C"));
        } else {
            return -1;
        }
    }
    // Negative numbers are errors; some firmware answers in 32 bits.
    i64::from(result as i32)
}
