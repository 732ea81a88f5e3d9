//! The device tree (Devicetree Specification 0.4; Linux's bindings for what it names).
//!
//! The structure is checked by `dtoolkit`, what it says here. Everything is copied out.

use alloc::vec::Vec;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property};

/// Bytes of a tree's header.
pub const HEADER: usize = 40;
/// The first version whose header tells how long the structure is.
const SIZED: usize = 17;
/// Transports, and entries of an interrupt map, at most.
const MOST: usize = 256;

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// Bytes; not 0, and the range doesn't wrap.
    pub length: u64,
}

/// A shared peripheral interrupt, as the kernel numbers lines, and how it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line.
    pub number: u32,
    /// Whether by edges.
    pub signal: Signal,
}

/// How a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// While it is high.
    Level,
    /// When it rises.
    Edge,
}

/// A device of the board with one range of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its registers.
    pub registers: Range,
    /// Its interrupt.
    pub line: Option<Line>,
    /// Its clock in Hz, 0 where the tree doesn't tell.
    pub clock_hz: u32,
}

/// A part of the bus's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First address on the bus.
    pub bus: u64,
    /// First address for the processor.
    pub cpu: u64,
    /// Bytes.
    pub length: u64,
}

/// A PCI host bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its memory-mapped configuration space.
    pub ecam: Range,
    /// First and last bus.
    pub buses: (u8, u8),
    /// Where memory of devices may be.
    pub windows: Vec<Window>,
    /// Where wired interrupts arrive.
    pub interrupts: InterruptMap,
}

/// From a device's unit address and pin on the root bus to a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterruptMap {
    mask: (u32, u32),
    entries: Vec<(u32, u32, Line)>,
}

impl InterruptMap {
    /// The line of a pin (1–4) of the device with this unit address (`phys.hi`).
    pub fn line(&self, unit: u32, pin: u8) -> Option<Line> {
        let key = (unit & self.mask.0, u32::from(pin) & self.mask.1);
        let found = self.entries.iter().find(|(unit, pin, _)| (*unit & self.mask.0, *pin & self.mask.1) == key);
        found.map(|(_, _, line)| *line)
    }
}

/// What the tree tells that devd wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The first PCI host bridge with ECAM.
    pub host: Option<Host>,
    /// fw_cfg.
    pub fw_cfg: Option<Range>,
    /// The clock, a PL031.
    pub clock: Option<Range>,
    /// Serial ports, PL011.
    pub uarts: Vec<Board>,
    /// virtio transports, ascending by address; most have no device.
    pub transports: Vec<Board>,
}

/// Takes the room at a tree's end, by which boot loaders and QEMU can make it some hundred times as long as what it says, out of
/// its header: how many bytes it is long then. None if that is no tree's header (Devicetree Specification 0.4, 5.2).
pub fn without_room(header: &mut [u8; HEADER]) -> Option<usize> {
    let word = |index: usize| u32::from_be_bytes(core::array::from_fn(|i| header[4 * index + i])) as usize;
    let [magic, all, structure, strings, reserved, version, _, _, strings_size, structure_size] =
        core::array::from_fn(word);
    if magic != 0xd00d_feed {
        return None;
    }
    let used = (structure + structure_size).max(strings + strings_size);
    // The list of reserved ranges has no length, and comes first.
    let known = version >= SIZED && reserved < structure;
    let length = if known { used.min(all) } else { all };
    header[4..8].copy_from_slice(&(length as u32).to_be_bytes());
    Some(length)
}

/// Reads a tree, whatever follows it in its last page; none if it is malformed.
pub fn read(bytes: &[u8]) -> Option<Tree> {
    let length = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let root = Fdt::new(bytes.get(..length)?).ok()?.root();
    let mut tree = Tree::default();
    for node in root.children().filter(enabled).take(4096) {
        if node.is_compatible("pci-host-ecam-generic") {
            tree.host = tree.host.or_else(|| host(root, node));
        } else if node.is_compatible("qemu,fw-cfg-mmio") {
            tree.fw_cfg = tree.fw_cfg.or_else(|| registers(node).next());
        } else if node.is_compatible("arm,pl031") {
            tree.clock = tree.clock.or_else(|| registers(node).next());
        } else if node.is_compatible("arm,pl011") && tree.uarts.len() < MOST {
            tree.uarts.extend(board(root, node));
        } else if node.is_compatible("virtio,mmio") && tree.transports.len() < MOST {
            tree.transports.extend(board(root, node));
        }
    }
    tree.transports.sort_by_key(|transport| transport.registers.base);
    Some(tree)
}

fn board(root: FdtNode<'_>, node: FdtNode<'_>) -> Option<Board> {
    let line = cells(node, "interrupts").as_deref().and_then(gic_line);
    Some(Board { registers: registers(node).next()?, line, clock_hz: clock(root, node).unwrap_or(0) })
}

