//! COM1, a 16550, polled: the console until a console server runs.
//!
//! Waiting is bounded, so a machine without the device, or with one that hangs, still boots.

use core::fmt;

use x86_64::instructions::port::Port;

const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = 5;
const TRANSMITTER_EMPTY: u8 = 0x20;
/// Most reads of the line status for one byte: at least 10 ms at about 100 ns a read, a byte takes 87 µs.
const PATIENCE: u32 = 100_000;

/// 115,200 bit/s, 8N1, FIFOs on, no interrupts.
pub fn init() {
    for (register, value) in [(1, 0x00), (3, 0x80), (0, 0x01), (1, 0x00), (3, 0x03), (2, 0xc7), (4, 0x0b)] {
        write(register, value);
    }
}

/// Writes bytes; a line feed gets a carriage return.
pub fn console_write(bytes: &[u8]) {
    for &byte in bytes {
        if byte == b'\n' {
            send(b'\r');
        }
        send(byte);
    }
}

/// The console as a target of `write!`.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console_write(text.as_bytes());
        Ok(())
    }
}

fn send(byte: u8) {
    for _ in 0..PATIENCE {
        if read(LINE_STATUS) & TRANSMITTER_EMPTY != 0 {
            break;
        }
    }
    write(0, byte);
}

fn read(register: u16) -> u8 {
    // SAFETY: reading COM1's line status has no effect on memory; without the device it gives 0xff.
    unsafe { Port::new(COM1 + register).read() }
}

fn write(register: u16, value: u8) {
    // SAFETY: COM1's registers have no effect on memory: the 16550 does no DMA and its interrupts are off.
    unsafe { Port::new(COM1 + register).write(value) }
}
