//! The boot log's PL011, polled. Once the console server runs it drives the device, and the kernel writes only when that
//! server is gone or the kernel dies.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::registers::Mmio;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const LINE_CONTROL: usize = 0x2c;
const CONTROL: usize = 0x30;
/// FR.TXFF: the transmit FIFO is full.
const TRANSMIT_FULL: u32 = 1 << 5;
/// Polls before a byte is given up, so that a dead UART can't stop the kernel: over 10 ms on anything.
const PATIENCE: u32 = 1_000_000;

/// Virtual address of the registers, 0 while there are none.
static BASE: AtomicUsize = AtomicUsize::new(0);

/// Makes the UART at virtual address `base` the console.
///
/// # Safety
///
/// A PL011's registers are mapped there as device memory and stay so.
pub unsafe fn init(base: usize) {
    // SAFETY: by the caller's promise.
    let registers = unsafe { Mmio::new(base) };
    // Firmware mostly leaves it on; speed and format are its business.
    if registers.read(CONTROL) & 1 == 0 {
        registers.write(LINE_CONTROL, 3 << 5 | 1 << 4);
        registers.write(CONTROL, 1 << 9 | 1 << 8 | 1);
    }
    BASE.store(base, Ordering::Release);
}

/// Writes bytes, with a carriage return before each line feed.
pub fn write(bytes: &[u8]) {
    let base = BASE.load(Ordering::Acquire);
    if base == 0 {
        return;
    }
    // SAFETY: `init` stored the address of mapped registers. That the console server may drive the device at the same
    // time can garble text, nothing else.
    let registers = unsafe { Mmio::new(base) };
    for &byte in bytes {
        if byte == b'\n' {
            put(registers, b'\r');
        }
        put(registers, byte);
    }
}

fn put(registers: Mmio, byte: u8) {
    for _ in 0..PATIENCE {
        if registers.read(FLAGS) & TRANSMIT_FULL == 0 {
            registers.write(DATA, byte.into());
            return;
        }
        core::hint::spin_loop();
    }
}

/// The console as a sink for `write!`.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}