/// The rate of a node's first clock, if that is fixed.
fn clock(root: FdtNode<'_>, node: FdtNode<'_>) -> Option<u32> {
    let clock = find(root, *cells(node, "clocks")?.first()?)?;
    cells(clock, "clock-frequency")?.first().copied()
}

fn host(root: FdtNode<'_>, node: FdtNode<'_>) -> Option<Host> {
    let ecam = registers(node).next()?;
    let buses = match cells(node, "bus-range").as_deref() {
        Some([first, last]) if first <= last => (u8::try_from(*first).ok()?, u8::try_from(*last).ok()?),
        Some(_) => return None,
        None => (0, 255),
    };
    // What the ECAM has room for.
    let room = u8::try_from((ecam.length >> 20).clamp(1, 256) - 1).unwrap_or(255);
    let buses = (buses.0, buses.1.min(buses.0.saturating_add(room)));
    let windows = node.ranges().ok().flatten().into_iter().flatten().filter_map(|range| {
        let child: u128 = range.child_bus_address().ok()?;
        let window = Window { bus: child as u64, cpu: range.parent_bus_address().ok()?, length: range.length().ok()? };
        // phys.hi, bits 24 and 25: 2 memory of 32 bits, 3 of 64.
        let memory = (child >> 64) as u32 >> 25 & 1 == 1;
        let fits = window.bus.checked_add(window.length).is_some() && window.cpu.checked_add(window.length).is_some();
        (memory && fits && window.length > 0).then_some(window)
    });
    Some(Host { ecam, buses, windows: windows.take(8).collect(), interrupts: interrupt_map(root, node) })
}

/// Entries are: unit address (3 cells), pin, parent, the parent's unit address, the parent's interrupt.
fn interrupt_map(root: FdtNode<'_>, node: FdtNode<'_>) -> InterruptMap {
    let mask = match cells(node, "interrupt-map-mask").as_deref() {
        Some([unit, _, _, pin]) => (*unit, *pin),
        _ => (0xf800, 7),
    };
    let mut map = InterruptMap { mask, entries: Vec::new() };
    let all = cells(node, "interrupt-map").unwrap_or_default();
    let mut rest = all.as_slice();
    // To look for a controller is to read all of the tree, and most maps have only one.
    let mut last = None;
    while let [unit, _, _, pin, parent, tail @ ..] = rest {
        let known = last.filter(|(handle, _)| handle == parent).map(|(_, sizes)| sizes);
        let Some(sizes) = known.or_else(|| sizes(find(root, *parent)?)) else { break };
        last = Some((*parent, sizes));
        let (address, interrupt) = sizes;
        if map.entries.len() >= MOST {
            break;
        }
        let Some(line) = tail.get(address..address + interrupt) else { break };
        map.entries.extend(gic_line(line).map(|line| (*unit, *pin, line)));
        rest = tail.get(address + interrupt..).unwrap_or_default();
    }
    map
}

/// How many cells an interrupt controller's unit address has, and an interrupt of its.
fn sizes(controller: FdtNode<'_>) -> Option<(usize, usize)> {
    let count = |name| cells(controller, name).and_then(|cells| cells.first().copied());
    let (address, interrupt) = (count("#address-cells").unwrap_or(0), count("#interrupt-cells").unwrap_or(3));
    (address <= 4 && interrupt <= 4).then_some((address as usize, interrupt as usize))
}

/// An interrupt of the GIC: kind (0: shared peripheral), number, flags (bits 0 and 1: edges).
fn gic_line(cells: &[u32]) -> Option<Line> {
    match cells {
        [0, number @ 0..988, flags, ..] => {
            let signal = if flags & 3 != 0 { Signal::Edge } else { Signal::Level };
            Some(Line { number: *number, signal })
        }
        _ => None,
    }
}

/// The node with this handle: a child of the root, or of one of those.
fn find<'a>(root: FdtNode<'a>, phandle: u32) -> Option<FdtNode<'a>> {
    let is = |node: &FdtNode<'a>| cells(*node, "phandle").as_deref() == Some(&[phandle]);
    root.children().find_map(|node| if is(&node) { Some(node) } else { node.children().find(is) })
}

/// A property as numbers of 32 bits.
fn cells(node: FdtNode<'_>, name: &str) -> Option<Vec<u32>> {
    let property = node.property(name)?;
    let value = property.value();
    if value.len() > 64 << 10 || !value.len().is_multiple_of(4) {
        return None;
    }
    Some(value.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect())
}

fn registers(node: FdtNode<'_>) -> impl Iterator<Item = Range> {
    node.reg().ok().flatten().into_iter().flatten().filter_map(|reg| {
        let range = Range { base: reg.address().ok()?, length: reg.size().ok()? };
        (range.length > 0 && range.base.checked_add(range.length).is_some()).then_some(range)
    })
}

fn enabled(node: &FdtNode<'_>) -> bool {
    let status = node.property("status");
    status.is_none_or(|status| matches!(status.value(), b"okay\0" | b"ok\0"))
}

#[cfg(test)]
mod tests;
