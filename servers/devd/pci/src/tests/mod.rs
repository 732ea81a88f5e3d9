//! Stories over a bus in memory.

mod chaos;
mod model;

use std::vec::Vec;

use self::model::{Fake, Model, virtio_net};
use crate::{
    Address, Bar, BarKind, Config, Function, Kind, Msix, Pin, Width, Window, Windows, capabilities, capability, config,
    msix::State,
    place, scan,
    virtio::{self, Structure},
};

/// The windows of QEMU's `virt`.
fn virt_windows() -> Windows {
    Windows::new([Window::same(0x1000_0000, 0x2eff_0000), Window::same(0x80_0000_0000, 0x80_0000_0000)])
}

fn ranges(functions: &[Function]) -> Vec<(u64, u64)> {
    let bars = functions.iter().flat_map(|function| &function.bars).filter(|bar| bar.is_memory() && bar.address != 0);
    let mut ranges: Vec<(u64, u64)> = bars.map(|bar| (bar.address & !4095, bar.address + bar.size)).collect();
    ranges.sort_unstable();
    ranges
}

fn assert_apart(functions: &[Function]) {
    let ranges = ranges(functions);
    for pair in ranges.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{pair:x?} share a page");
    }
}

#[test]
fn without_firmware_every_device_gets_its_addresses() {
    let mut model = Model(std::vec![Fake::new(0, 0x1b36, 8), virtio_net(2), virtio_net(3), virtio_net(4)]);
    let mut functions = scan(&mut model, 0, 255);
    assert_eq!(functions.iter().map(|f| f.at.device).collect::<Vec<_>>(), [0, 2, 3, 4]);
    assert_eq!(functions[1].class, 0x02_0000);
    assert_eq!(functions[1].bars.len(), 2);
    assert_eq!(functions[1].bars[1].size, 0x4000);
    let placed = place(&mut model, &mut functions, &mut virt_windows());
    assert_eq!((placed.kept, placed.given, placed.without), (0, 6, 0));
    assert_apart(&functions);
    for function in &functions[1..] {
        let at = function.at;
        assert_eq!(model.half(at, config::COMMAND) & 7, config::COMMAND_MEMORY, "decodes, masters nothing");
        let bar = function.bars[1];
        let written = u64::from(model.word(at, 0x20) & !15) | u64::from(model.word(at, 0x24)) << 32;
        assert_eq!(written, bar.address);
        assert!(bar.address % bar.size == 0 && bar.address >= 0x1000_0000);
    }
}

#[test]
fn what_firmware_placed_well_stays() {
    let placed_well = virtio_net(2).bar(1, 0xfebd_1000, 0xffff_f000).bar(4, 0xfebc_000c, 0xffff_c000);
    let twice = virtio_net(3).bar(1, 0xfebd_1000, 0xffff_f000).bar(4, 0x1000_000c, 0xffff_c000);
    let mut model = Model(std::vec![placed_well, twice]);
    let mut functions = scan(&mut model, 0, 255);
    let mut windows = Windows::new([Window::same(0xc000_0000, 0x3ec0_0000)]);
    let placed = place(&mut model, &mut functions, &mut windows);
    assert_eq!((placed.kept, placed.given), (2, 2));
    assert_eq!((functions[0].bars[0].address, functions[0].bars[1].address), (0xfebd_1000, 0xfebc_0000));
    assert!(functions[1].bars.iter().all(|bar| bar.address >= 0xc000_0000), "taken, and outside the window: moved");
    assert_apart(&functions);
}

#[test]
fn small_base_addresses_do_not_share_a_page() {
    let small = |device, at| Fake::new(device, 0x8086, 1).bar(0, at, 0xffff_ff00);
    let mut model = Model(std::vec![small(1, 0xfebd_1000), small(2, 0xfebd_1100), small(3, 0)]);
    let mut functions = scan(&mut model, 0, 255);
    let mut windows = Windows::new([Window::same(0xfeb0_0000, 0x10_0000)]);
    let placed = place(&mut model, &mut functions, &mut windows);
    assert_eq!((placed.kept, placed.given), (1, 2));
    assert_apart(&functions);
}

#[test]
fn full_windows_leave_devices_without_and_deaf() {
    let large = |device| Fake::new(device, 0x8086, 2).bar(0, 0, 0xffff_0000).half(4, 2);
    let mut model = Model(std::vec![large(1), large(2), large(3)]);
    let mut functions = scan(&mut model, 0, 255);
    let mut windows = Windows::new([Window::same(0xfe00_8000, 0x3_0000)]);
    let placed = place(&mut model, &mut functions, &mut windows);
    assert_eq!((placed.given, placed.without), (2, 1));
    let deaf = functions.iter().find(|f| f.bars[0].address == 0).unwrap();
    assert_eq!(model.half(deaf.at, config::COMMAND) & config::COMMAND_MEMORY, 0);
    assert_apart(&functions);
}

