//! Power-off and reset, by what the FADT names (ACPI 6.5, 4.8.3 and 7.4.2), else as QEMU's machines do it.

use core::cell::UnsafeCell;
use core::fmt::Write;

use firmware::acpi::Power;
use kcore::hw::Reboot;
use x86_64::instructions::{hlt, interrupts, port::Port};

use super::uart::Console;

/// PM1 control: the operating system has the ACPI registers, and "go to sleep".
const SCI_ENABLE: u16 = 1;
const SLEEP_ENABLE: u16 = 1 << 13;
/// PM1a control of QEMU's `pc` and `q35`, where nothing better is known.
const QEMU_CONTROL: u16 = 0x604;
/// Where firmware shows how far it is. Reading it does nothing but take a microsecond or so.
const DELAY: u16 = 0x80;
/// Most reads while firmware hands the ACPI registers over, or while the machine goes off.
const PATIENCE: u32 = 1_000_000;

struct Shared(UnsafeCell<Power>);

// SAFETY: written once by `set`, while one core runs with interrupts off; only read afterwards.
unsafe impl Sync for Shared {}

static POWER: Shared =
    Shared(UnsafeCell::new(Power { control: [0; 2], sleep_types: None, smi_command: 0, acpi_enable: 0, reset: None }));

/// Remembers what the tables tell. Called once by boot code.
pub fn set(power: Power) {
    // SAFETY: boot code runs on one core with interrupts off, so nobody reads or writes it now.
    unsafe { *POWER.0.get() = power };
}

/// Powers the machine off, or resets it. Where that does not work it says so and stops: a reset instead would start what could not
/// come up again and again.
pub fn power(reboot: Reboot) -> ! {
    interrupts::disable();
    // SAFETY: only read since `set`, see `Shared`.
    let power = unsafe { *POWER.0.get() };
    match reboot {
        Reboot::No => off(&power),
        Reboot::Yes => reset(&power),
    }
    // It is not off with the next instruction: QEMU's other threads have to hear of it, a power supply takes milliseconds.
    for _ in 0..PATIENCE {
        read(DELAY);
    }
    // Writing to the console never fails.
    let _ = writeln!(Console, "viaether: this machine can't be switched off from here; it has stopped");
    loop {
        hlt();
    }
}

fn off(power: &Power) {
    let first = power.control[0];
    if first != 0 && power.smi_command != 0 && read(first) & SCI_ENABLE == 0 {
        write_byte(power.smi_command, power.acpi_enable);
        for _ in 0..PATIENCE {
            if read(first) & SCI_ENABLE != 0 {
                break;
            }
        }
    }
    for (port, kind) in power.control.into_iter().zip(power.sleep_types.unwrap_or_default()) {
        if port != 0 {
            write(port, read(port) & !(7 << 10) & !SLEEP_ENABLE | u16::from(kind) << 10 | SLEEP_ENABLE);
        }
    }
    if first == 0 {
        write(QEMU_CONTROL, SLEEP_ENABLE);
    }
}

fn reset(power: &Power) {
    if let Some((port, value)) = power.reset {
        write_byte(port, value);
    }
    // The chip set's reset control (full reset in two steps), then the keyboard controller's line.
    write_byte(0xcf9, 2);
    write_byte(0xcf9, 6);
    write_byte(0x64, 0xfe);
}

fn read(port: u16) -> u16 {
    // SAFETY: reading PM1 control or `DELAY` has no side effect.
    unsafe { Port::new(port).read() }
}

fn write(port: u16, value: u16) {
    // SAFETY: the machine is to stop; nothing runs after this that its state could harm.
    unsafe { Port::new(port).write(value) }
}

fn write_byte(port: u16, value: u8) {
    // SAFETY: as `write`.
    unsafe { Port::new(port).write(value) }
}
