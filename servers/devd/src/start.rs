//! From what init gave to a hall of devices.

use alloc::{rc::Rc, string::String, vec::Vec};

use libsys::{Access, Error, Mapping, Memory, Pool};
use machine::{
    acpi,
    extents::Extents,
    options::MAX_TEXT,
    tree::{self, Tree},
};
use pci::{Window, Windows};

use crate::{
    access,
    bus::Bus,
    clock::{self, Clock, TimePage},
    devices,
    dma::Dma,
    firmware::{Firmware, Way},
    hall::Hall,
    roots::{Root, Roots},
    space::Space,
};

/// On a PC, what lies above belongs to interrupt controllers and firmware.
const PC_WINDOW_END: u64 = 0xfec0_0000;
/// What is looked at of a memory with ACPI's tables.
const MAX_TABLES: usize = 4 << 20;

/// Builds everything. What is broken or missing is logged, and left out.
pub fn hall(pool: Pool, roots: Roots) -> Hall {
    let space = Rc::new(Space::new(roots.devices));
    let tables = roots.tables.iter().filter_map(|root| told("the machine's tables", table(&root.object)));
    let tables: Vec<Vec<u8>> = tables.collect();
    let tree = tables.iter().find_map(|table| tree::read(table)).unwrap_or_default();
    let bus = bus(&space, &tree, &tables, roots.ports.as_ref(), &pool);
    let devices = devices::find(&space, &tree, bus.as_ref(), roots.ports.as_ref(), &pool);
    let vectors = Extents::new(roots.messages.as_ref().map_or(0, |root| root.length as usize));
    let mut hall = Hall {
        pool,
        space,
        bus,
        devices,
        lines: roots.lines,
        messages: roots.messages,
        vectors,
        ports: roots.ports,
        dma: None,
        firmware: None,
        command_line: roots.command_line.and_then(|root| text(&root)).unwrap_or_default(),
        time: roots.time.and_then(|time| told("time page", TimePage::open(&time))),
    };
    // Only then may DMA memory be used again.
    hall.quiet_all();
    hall.dma = roots.dma.and_then(|memory| told("memory for devices", Dma::new(memory)));
    hall.firmware = firmware(&mut hall, &tree);
    set_clock(&hall, &tree);
    hall
}

/// The value; an error is logged.
fn told<T>(what: &str, result: Result<T, Error>) -> Option<T> {
    result.inspect_err(|error| libsys::log!(Warning, "{what}: {error}")).ok()
}

/// A device tree, without the room at its end; or all of a memory in which ACPI's tables are.
fn table(memory: &Memory) -> Result<Vec<u8>, Error> {
    let mapping = memory.map(Access::READ)?;
    let mut header = [0; tree::HEADER];
    mapping.read(0, &mut header)?;
    let tree = tree::without_room(&mut header);
    let mut bytes = copy(&mapping, tree.unwrap_or(MAX_TABLES))?;
    if tree.is_some() {
        bytes.iter_mut().zip(header).for_each(|(byte, new)| *byte = new);
    }
    Ok(bytes)
}

/// The first bytes of a mapping, `most` of them or all.
fn copy(mapping: &Mapping, most: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let length = mapping.len().min(most);
    bytes.try_reserve_exact(length).map_err(|_| Error::NoMemory)?;
    bytes.resize(length, 0);
    mapping.read(0, &mut bytes)?;
    Ok(bytes)
}

fn text(root: &Root<Memory>) -> Option<String> {
    let mut bytes = copy(&root.object.map(Access::READ).ok()?, MAX_TEXT).ok()?;
    bytes.truncate(root.length as usize);
    String::from_utf8(bytes).ok()
}

fn bus(
    space: &Rc<Space>,
    tree: &Tree,
    tables: &[Vec<u8>],
    ports: Option<&libsys::IoPorts>,
    pool: &Pool,
) -> Option<Bus> {
    if let Some(host) = &tree.host {
        let windows = host.windows.iter().map(|w| Window { bus: w.bus, cpu: w.cpu, length: w.length });
        let access = access::Access::ecam(space.clone(), host.ecam.base, host.buses);
        return Some(Bus::new(access, space.clone(), Windows::new(windows), host.interrupts.clone()));
    }
    let ecam = tables.iter().find_map(|table| acpi::ecam(table));
    let access = match (ecam, ports) {
        (Some(ecam), _) => access::Access::ecam(space.clone(), ecam.base, (ecam.first_bus, ecam.last_bus)),
        (None, Some(ports)) => access::Access::ports(pool, ports)?,
        (None, None) => return None,
    };
    let configuration = ecam.map(|ecam| ecam.base);
    let windows = space.areas().filter(|(base, _)| Some(*base) != configuration).filter_map(pc_window);
    Some(Bus::new(access, space.clone(), Windows::new(windows), machine::tree::InterruptMap::default()))
}

/// What of an area devices may be put into.
fn pc_window((base, length): (u64, u64)) -> Option<Window> {
    let end = base.checked_add(length)?;
    let end = if base < 1 << 32 { end.min(PC_WINDOW_END) } else { end };
    (base < end).then(|| Window::same(base, end - base))
}

fn firmware(hall: &mut Hall, tree: &Tree) -> Option<Firmware> {
    let way = match (tree.fw_cfg, &hall.ports) {
        (Some(range), _) => Way::Memory(told("fw_cfg", hall.space.map(range.base, range.length))?),
        (None, Some(ports)) => told("fw_cfg", Way::ports(&hall.pool, ports))?,
        (None, None) => return None,
    };
    let firmware = told("fw_cfg", Firmware::open(way, hall.dma.as_mut()?))?;
    for (name, size) in firmware.files() {
        libsys::log!(Detail, "fw_cfg: {name}, {size} bytes");
    }
    Some(firmware)
}

fn set_clock(hall: &Hall, tree: &Tree) {
    let clock = match (tree.clock, &hall.ports) {
        (Some(range), _) => hall.space.map(range.base, range.length).map(Clock::Pl031),
        (None, Some(ports)) => Clock::cmos(&hall.pool, ports),
        (None, None) => Err(Error::NoClock),
    };
    let set = |clock: Clock| clock::start(&clock, hall.time.as_ref().ok_or(Error::NoClock)?);
    told("clock", clock.and_then(set));
}
