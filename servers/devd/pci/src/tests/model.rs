//! A PCI bus in memory: functions with registers of which some bits can be written, behind bridges or not.

use std::vec::Vec;

use crate::{Address, Config, Width};

/// A function.
#[derive(Clone)]
pub struct Fake {
    parent: Option<usize>,
    device: u8,
    function: u8,
    bytes: [u8; 256],
    writable: [u8; 256],
}

/// The bus.
#[derive(Clone, Default)]
pub struct Model(pub Vec<Fake>);

impl Fake {
    pub fn new(device: u8, vendor: u16, product: u16) -> Fake {
        let fake = Fake { parent: None, device, function: 0, bytes: [0; 256], writable: [0; 256] };
        let mut fake = fake.half(0, vendor).half(2, product);
        fake.writable[4] = 7;
        fake.writable[5] = 4;
        fake
    }

    pub fn bridge(device: u8) -> Fake {
        let mut bridge = Fake::new(device, 0x1b36, 0x000c).byte(0x0e, 1);
        bridge.writable[0x18..0x1b].fill(0xff);
        for at in [0x20, 0x22, 0x24, 0x26] {
            bridge.writable[at] = 0xf0;
            bridge.writable[at + 1] = 0xff;
        }
        bridge.writable[0x28..0x30].fill(0xff);
        bridge
    }

    /// Behind the bridge with this place in the list.
    pub fn behind(mut self, bridge: usize) -> Fake {
        self.parent = Some(bridge);
        self
    }

    pub fn function(mut self, function: u8) -> Fake {
        self.function = function;
        self
    }

    pub fn byte(mut self, at: usize, value: u8) -> Fake {
        self.bytes[at] = value;
        self
    }

    pub fn half(mut self, at: usize, value: u16) -> Fake {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
        self
    }

    pub fn word(mut self, at: usize, value: u32) -> Fake {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        self
    }

    /// A base address register with this value, of which the masked bits can be written.
    pub fn bar(mut self, index: usize, value: u32, mask: u32) -> Fake {
        let at = 0x10 + 4 * index;
        self.writable[at..at + 4].copy_from_slice(&mask.to_le_bytes());
        self.word(at, value)
    }

    /// Which bits of a byte can be written.
    pub fn writable_byte(mut self, at: usize, mask: u8) -> Fake {
        self.writable[at] = mask;
        self
    }

    /// Capabilities, from 0x40 on, 0x14 bytes apart.
    pub fn capabilities(mut self, list: &[[u8; 20]]) -> Fake {
        self.bytes[0x06] |= 0x10;
        self.bytes[0x34] = 0x40;
        for (i, capability) in list.iter().enumerate() {
            let at = 0x40 + 20 * i;
            self.bytes[at..at + 20].copy_from_slice(capability);
            self.bytes[at + 1] = if i + 1 < list.len() { (at + 20) as u8 } else { 0 };
        }
        self
    }
}

impl Model {
    fn bus(&self, parent: Option<usize>) -> u8 {
        parent.map_or(0, |bridge| self.0[bridge].bytes[0x19])
    }

    pub fn find(&self, at: Address) -> Option<usize> {
        self.0.iter().position(|fake| {
            let behind_nothing = fake.parent.is_some() && self.bus(fake.parent) == 0;
            !behind_nothing
                && self.bus(fake.parent) == at.bus
                && (fake.device, fake.function) == (at.device, at.function)
        })
    }
}

impl Config for Model {
    fn read(&self, at: Address, offset: u16, width: Width) -> u32 {
        let (start, bytes) = (usize::from(offset), usize::from(width.bytes()));
        assert!(start.is_multiple_of(bytes), "{offset:#x} is read as {width:?}");
        match self.find(at) {
            Some(i) if start + bytes <= 256 => {
                let mut word = [0; 4];
                word[..bytes].copy_from_slice(&self.0[i].bytes[start..start + bytes]);
                u32::from_le_bytes(word)
            }
            _ => u32::MAX,
        }
    }

    fn write(&mut self, at: Address, offset: u16, width: Width, value: u32) {
        assert!(offset.is_multiple_of(width.bytes()), "{offset:#x} is written as {width:?}");
        let Some(i) = self.find(at) else { return };
        for n in 0..width.bytes() {
            let (at, new) = (usize::from(offset + n), value.to_le_bytes()[usize::from(n)]);
            let mask = self.0[i].writable[at];
            self.0[i].bytes[at] = self.0[i].bytes[at] & !mask | new & mask;
        }
    }

    fn size(&self) -> u16 {
        256
    }
}

/// virtio-net as QEMU 7.2 has it: MSI-X in base address 1, its structures in 4; both unplaced.
pub fn virtio_net(device: u8) -> Fake {
    let structure = |kind: u8, offset: u32, length: u32, step: u32| {
        let mut capability = [0; 20];
        capability[0] = 9;
        capability[2] = if kind == 2 { 20 } else { 16 };
        capability[3] = kind;
        capability[4] = 4;
        capability[8..12].copy_from_slice(&offset.to_le_bytes());
        capability[12..16].copy_from_slice(&length.to_le_bytes());
        capability[16..].copy_from_slice(&step.to_le_bytes());
        capability
    };
    let mut msix = [0; 20];
    msix[0] = 0x11;
    msix[2] = 3;
    msix[4] = 1;
    msix[8..12].copy_from_slice(&0x801u32.to_le_bytes());
    Fake::new(device, 0x1af4, 0x1041)
        .word(0x08, 0x0200_0001)
        .byte(0x3d, 1)
        .bar(1, 0, 0xffff_f000)
        .bar(4, 0xc, 0xffff_c000)
        .bar(5, 0, 0xffff_ffff)
        .capabilities(&[
            msix,
            structure(1, 0, 0x38, 0),
            structure(3, 0x1000, 4, 0),
            structure(4, 0x2000, 0x1000, 0),
            structure(2, 0x3000, 0x1000, 4),
        ])
}