#[test]
fn bridges_are_numbered_and_opened() {
    // A root port, behind it a switch with two ports, a device behind each; one more device on the root bus.
    let mut model = Model(std::vec![
        Fake::bridge(1),
        Fake::bridge(0).behind(0),
        Fake::bridge(0).behind(1),
        virtio_net(0).behind(2),
        Fake::bridge(3).behind(1),
        virtio_net(5).behind(4),
        virtio_net(6),
    ]);
    let mut functions = scan(&mut model, 0, 255);
    let found: Vec<(u8, u8)> = functions.iter().map(|f| (f.at.bus, f.at.device)).collect();
    assert_eq!(found, [(0, 1), (1, 0), (2, 0), (3, 0), (2, 3), (4, 5), (0, 6)]);
    assert_eq!(functions[0].kind, Kind::Bridge { secondary: 1, subordinate: 4 });
    assert_eq!(functions[4].kind, Kind::Bridge { secondary: 4, subordinate: 4 });
    let placed = place(&mut model, &mut functions, &mut virt_windows());
    assert_eq!((placed.given, placed.without), (6, 0));
    assert_apart(&functions);
    for function in &functions {
        let mut parent = function.parent;
        while let Some(at) = parent {
            let [window, prefetchable] = crate::bridge::windows(&model, at);
            let window = window.unwrap();
            assert!(prefetchable.is_none());
            for bar in &function.bars {
                assert!(window.bus <= bar.address && bar.address + bar.size <= window.bus + window.length);
            }
            parent = functions.iter().find(|f| f.at == at).unwrap().parent;
        }
    }
}

#[test]
fn pins_turn_at_bridges() {
    let mut model = Model(std::vec![Fake::bridge(1), Fake::bridge(3).behind(0), virtio_net(5).behind(1)]);
    let functions = scan(&mut model, 0, 255);
    // INTA of device 5 is INTB of device 3 below the root port, and there INTA again.
    let expected = (Address::new(0, 1, 0), Pin::from_register(1).unwrap());
    assert_eq!(functions[2].interrupt, Some(expected));
    assert_eq!(Pin::from_register(1).unwrap().behind_bridge(5), Pin::from_register(2).unwrap());
    assert_eq!(Pin::from_register(0), None);
    assert_eq!(Pin::from_register(5), None);
}

#[test]
fn functions_of_one_device_are_found_only_where_it_says_so() {
    let several = Fake::new(3, 1, 1).byte(0x0e, 0x80);
    let mut model =
        Model(std::vec![several, Fake::new(3, 1, 2).function(5), Fake::new(4, 1, 3), Fake::new(4, 1, 4).function(1)]);
    let products: Vec<u16> = scan(&mut model, 0, 0).iter().map(|f| f.product).collect();
    assert_eq!(products, [1, 2, 3]);
}

#[test]
fn virtio_tells_its_structures() {
    let model = Model(std::vec![virtio_net(2)]);
    let at = Address::new(0, 2, 0);
    let places = virtio::structures(&model, at);
    let found: Vec<(Structure, u32)> = places.iter().map(|place| (place.structure, place.offset)).collect();
    let expected = [
        (Structure::Common, 0),
        (Structure::Interrupt, 0x1000),
        (Structure::Device, 0x2000),
        (Structure::Notify(4), 0x3000),
    ];
    assert_eq!(found, expected);
    assert_eq!(virtio::device_type(0x1af4, 0x1041).and_then(virtio::kind_name), Some("virtio-net"));
    assert_eq!(virtio::device_type(0x1af4, 0x1005).and_then(virtio::kind_name), Some("virtio-rng"));
    assert_eq!(virtio::device_type(0x8086, 0x1041), None);
    // The same out of a copy.
    let copy: Vec<u8> = (0..256).map(|offset| model.byte(at, offset)).collect();
    assert_eq!(virtio::structures(&config::Snapshot(&copy), Address::default()), places);
}

#[test]
fn msix_is_turned_on_masked_and_off() {
    let mut model = Model(std::vec![virtio_net(2).writable_byte(0x43, 0xc0)]);
    let at = Address::new(0, 2, 0);
    let msix = Msix::read(&model, at).unwrap();
    assert_eq!((msix.vectors, msix.table_bar, msix.table_offset, msix.pending_offset), (4, 1, 0, 0x800));
    for (state, bits) in [(State::Masked, 0xc003), (State::On, 0x8003), (State::Off, 0x0003)] {
        msix.set(&mut model, at, state);
        assert_eq!(model.half(at, 0x42), bits);
    }
}

