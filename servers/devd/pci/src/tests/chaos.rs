//! Hostile hardware: every address answers, with anything.

use std::vec::Vec;

use crate::{
    Address, Config, Msix, Width, Window, Windows, bar, bridge, capabilities, capability, place, scan,
    scan::MAX_FUNCTIONS, virtio,
};

/// Answers depend on address and seed alone; writes change the answers of their register.
struct Chaos {
    seed: u64,
    written: u64,
}

fn mixed(mut x: u64) -> u64 {
    // SplitMix64.
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl Config for Chaos {
    fn read(&self, at: Address, offset: u16, width: Width) -> u32 {
        let place = u64::from(at.requester()) << 16 | u64::from(offset);
        let value = mixed(self.seed ^ place ^ self.written << 40);
        let value = match offset {
            // Bridges and several functions are common, so that the search goes deep.
            crate::config::HEADER => value & 0x81,
            _ => value,
        };
        (value as u32) >> (32 - 8 * u32::from(width.bytes()))
    }

    fn write(&mut self, _at: Address, _offset: u16, _width: Width, value: u32) {
        self.written = mixed(self.written ^ u64::from(value)) & 3;
    }

    fn size(&self) -> u16 {
        4096
    }
}

#[test]
fn nothing_a_device_says_makes_it_panic_or_run_on() {
    for seed in 0..200 {
        let mut chaos = Chaos { seed: mixed(seed), written: 0 };
        let mut functions = scan(&mut chaos, 0, 255);
        assert!(functions.len() <= MAX_FUNCTIONS);
        let mut windows = Windows::new([Window::same(0x1000_0000, 0x2000_0000), Window::same(1 << 39, 1 << 39)]);
        place(&mut chaos, &mut functions, &mut windows);
        for at in functions.iter().map(|function| function.at).take(32) {
            assert!(capabilities(&chaos, at).count() <= 48);
            let _ = (Msix::read(&chaos, at), virtio::structures(&chaos, at), bridge::windows(&chaos, at));
            let _ = capability::function_reset(&chaos, at);
        }
    }
}

#[test]
fn copies_that_are_cut_read_as_nothing() {
    let mut bytes: Vec<u8> = (0..256).map(|i| mixed(i) as u8).collect();
    bytes[6] |= 0x10;
    for length in 0..256 {
        let copy = crate::config::Snapshot(&bytes[..length]);
        let at = Address::default();
        let _ = (virtio::structures(&copy, at), Msix::read(&copy, at), capabilities(&copy, at).count());
        let mut copy = copy;
        let _ = bar::read(&mut copy, at, 6);
    }
}
