//! A device tree like that of QEMU's `virt`, and broken ones.

use std::{string::String, vec::Vec};

use super::*;

/// Writes flattened trees (Devicetree Specification 0.4, chapter 5).
#[derive(Default)]
struct Writer {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Writer {
    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn pad(&mut self) {
        while !self.structure.len().is_multiple_of(4) {
            self.structure.push(0);
        }
    }

    fn begin(&mut self, name: &str) -> &mut Self {
        self.word(1);
        self.structure.extend(name.bytes().chain([0]));
        self.pad();
        self
    }

    fn bytes(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let offset = self.strings.len() as u32;
        self.strings.extend(name.bytes().chain([0]));
        self.word(3);
        self.word(value.len() as u32);
        self.word(offset);
        self.structure.extend(value);
        self.pad();
        self
    }

    fn text(&mut self, name: &str, value: &str) -> &mut Self {
        let value: String = std::format!("{value}\0");
        self.bytes(name, value.as_bytes())
    }

    fn cells(&mut self, name: &str, cells: &[u32]) -> &mut Self {
        let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
        self.bytes(name, &value)
    }

    fn end(&mut self) -> &mut Self {
        self.word(2);
        self
    }

    fn finish(&mut self) -> Vec<u8> {
        self.word(9);
        let (structure, strings) = (self.structure.len() as u32, self.strings.len() as u32);
        let at = 40 + 16;
        let header = [0xd00d_feed, at + structure + strings, at, at + structure, 40, 17, 16, 0, strings, structure];
        let mut all: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        all.extend([0; 16]);
        all.extend(&self.structure);
        all.extend(&self.strings);
        all
    }
}

const GIC: u32 = 0x8002;
const CLOCK: u32 = 0x8000;

/// As QEMU 7.2 makes it: four slots of the interrupt map, pins turned by slot.
fn virt() -> Vec<u8> {
    let mut map = Vec::new();
    for slot in 0..4u32 {
        for pin in 1..=4u32 {
            map.extend([slot << 11, 0, 0, pin, GIC, 0, 0, 0, 3 + (slot + pin - 1) % 4, 4]);
        }
    }
    let ranges = [
        [0x0100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000],
        [0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000],
        [0x0300_0000, 0x80, 0, 0x80, 0, 0x80, 0],
    ];
    let mut w = Writer::default();
    w.begin("").cells("#address-cells", &[2]).cells("#size-cells", &[2]);
    w.begin("intc@8000000").text("compatible", "arm,gic-v3").cells("phandle", &[GIC]);
    w.cells("#interrupt-cells", &[3]).cells("#address-cells", &[2]).end();
    w.begin("apb-pclk").text("compatible", "fixed-clock").cells("clock-frequency", &[24_000_000]);
    w.cells("phandle", &[CLOCK]).end();
    w.begin("pl011@9000000").bytes("compatible", b"arm,pl011\0arm,primecell\0");
    w.cells("reg", &[0, 0x0900_0000, 0, 0x1000]).cells("interrupts", &[0, 1, 4]).cells("clocks", &[CLOCK, CLOCK]).end();
    w.begin("pl031@9010000").bytes("compatible", b"arm,pl031\0arm,primecell\0");
    w.cells("reg", &[0, 0x0901_0000, 0, 0x1000]).end();
    w.begin("fw-cfg@9020000").text("compatible", "qemu,fw-cfg-mmio").cells("reg", &[0, 0x0902_0000, 0, 0x18]).end();
    for i in [1u32, 0] {
        w.begin("virtio_mmio").text("compatible", "virtio,mmio");
        w.cells("reg", &[0, 0x0a00_0000 + 0x200 * i, 0, 0x200]).cells("interrupts", &[0, 16 + i, 1]).end();
    }
    w.begin("virtio_mmio@off").text("compatible", "virtio,mmio").text("status", "disabled");
    w.cells("reg", &[0, 0x0b00_0000, 0, 0x200]).end();
    w.begin("pcie@10000000").text("compatible", "pci-host-ecam-generic").cells("#address-cells", &[3]);
    w.cells("#size-cells", &[2]).cells("reg", &[0x40, 0x1000_0000, 0, 0x1000_0000]).cells("bus-range", &[0, 255]);
    w.cells("ranges", &ranges.concat()).cells("interrupt-map-mask", &[0x1800, 0, 0, 7]);
    w.cells("interrupt-map", &map).end();
    w.end().finish()
}

#[test]
fn the_virt_machine() {
    let mut page = virt();
    page.resize(page.len().next_multiple_of(4096), 0);
    let tree = read(&page).unwrap();
    assert_eq!(tree.fw_cfg, Some(Range { base: 0x0902_0000, length: 0x18 }));
    assert_eq!(tree.clock, Some(Range { base: 0x0901_0000, length: 0x1000 }));
    let line = Some(Line { number: 1, signal: Signal::Level });
    let registers = Range { base: 0x0900_0000, length: 0x1000 };
    assert_eq!(tree.uarts, [Board { registers, line, clock_hz: 24_000_000 }]);
    let bases: Vec<u64> = tree.transports.iter().map(|transport| transport.registers.base).collect();
    assert_eq!(bases, [0x0a00_0000, 0x0a00_0200], "in order, without the disabled one");
    assert_eq!(tree.transports[1].line, Some(Line { number: 17, signal: Signal::Edge }));
}

#[test]
fn the_host_bridge_with_its_windows_and_lines() {
    let host = read(&virt()).unwrap().host.unwrap();
    assert_eq!(host.ecam, Range { base: 0x40_1000_0000, length: 0x1000_0000 });
    assert_eq!(host.buses, (0, 255));
    let windows: Vec<(u64, u64)> = host.windows.iter().map(|window| (window.bus, window.length)).collect();
    assert_eq!(windows, [(0x1000_0000, 0x2eff_0000), (0x80_0000_0000, 0x80_0000_0000)], "memory alone");
    let line = |device: u32, pin| host.interrupts.line(device << 11, pin).map(|line| line.number);
    assert_eq!([2, 3, 4, 5].map(|device| line(device, 1)), [5, 6, 3, 4].map(Some));
    assert_eq!(line(2, 2), Some(6));
    assert_eq!(line(2, 5), None);
    assert_eq!(host.interrupts.line(2 << 11 | 7 << 8, 1).map(|line| line.signal), Some(Signal::Level));
}

#[test]
fn a_small_ecam_has_fewer_buses() {
    let mut tree = virt();
    let at = tree.windows(16).position(|w| w == [0, 0, 0, 0x40, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0]).unwrap();
    tree[at + 12..at + 16].copy_from_slice(&0x0020_0000u32.to_be_bytes());
    assert_eq!(read(&tree).unwrap().host.unwrap().buses, (0, 1));
}

#[test]
fn broken_trees_are_none_or_less_and_never_a_panic() {
    let good = virt();
    for length in 0..good.len() {
        let _ = read(&good[..length]);
    }
    let mut random = 1u64;
    for _ in 0..4000 {
        let mut bad = good.clone();
        for _ in 0..4 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % bad.len();
            bad[at] = (random >> 24) as u8;
        }
        if let Some(tree) = read(&bad) {
            assert!(tree.transports.len() <= MOST);
            if let Some(host) = tree.host {
                let _ = host.interrupts.line(0x1000, 1);
            }
        }
    }
    assert_eq!(read(&[]), None);
}

#[test]
fn the_room_at_a_trees_end_is_not_taken_along() {
    let tree = virt();
    let header = |bytes: &[u8]| -> [u8; HEADER] { *bytes.first_chunk().unwrap() };
    let mut roomy = tree.clone();
    roomy[4..8].copy_from_slice(&(2_u32 << 20).to_be_bytes());
    let mut short = header(&roomy);
    assert_eq!(without_room(&mut short), Some(tree.len()));
    assert_eq!(short, header(&tree));
    assert_eq!(without_room(&mut short), Some(tree.len()), "there is none to take");

    // A header that doesn't tell, and no tree's.
    for (word, value) in [(5, 16_u32), (4, 4096)] {
        let mut other = header(&roomy);
        other[4 * word..4 * word + 4].copy_from_slice(&value.to_be_bytes());
        assert_eq!(without_room(&mut other), Some(2 << 20));
    }
    assert_eq!(without_room(&mut [0; HEADER]), None);
}