#[test]
fn lists_that_loop_end() {
    // The last capability points to the first.
    let loops = virtio_net(2).byte(0x40 + 4 * 20 + 1, 0x40);
    let model = Model(std::vec![loops, virtio_net(3).byte(0x34, 0x10), virtio_net(4).byte(0x41, 0x41)]);
    assert_eq!(capabilities(&model, Address::new(0, 2, 0)).count(), 48);
    assert_eq!(capabilities(&model, Address::new(0, 3, 0)).count(), 0, "points into the header");
    assert_eq!(capabilities(&model, Address::new(0, 4, 0)).count(), 48, "points to itself");
    assert_eq!(capability::find(&model, Address::new(0, 5, 0), 9), None, "nobody there");
}

#[test]
fn impossible_sizes_are_left_out() {
    let read = |fake: Fake| {
        let mut model = Model(std::vec![fake]);
        crate::bar::read(&mut model, Address::new(0, 1, 0), 6)
    };
    let fake = || Fake::new(1, 1, 1);
    assert!(read(fake().bar(0, 0, 0xff0f_0000)).is_empty(), "holes in the mask");
    assert!(read(fake().bar(0, 4, 0).bar(1, 0, 0x8000_0000)).is_empty(), "half of all addresses");
    assert!(read(fake().bar(5, 4, 0xffff_0000)).is_empty(), "a second half is missing");
    assert!(read(fake().bar(0, 0, 0xffff_fff1)).iter().all(|bar| bar.size == 16), "a flag that can be written");
    let ports = read(fake().bar(0, 0xc001, 0xffe0));
    assert_eq!((ports[0].kind, ports[0].size, ports[0].address), (BarKind::Ports, 32, 0xc000));
    let high = read(fake().bar(2, 0xc, 0).bar(3, 0, 0xffff_fffc));
    let expected = Bar { index: 2, kind: BarKind::Memory64, prefetchable: true, address: 0, size: 1 << 34 };
    assert_eq!(high, [expected]);
}

#[test]
fn a_large_base_address_goes_above_4_gib_or_nowhere() {
    let large = Fake::new(1, 1, 1).bar(2, 0xc, 0).bar(3, 0, 0xffff_fffc);
    let mut model = Model(std::vec![large.clone()]);
    let mut functions = scan(&mut model, 0, 0);
    place(&mut model, &mut functions, &mut virt_windows());
    assert_eq!(functions[0].bars[0].address, 0x80_0000_0000);
    assert_eq!(model.word(Address::new(0, 1, 0), 0x1c), 0x80);
    let mut model = Model(std::vec![large]);
    let mut functions = scan(&mut model, 0, 0);
    let mut low = Windows::new([Window::same(0x1000_0000, 0x2eff_0000)]);
    assert_eq!(place(&mut model, &mut functions, &mut low).without, 1);
}

#[test]
fn drivers_write_almost_nothing() {
    let allowed: Vec<u16> = (0..256).filter(|offset| config::may_write(*offset, Width::Byte)).collect();
    assert_eq!(allowed, [0x0c, 0x0d]);
    assert!((0..256).all(|offset| !config::may_write(offset, Width::Half) && !config::may_write(offset, Width::Word)));
}

#[test]
fn windows_never_give_an_address_twice() {
    let mut windows = Windows::new([
        Window { bus: 0x1000, cpu: 0x9_0000_1000, length: 0xf000 },
        Window::same(0x8000, 0x1000),
        Window::same(u64::MAX - 10, 100),
        Window::same(0, 0x1000),
    ]);
    assert!(windows.reserve(0x3000, 0x1000) && !windows.reserve(0x3800, 0x100));
    assert_eq!(windows.take(0x4000, 0x4000, crate::window::Reach::Any), Some(0x4000));
    assert_eq!(windows.take(0x2000, 0x1000, crate::window::Reach::Any), Some(0x1000));
    assert_eq!(windows.take(0x2000, 0x1000, crate::window::Reach::Low), Some(0x8000));
    assert_eq!(windows.take(0x10_0000, 1, crate::window::Reach::Any), None);
    assert_eq!(windows.cpu(0x4000, 0x4000), Some(0x9_0000_4000));
    assert_eq!(windows.cpu(0xf000, 0x2000), None);
    assert!(!windows.reserve(u64::MAX, 2) && !windows.reserve(0x5000, 0));
}
