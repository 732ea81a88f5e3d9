//! The bootable kernel: the core joined to a processor.
#![no_std]
#![no_main]

mod arch;
mod boot;

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    loop {}
}
