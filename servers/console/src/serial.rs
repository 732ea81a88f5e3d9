//! The serial port: PL011 (Arm DDI 0183) or 16550.

use alloc::collections::VecDeque;

use libsys::device::{Device, Devices, Registers};
use libsys::{Interrupt, IoPorts, Mapping, Notification, Result, Width};

/// Characters that a transmitter surely takes when it says that it is empty.
const FIFO: usize = 16;

/// A claimed serial port.
pub struct Serial {
    chip: Chip,
    interrupt: Interrupt,
    sending: bool,
}

enum Chip {
    Pl011(Mapping, usize),
    Ns16550(IoPorts),
}

/// Registers of the PL011.
mod pl011 {
    pub const DR: usize = 0x00;
    pub const FR: usize = 0x18;
    pub const LCR_H: usize = 0x2c;
    pub const CR: usize = 0x30;
    pub const IFLS: usize = 0x34;
    pub const IMSC: usize = 0x38;
    pub const ICR: usize = 0x44;
    pub const FR_RXFE: u32 = 1 << 4;
    pub const FR_TXFF: u32 = 1 << 5;
    pub const INT_RX: u32 = 1 << 4;
    pub const INT_TX: u32 = 1 << 5;
    /// Something was received and nothing came for a while.
    pub const INT_RT: u32 = 1 << 6;
}

/// Registers of the 16550.
mod ns16550 {
    pub const DATA: u16 = 0;
    pub const IER: u16 = 1;
    /// Interrupt identity (reading), FIFO control (writing).
    pub const FCR: u16 = 2;
    pub const LCR: u16 = 3;
    pub const MCR: u16 = 4;
    pub const LSR: u16 = 5;
    pub const IER_RX: u32 = 1;
    pub const IER_TX: u32 = 2;
    pub const LSR_DATA: u32 = 1;
    pub const LSR_EMPTY: u32 = 1 << 5;
}

impl Serial {
    /// Claims the port and has its interrupts set a bit.
    pub fn claim(devices: &Devices, notification: &Notification, bit: u64) -> Result<Serial> {
        let info = devices.find("pl011").or_else(|_| devices.find("16550"))?;
        let device = devices.claim(info.id)?;
        let chip = chip(&device)?;
        let interrupt = device.interrupt(0)?;
        let serial = Serial { chip, interrupt, sending: false };
        serial.set_up()?;
        serial.interrupt.bind(notification, bit)?;
        Ok(serial)
    }

    fn set_up(&self) -> Result<()> {
        match &self.chip {
            Chip::Pl011(registers, at) => {
                registers.set_register(at + pl011::IMSC, 0)?;
                registers.set_register(at + pl011::ICR, 0x7ff)?;
                // FIFOs on, 8 bits; interrupts at an eighth full and an eighth left.
                registers.set_register(at + pl011::LCR_H, 0x70)?;
                registers.set_register(at + pl011::IFLS, 0)?;
                registers.set_register(at + pl011::CR, 0x301)?;
                registers.set_register(at + pl011::IMSC, pl011::INT_RX | pl011::INT_RT)
            }
            Chip::Ns16550(ports) => {
                ports.write(ns16550::IER, Width::Byte, 0)?;
                ports.write(ns16550::LCR, Width::Byte, 3)?;
                // FIFOs on and emptied; interrupt at every byte.
                ports.write(ns16550::FCR, Width::Byte, 7)?;
                // DTR, RTS, and OUT2: on PCs the gate of the interrupt.
                ports.write(ns16550::MCR, Width::Byte, 0xb)?;
                ports.write(ns16550::IER, Width::Byte, ns16550::IER_RX)
            }
        }
    }

    /// What has been received, and the interrupt may come again.
    pub fn received(&self, to: &mut impl FnMut(u8)) -> Result<()> {
        match &self.chip {
            Chip::Pl011(registers, at) => {
                registers.set_register(at + pl011::ICR, pl011::INT_RX | pl011::INT_RT | pl011::INT_TX)?;
                while registers.register(at + pl011::FR)? & pl011::FR_RXFE == 0 {
                    let data = registers.register(at + pl011::DR)?;
                    // Bits 8–11 tell of breaks and lost bytes; what is there of the byte is the byte.
                    to(data as u8);
                }
            }
            Chip::Ns16550(ports) => {
                // Reading the identity acknowledges "transmitter empty".
                ports.read(ns16550::FCR, Width::Byte)?;
                while ports.read(ns16550::LSR, Width::Byte)? & ns16550::LSR_DATA != 0 {
                    to(ports.read(ns16550::DATA, Width::Byte)? as u8);
                }
            }
        }
        Ok(())
    }

    /// Lets the interrupt come again.
    pub fn acknowledge(&self) -> Result<()> {
        self.interrupt.acknowledge()
    }

    /// Sends as much as the transmitter takes; asks for an interrupt if something is left.
    pub fn send(&mut self, queue: &mut VecDeque<u8>) -> Result<()> {
        match &self.chip {
            Chip::Pl011(registers, at) => {
                while let Some(byte) = queue.front() {
                    if registers.register(at + pl011::FR)? & pl011::FR_TXFF != 0 {
                        break;
                    }
                    registers.set_register(at + pl011::DR, (*byte).into())?;
                    queue.pop_front();
                }
            }
            Chip::Ns16550(ports) => {
                while !queue.is_empty() && ports.read(ns16550::LSR, Width::Byte)? & ns16550::LSR_EMPTY != 0 {
                    for _ in 0..FIFO {
                        let Some(byte) = queue.pop_front() else { break };
                        ports.write(ns16550::DATA, Width::Byte, byte.into())?;
                    }
                }
            }
        }
        self.ask_for_room(!queue.is_empty())
    }

    fn ask_for_room(&mut self, wanted: bool) -> Result<()> {
        if wanted == self.sending {
            return Ok(());
        }
        self.sending = wanted;
        match &self.chip {
            Chip::Pl011(registers, at) => {
                let transmit = if wanted { pl011::INT_TX } else { 0 };
                registers.set_register(at + pl011::IMSC, pl011::INT_RX | pl011::INT_RT | transmit)
            }
            Chip::Ns16550(ports) => {
                let transmit = if wanted { ns16550::IER_TX } else { 0 };
                ports.write(ns16550::IER, Width::Byte, ns16550::IER_RX | transmit)
            }
        }
    }
}

fn chip(device: &Device<'_>) -> Result<Chip> {
    Ok(match device.registers(0)? {
        Registers::Memory(registers, at) => Chip::Pl011(registers, at),
        Registers::Ports(ports) => Chip::Ns16550(ports),
    })
}
