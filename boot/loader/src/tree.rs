//! Makes firmware's device tree what a boot loader hands to the kernel.

use alloc::vec::Vec;

use dtoolkit::fdt::Fdt;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property};

/// The longest tree that is believed.
const LONGEST: u32 = 4 << 20;
/// The header's first fields.
pub const HEAD: usize = 8;

/// A range of physical addresses: the first, and bytes.
pub type Range = (u64, u64);

/// The length of a tree that begins so.
#[must_use]
pub fn length(head: &[u8; HEAD]) -> Option<usize> {
    let [m0, m1, m2, m3, l0, l1, l2, l3] = *head;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    (u32::from_be_bytes([m0, m1, m2, m3]) == 0xd00d_feed && length <= LONGEST).then_some(length as usize)
}

/// The tree with archive and command line in `/chosen`, and with what firmware keeps of the memory.
///
/// Firmware switches the clock off in the tree, because it drives that itself for its run-time services. These are
/// never called, so it is switched on again.
#[must_use]
pub fn prepare(tree: &[u8], archive: Range, command_line: &str, kept: &[Range]) -> Option<Vec<u8>> {
    let mut tree = DeviceTree::from_fdt(&Fdt::new(tree).ok()?);
    for node in tree.root.children_mut().filter(|node| is_clock(node)) {
        node.remove_property("status");
    }
    if tree.root.child_mut("chosen").is_none() {
        tree.root.add_child(DeviceTreeNode::new("chosen").ok()?);
    }
    let chosen = tree.root.child_mut("chosen")?;
    let end = archive.0.checked_add(archive.1)?;
    for (name, value) in [("linux,initrd-start", archive.0), ("linux,initrd-end", end)] {
        chosen.remove_property(name);
        chosen.add_property(DeviceTreeProperty::new(name, value).ok()?);
    }
    chosen.remove_property("bootargs");
    chosen.add_property(DeviceTreeProperty::new("bootargs", command_line).ok()?);
    tree.memory_reservations.extend(kept.iter().map(|(start, length)| MemoryReservation::new(*start, *length)));
    Some(tree.to_dtb())
}

fn is_clock(node: &DeviceTreeNode) -> bool {
    let names = node.property("compatible").map(|names| names.value().to_vec()).unwrap_or_default();
    names.split(|byte| *byte == 0).any(|name| name == b"arm,pl031")
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIRT: &[u8] = include_bytes!("../../../microkernel/firmware/tests/data/virt-gicv3.dtb");

    #[test]
    fn the_kernel_is_told_of_archive_command_line_and_kept_memory() {
        let made = prepare(VIRT, (0x4800_0000, 0x90_0000), "log=error place=fixed", &[(0x4000_0000, 0x1000)]).unwrap();
        let tree = Fdt::new(&made).unwrap();
        let chosen = tree.find_node("/chosen").unwrap();
        let value = |name: &str| chosen.property(name).unwrap().value().to_vec();
        assert_eq!(value("linux,initrd-start"), 0x4800_0000u64.to_be_bytes());
        assert_eq!(value("linux,initrd-end"), 0x4890_0000u64.to_be_bytes());
        assert_eq!(value("bootargs"), b"log=error place=fixed\0");
        let kept: Vec<_> = tree.memory_reservations().map(|kept| (kept.address(), kept.size())).collect();
        assert_eq!(kept, [(0x4000_0000, 0x1000)]);
        assert_eq!(value("rng-seed").len(), 32, "the seeds stay");
        assert_eq!(length(made.first_chunk().unwrap()), Some(made.len()));
    }

    #[test]
    fn the_clock_is_switched_on_again() {
        let mut tree = DeviceTree::from_fdt(&Fdt::new(VIRT).unwrap());
        let clock = tree.root.children_mut().find(|node| is_clock(node)).unwrap();
        clock.add_property(DeviceTreeProperty::new("status", "disabled").unwrap());
        let made = prepare(&tree.to_dtb(), (0x4800_0000, 1), "", &[]).unwrap();
        let tree = DeviceTree::from_fdt(&Fdt::new(&made).unwrap());
        let clock = tree.root.children().find(|node| is_clock(node)).unwrap();
        assert!(clock.property("status").is_none());
    }

    #[test]
    fn nonsense_is_none() {
        assert_eq!(prepare(&VIRT[..100], (0, 1), "", &[]), None);
        assert_eq!(prepare(VIRT, (u64::MAX, 2), "", &[]), None);
        assert_eq!(length(b"no tree!"), None);
        assert_eq!(length(&[0xd0, 0x0d, 0xfe, 0xed, 0xff, 0, 0, 0]), None);
    }
}
