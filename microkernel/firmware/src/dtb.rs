//! What the kernel reads from the device tree (Devicetree Specification 0.4, and Linux's bindings).
//!
//! The tree comes from outside: `dtoolkit` checks its structure, this module what it says. Everything is copied out, so
//! nothing refers to the tree afterwards.

pub use dtoolkit::fdt::Fdt;
use dtoolkit::fdt::FdtNode;
use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property, ToCellInt};

use crate::handover::MEMORY_END;
pub use crate::handover::Reason;
use crate::region::{PAGE, Region, Regions};

/// Most cores whose affinities are read.
pub const CORES: usize = 16;
/// Pieces of memory, and as many that may not be mapped.
pub const BANKS: usize = 8;
/// The longest tree: Linux's booting.rst has 2 MiB, but QEMU doubles what `-dtb` gives it.
pub const TREE_LIMIT: u64 = 4 << 20;

/// The instruction that reaches PSCI's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Conduit {
    /// No PSCI.
    None = 0,
    /// A hypervisor call.
    Hvc = 1,
    /// A secure monitor call.
    Smc = 2,
}

/// Where the interrupt controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// Version 2: distributor, CPU interface, message frame.
    V2 {
        /// Distributor.
        distributor: Region,
        /// CPU interface.
        interface: Region,
        /// GICv2m frame.
        messages: Option<Region>,
    },
    /// Version 3: distributor and redistributors.
    V3 {
        /// Distributor.
        distributor: Region,
        /// Redistributors of all cores.
        redistributors: Region,
    },
}

/// The machine.
pub struct Platform {
    /// All RAM, in whole pages.
    pub banks: Regions<BANKS>,
    /// What of it is taken by firmware.
    pub reserved: Regions<16>,
    /// What of that must not even be mapped.
    pub unmapped: Regions<BANKS>,
    /// The boot archive.
    pub archive: Option<Region>,
    /// The kernel's command line, and its length.
    pub command_line: ([u8; 1024], usize),
    /// Entropy from the boot loader, or zeros.
    pub seed: [u8; 32],
    /// Where in the tree secrets stand, to be erased: offset and length.
    pub secrets: Regions<2>,
    /// The interrupt controller.
    pub gic: Location,
    /// The virtual timer's interrupt ID.
    pub timer: u32,
    /// Where the devices are that user drivers may get.
    pub devices: Regions<16>,
    /// Cores that the machine has, and the affinities of the first.
    pub cores: u32,
    /// See `cores`.
    pub affinities: [Option<u64>; CORES],
}

/// Length of the tree whose header starts with `head`.
pub fn length(head: &[u8; 8]) -> Result<u64, Reason> {
    let [m0, m1, m2, m3, l0, l1, l2, l3] = *head;
    if u32::from_be_bytes([m0, m1, m2, m3]) != 0xd00d_feed {
        return Err("none where x0 points");
    }
    let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
    if length > TREE_LIMIT { Err("too long") } else { Ok(length) }
}

/// The console's registers: `/chosen/stdout-path` if it is a PL011, else the first PL011.
pub fn console(tree: Fdt<'_>) -> Option<Region> {
    let chosen = tree.find_node("/chosen");
    let path = chosen.and_then(|chosen| text(chosen, "stdout-path")).map(|path| path.split(':').next().unwrap_or(""));
    let path = match path {
        Some(alias) if !alias.starts_with('/') => tree.find_node("/aliases").and_then(|node| text(node, alias)),
        path => path,
    };
    let named = path.and_then(|path| tree.find_node(path)).filter(|node| node.is_compatible("arm,pl011"));
    register(named.or_else(|| compatible(tree.root(), "arm,pl011"))?, 0)
}

/// How PSCI is called.
pub fn conduit(tree: Fdt<'_>) -> Conduit {
    let node = ["arm,psci-1.0", "arm,psci-0.2"].iter().find_map(|name| compatible(tree.root(), name));
    match node.and_then(|node| text(node, "method")) {
        Some("hvc") => Conduit::Hvc,
        Some("smc") => Conduit::Smc,
        _ => Conduit::None,
    }
}

/// Reads the machine out of the tree.
pub fn platform(tree: Fdt<'_>) -> Result<Platform, Reason> {
    let root = tree.root();
    let (reserved, unmapped) = reserved(tree).ok_or("too many reserved ranges")?;
    let mut platform = Platform {
        banks: banks(root)?,
        reserved,
        unmapped,
        archive: None,
        command_line: ([0; 1024], 0),
        seed: [0; 32],
        secrets: Regions::new(),
        gic: gic(root)?,
        timer: timer(root)?,
        devices: devices(root),
        cores: tree.find_node("/cpus").map_or(1, cores),
        affinities: tree.find_node("/cpus").map_or([None; CORES], affinities),
    };
    if let Some(chosen) = tree.find_node("/chosen") {
        read_chosen(tree, chosen, &mut platform)?;
    }
    platform.separate()?;
    Ok(platform)
}

