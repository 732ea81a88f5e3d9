//! The bootable kernel: the core joined to a processor.
//!
//! ```text
//! arch (boot) ──Boot──▶ kmain: memory ▶ Kernel ▶ init ──▶ first thread
//!                                                            │ ▲
//!        arch (stubs) ◀── Context ── entry ◀── call, fault, interrupt
//! ```
#![no_std]
#![no_main]

mod arch;
mod boot;
mod entry;
mod lock;
mod memory;
mod names;
mod physical;
mod start;
mod stretch;

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use kcore::Kernel;
use kcore::hw::{MAX_CORES, Reboot};

use boot::Boot;
use entry::KERNEL;

/// Takes over from the processor's boot code: builds the kernel and init, and runs it.
pub fn kmain(boot: &Boot, machine: arch::Machine) -> ! {
    if boot.guessable {
        let _ = writeln!(
            Console,
            "viaether: neither loader nor processor has random numbers: a clock chose the kernel's place"
        );
    }
    let mem = memory::build(boot).unwrap_or_else(|why| give_up(why));
    let mut guard = KERNEL.lock();
    let kernel = guard.insert(Kernel::new(mem, machine));
    (0..MAX_CORES as u8).filter(|core| boot.running >> core & 1 != 0).for_each(|core| kernel.join(core));
    let first = kernel.with(0, |cx| {
        start::init(cx, boot)?;
        Ok(cx.reschedule(None))
    });
    let first = first.unwrap_or_else(|why: &str| give_up(why));
    let context = entry::context_of(kernel, first);
    arch::release_cores();
    guard.keep();
    // SAFETY: init's thread, made and started above; the kernel calls `forget_current` should it end. The lock is taken.
    unsafe { arch::enter(context) }
}

/// Says why the system can't come up, and powers off.
fn give_up(why: &str) -> ! {
    let _ = writeln!(Console, "viaether: {why}; powering off");
    arch::power(Reboot::No)
}

/// The boot console.
struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::console_write(text.as_bytes());
        Ok(())
    }
}

/// A kernel that finds itself wrong says so, with a trace, and powers off: nothing it holds can be trusted.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    arch::stop_others();
    let _ = writeln!(Console, "\nkernel {info}\n{}", names::Moved);
    let mut number = 0;
    arch::trace(|address| {
        let _ = writeln!(Console, "  #{number} {}", names::Return(address));
        number += 1;
    });
    arch::power(Reboot::No)
}
