//! Power State Coordination Interface (Arm DEN 0022): how the machine is switched off.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

use aarch64_cpu::asm::wfe;
pub use firmware::dtb::Conduit;

const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;

static CONDUIT: AtomicU8 = AtomicU8::new(Conduit::None as u8);

/// Tells how the firmware is called.
pub fn init(conduit: Conduit) {
    CONDUIT.store(conduit as u8, Ordering::Relaxed);
}

/// Powers the machine off, or resets it; without PSCI the core stops.
pub fn power(reboot: kcore::hw::Reboot) -> ! {
    call(if reboot == kcore::hw::Reboot::Yes { SYSTEM_RESET } else { SYSTEM_OFF });
    loop {
        wfe();
    }
}

fn call(function: u32) {
    let conduit = CONDUIT.load(Ordering::Relaxed);
    // SAFETY:
    // 1. The device tree names the instruction, so firmware answers it.
    // 2. By the SMC Calling Convention it changes no register beyond x0-x17.
    // 3. Neither function returns on success, and neither reads or writes the kernel's memory.
    unsafe {
        if conduit == Conduit::Hvc as u8 {
            asm!("hvc #0", inout("w0") function => _, in("x1") 0, in("x2") 0, in("x3") 0, clobber_abi("C"));
        } else if conduit == Conduit::Smc as u8 {
            asm!("smc #0", inout("w0") function => _, in("x1") 0, in("x2") 0, in("x3") 0, clobber_abi("C"));
        }
    }
}