impl Platform {
    /// What user drivers may get is neither memory nor the interrupt controller, and that is not memory.
    fn separate(&mut self) -> Result<(), Reason> {
        for controller in self.gic.regions().into_iter().flatten() {
            if self.banks.overlap(controller) {
                return Err("the interrupt controller lies in memory");
            }
            self.devices.remove(controller.touched_pages());
        }
        self.banks.as_slice().iter().for_each(|bank| self.devices.remove(*bank));
        let archive = self.archive.unwrap_or_default();
        let inside = self.banks.as_slice().iter().any(|bank| bank.contains(archive));
        if self.archive.is_some() && !(inside && archive.length != 0 && archive.base.is_multiple_of(PAGE)) {
            return Err("/chosen: a boot archive that is empty, outside of memory or doesn't start on a page");
        }
        Ok(())
    }
}

impl Location {
    /// All registers.
    pub fn regions(&self) -> [Option<Region>; 3] {
        match *self {
            Location::V2 { distributor, interface, messages } => [Some(distributor), Some(interface), messages],
            Location::V3 { distributor, redistributors } => [Some(distributor), Some(redistributors), None],
        }
    }
}

/// Command line, archive and seeds.
fn read_chosen(tree: Fdt<'_>, chosen: FdtNode<'_>, platform: &mut Platform) -> Result<(), Reason> {
    let line = text(chosen, "bootargs").unwrap_or("").as_bytes();
    let length = line.len().min(platform.command_line.0.len());
    platform.command_line.0[..length].copy_from_slice(&line[..length]);
    platform.command_line.1 = length;

    if let (Some(start), Some(end)) = (address(chosen, "linux,initrd-start"), address(chosen, "linux,initrd-end")) {
        let length = end.checked_sub(start).ok_or("/chosen: linux,initrd-end before linux,initrd-start")?;
        platform.archive = Some(Region { base: start, length });
    }
    for (name, seeds) in [("rng-seed", true), ("kaslr-seed", false)] {
        let Some(property) = chosen.property(name) else { continue };
        let secret = property.value();
        if seeds {
            for (i, byte) in secret.iter().enumerate() {
                platform.seed[i % 32] ^= byte;
            }
        }
        let offset = secret.as_ptr().addr() - tree.data().as_ptr().addr();
        platform.secrets.push(Region { base: offset as u64, length: secret.len() as u64 });
    }
    Ok(())
}

/// The RAM: every `memory` node's regions, cut to whole pages.
fn banks(root: FdtNode<'_>) -> Result<Regions<BANKS>, Reason> {
    let mut banks = Regions::<BANKS>::new();
    for node in root.children().filter(|node| text(*node, "device_type") == Some("memory") && enabled(node)) {
        for region in registers(node) {
            if banks.overlap(region) {
                return Err("the same memory twice");
            }
            banks.try_push(region.whole_pages()).ok_or("memory in too many pieces")?;
        }
    }
    if banks.as_slice().is_empty() { Err("no memory") } else { Ok(banks) }
}

/// The header's reservations and `/reserved-memory`, rounded out to whole pages.
fn reserved(tree: Fdt<'_>) -> Option<(Regions<16>, Regions<BANKS>)> {
    let mut reserved = Regions::new();
    let mut unmapped = Regions::new();
    for entry in tree.memory_reservations() {
        if let Some(region) = checked(entry.address(), entry.size()) {
            reserved.try_push(region.touched_pages())?;
        }
    }
    for node in tree.find_node("/reserved-memory").iter().flat_map(|node| node.children()).filter(enabled) {
        for region in registers(node) {
            reserved.try_push(region.touched_pages())?;
            if node.property("no-map").is_some() {
                unmapped.try_push(region.touched_pages())?;
            }
        }
    }
    Some((reserved, unmapped))
}

fn gic(root: FdtNode<'_>) -> Result<Location, Reason> {
    if let Some(node) = compatible(root, "arm,gic-v3") {
        let distributor = register(node, 0).ok_or("arm,gic-v3: no distributor")?;
        let redistributors = register(node, 1).ok_or("arm,gic-v3: no redistributors")?;
        return Ok(Location::V3 { distributor, redistributors });
    }
    let known = ["arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a7-gic", "arm,cortex-a9-gic"];
    let node = known.iter().find_map(|name| compatible(root, name)).ok_or("no interrupt controller that is known")?;
    let distributor = register(node, 0).ok_or("GICv2: no distributor")?;
    let interface = register(node, 1).ok_or("GICv2: no CPU interface")?;
    let messages = compatible(node, "arm,gic-v2m-frame").and_then(|frame| register(frame, 0));
    Ok(Location::V2 { distributor, interface, messages })
}

/// The third interrupt of the timer is the virtual timer's: kind 1 (private), number, flags.
fn timer(root: FdtNode<'_>) -> Result<u32, Reason> {
    let node = compatible(root, "arm,armv8-timer").ok_or("no arm,armv8-timer")?;
    let property = node.property("interrupts").ok_or("arm,armv8-timer: no interrupts")?;
    let cells = property.as_prop_encoded_array([1, 1, 1]).map_err(|_| "arm,armv8-timer: interrupts of odd length")?;
    let [kind, number, _] = cells.into_iter().nth(2).ok_or("arm,armv8-timer: no virtual timer")?;
    match (kind.to_int::<u32>(), number.to_int::<u32>()) {
        (Ok(1), Ok(number @ 0..16)) => Ok(number + 16),
        _ => Err("arm,armv8-timer: the virtual timer's interrupt isn't private"),
    }
}

/// What user drivers may get. Neighbours are put together: 32 virtio transports are one region.
fn devices(root: FdtNode<'_>) -> Regions<16> {
    let wanted = ["virtio,mmio", "qemu,fw-cfg-mmio", "arm,pl031", "arm,pl011", "arm,pl061"];
    let mut found = Regions::<64>::new();
    for node in root.children().filter(enabled) {
        if node.is_compatible("pci-host-ecam-generic") {
            registers(node).for_each(|region| found.push(region));
            for range in node.ranges().ok().flatten().into_iter().flatten() {
                let window = (range.parent_bus_address::<u64>(), range.length::<u64>());
                if let (Ok(base), Ok(length)) = window
                    && let Some(window) = checked(base, length)
                {
                    found.push(window);
                }
            }
        } else if wanted.iter().any(|name| node.is_compatible(name)) {
            registers(node).for_each(|region| found.push(region));
        }
    }
    joined(&found)
}

fn joined(found: &Regions<64>) -> Regions<16> {
    let mut joined = Regions::new();
    let mut after = 0;
    let found = || found.as_slice().iter().map(|region| region.touched_pages());
    while let Some(first) = found().filter(|region| region.base >= after).min_by_key(|region| region.base) {
        let mut end = first.end();
        while let Some(next) = found().find(|region| region.base <= end && region.end() > end) {
            end = next.end();
        }
        joined.push(Region { base: first.base, length: end - first.base });
        after = end;
    }
    joined
}

fn cores(cpus: FdtNode<'_>) -> u32 {
    u32::try_from(cpu_nodes(cpus).count()).unwrap_or(u32::MAX).max(1)
}

/// What `reg` says: the affinity fields of MPIDR_EL1.
fn affinities(cpus: FdtNode<'_>) -> [Option<u64>; CORES] {
    let mut found = cpu_nodes(cpus).map(|node| address(node, "reg")).fuse();
    core::array::from_fn(|_| found.next().flatten())
}

fn cpu_nodes(cpus: FdtNode<'_>) -> impl Iterator<Item = FdtNode<'_>> {
    cpus.children().filter(|node| text(*node, "device_type") == Some("cpu") && enabled(node))
}

fn compatible<'a>(parent: FdtNode<'a>, name: &str) -> Option<FdtNode<'a>> {
    parent.children().find(|node| node.is_compatible(name) && enabled(node))
}

fn enabled(node: &FdtNode<'_>) -> bool {
    matches!(text(*node, "status"), None | Some("okay" | "ok"))
}

fn text<'a>(node: FdtNode<'a>, name: &str) -> Option<&'a str> {
    node.property(name)?.value_as().ok()
}

/// An address in a property of one or two cells.
fn address(node: FdtNode<'_>, name: &str) -> Option<u64> {
    match *node.property(name)?.value() {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn registers(node: FdtNode<'_>) -> impl Iterator<Item = Region> {
    node.reg().ok().flatten().into_iter().flatten().filter_map(|reg| checked(reg.address().ok()?, reg.size().ok()?))
}

fn register(node: FdtNode<'_>, i: usize) -> Option<Region> {
    registers(node).nth(i)
}

/// A region below [`MEMORY_END`], with room to round it.
fn checked(base: u64, length: u64) -> Option<Region> {
    base.checked_add(length).filter(|end| *end <= MEMORY_END - PAGE)?;
    Some(Region { base, length })
}
