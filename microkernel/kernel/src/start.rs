//! Makes init: the first process, with a handle to everything.

use core::fmt::Write;

use abi::boot::{self, BootInfo, MAX_ROOTS, Root, RootKind};
use abi::calls::{Access, SEAL_PAGES};
use abi::info::MemoryType;
use abi::places::Places;
use abi::user::{MAIN_BUFFER, MAIN_STACK_BYTES};
use abi::{Error, Rights};
use archive::{Header, Segment};
use kcore::hw::{Hw, MAX_CORES};
use kcore::objects::{MemoryKey, ProcessKey};
use kcore::{BootObjects, Cx};
use kmem::PAGE;

use crate::arch::Machine;
use crate::boot::{Boot, Counter, Region};
use crate::physical;

/// init's priority: below no server, so that it serves their requests.
const INIT_PRIORITY: u8 = 56;
/// Level of a record about what is odd, but goes on.
const WARNING: u8 = 1;
/// What `map`, `freeze` and `seal` all take at once.
const CHUNK: u64 = SEAL_PAGES;

type Core<'k, 'id> = Cx<'k, 'id, Machine>;

/// Builds init from the archive's first entry and makes it ready.
pub fn init(cx: &mut Core<'_, '_>, boot: &Boot) -> Result<(), &'static str> {
    // SAFETY: the boot loader put the archive there, and it was cut out of the usable RAM.
    let archive = unsafe { physical::bytes(boot.archive) };
    let header = Header::parse(archive).map_err(|_| "the boot archive is damaged, or of another version")?;
    cx.choose_log(&boot.command_line[..boot.command_line_length]);
    tell_cores(cx, boot);
    let places = places(&boot.seed);
    let made = cx
        .first_objects(INIT_PRIORITY, places.block + MAIN_BUFFER)
        .map_err(|_| "too little memory for the first objects")?;
    build(cx, boot, &header, &made, &places).map_err(|error| match error {
        Error::PoolEmpty => "too little memory for init",
        _ => "init's segments can't be mapped",
    })?;
    cx.start_at(made.thread, header.init.entry, places.stack, places.block);
    Ok(())
}

/// Tells of cores that the machine has and the system does without.
fn tell_cores(cx: &mut Core<'_, '_>, boot: &Boot) {
    let mut tell = |text: core::fmt::Arguments<'_>| {
        let mut line = Line { bytes: [0; 96], length: 0 };
        // What is too long is cut.
        let _ = line.write_fmt(text);
        cx.write_log(WARNING, 0, &line.bytes[..line.length]);
    };
    let most = MAX_CORES as u32;
    if boot.cores > most {
        tell(format_args!("{} cores found, {most} are used", boot.cores));
    }
    for core in (0..boot.cores.min(most)).filter(|core| boot.running >> core & 1 == 0) {
        tell(format_args!("core {core} has not started and is left out"));
    }
}

/// A line of text without an allocator.
struct Line {
    bytes: [u8; 96],
    length: usize,
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for (to, from) in self.bytes[self.length..].iter_mut().zip(text.bytes()) {
            *to = from;
            self.length += 1;
        }
        Ok(())
    }
}

/// Where init's own things lie. Who learns that learns some bits of the seed; all others are init's secret.
fn places(seed: &[u8; 32]) -> Places {
    let mut random = [0; 4];
    for (number, bytes) in random.iter_mut().zip(seed.as_chunks().0) {
        *number = u64::from_le_bytes(*bytes);
    }
    Places::draw(random)
}

fn build<'id>(
    cx: &mut Core<'_, 'id>,
    boot: &Boot,
    header: &Header,
    made: &BootObjects<'id>,
    places: &Places,
) -> Result<(), Error> {
    let pages = boot.archive.length.div_ceil(PAGE as u64) as u32;
    let memory = cx.boot_memory(made.pool, (boot.archive.base / PAGE as u64) as u32, pages, MemoryType::Ram)?;
    freeze(cx, memory, 0, pages as u64)?;
    for segment in header.init.segments() {
        map_segment(cx, boot, made, memory, segment)?;
    }
    let pages = MAIN_STACK_BYTES / PAGE as u64;
    let stack = cx.zeroed_memory(made.pool, pages as u32)?;
    cx.map_boot(made.process, stack, places.stack - MAIN_STACK_BYTES, 0, pages, Access::READ | Access::WRITE)?;
    let mut roots = Roots::new();
    grant_all(cx, boot, made, memory, &mut roots)?;
    boot_page(cx, boot, made, places, roots)
}

/// Read-only segments are mapped from the archive, writable ones copied.
fn map_segment<'id>(
    cx: &mut Core<'_, 'id>,
    boot: &Boot,
    made: &BootObjects<'id>,
    archive: MemoryKey<'id>,
    segment: &Segment,
) -> Result<(), Error> {
    let pages = segment.memory_length.div_ceil(PAGE as u64);
    let offset = segment.offset / PAGE as u64;
    let (source, from, access) = match segment.rights {
        archive::Rights::ReadWrite => {
            let copy = cx.zeroed_memory(made.pool, pages as u32)?;
            let target = (cx.v.get(copy).base as u64) * PAGE as u64;
            let file = Region { base: boot.archive.base + segment.offset, length: segment.file_length };
            // SAFETY: 1. `Header::parse` found the segment inside the archive. 2. The copy was just made and is large
            // enough: a segment's memory is no shorter than its file.
            unsafe { physical::copy(physical::bytes(file), target) };
            (copy, 0, Access::READ | Access::WRITE)
        }
        archive::Rights::ReadExecute => {
            seal(cx, archive, offset, pages)?;
            (archive, offset, Access::READ | Access::EXECUTE)
        }
        archive::Rights::Read => (archive, offset, Access::READ),
    };
    let mut done = 0;
    while done < pages {
        let step = (pages - done).min(CHUNK);
        let address = segment.address + done * PAGE as u64;
        cx.map_boot(made.process, source, address, from + done, step, access)?;
        done += step;
    }
    Ok(())
}

fn freeze<'id>(cx: &mut Core<'_, 'id>, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<(), Error> {
    in_chunks(pages, |done, step| cx.freeze_pages(memory, offset + done, step))
}

fn seal<'id>(cx: &mut Core<'_, 'id>, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<(), Error> {
    in_chunks(pages, |done, step| cx.seal_pages(memory, offset + done, step))
}

fn in_chunks(pages: u64, mut step: impl FnMut(u64, u64) -> Result<(), Error>) -> Result<(), Error> {
    let mut done = 0;
    while done < pages {
        let next = (pages - done).min(CHUNK);
        step(done, next)?;
        done += next;
    }
    Ok(())
}

/// The list of root handles.
struct Roots {
    list: [Root; MAX_ROOTS],
    count: usize,
}

impl Roots {
    const fn new() -> Self {
        Roots { list: [Root { kind: 0, handle: 0, base: 0, length: 0 }; MAX_ROOTS], count: 0 }
    }

    fn push(&mut self, kind: RootKind, handle: u32, base: u64, length: u64) -> Result<(), Error> {
        let slot = self.list.get_mut(self.count).ok_or(Error::TableFull)?;
        *slot = Root { kind: kind as u32, handle, base, length };
        self.count += 1;
        Ok(())
    }
}

fn grant_all<'id>(
    cx: &mut Core<'_, 'id>,
    boot: &Boot,
    made: &BootObjects<'id>,
    archive: MemoryKey<'id>,
    roots: &mut Roots,
) -> Result<(), Error> {
    let (pool, process) = (made.pool, made.process);
    let all = Rights::all();
    let name = cx.v.name(pool).any();
    let limit = cx.v.get(pool).limit as u64;
    let handle = cx.grant_boot(process, name, all)?;
    roots.push(RootKind::Pool, handle, 0, limit * PAGE as u64)?;
    grant_memory(cx, process, archive, RootKind::Archive, all - Rights::WRITE, boot.archive, roots)?;
    let ring = made.log_ring;
    let length = cx.v.get(ring).pages as u64 * PAGE as u64;
    grant_memory(
        cx,
        process,
        ring,
        RootKind::LogRing,
        Rights::READ | Rights::TRANSFER,
        Region { base: 0, length },
        roots,
    )?;
    let log_line = cx.boot_log_interrupt(pool)?;
    let handle = cx.grant_boot(process, log_line, Rights::USE | Rights::TRANSFER)?;
    roots.push(RootKind::LogInterrupt, handle, 0, 1)?;
    let readable = Rights::READ | Rights::TRANSFER;
    for region in boot.tables.as_slice() {
        let memory = region_memory(cx, made, *region, MemoryType::Ram)?;
        freeze(cx, memory, 0, cx.v.get(memory).pages as u64)?;
        grant_memory(cx, process, memory, RootKind::Tables, readable, *region, roots)?;
    }
    let device = Rights::READ | Rights::WRITE | Rights::TRANSFER | Rights::OWNER;
    for region in boot.devices.as_slice() {
        let memory = region_memory(cx, made, *region, MemoryType::Device)?;
        grant_memory(cx, process, memory, RootKind::Devices, device, *region, roots)?;
    }
    let ranges = [(RootKind::Lines, 0, boot.lines), (RootKind::Messages, boot.messages.0, boot.messages.1)];
    for (kind, first, count) in ranges {
        if count != 0 {
            let lines = cx.boot_lines(pool, first, count)?;
            let handle = cx.grant_boot(process, lines, Rights::USE | Rights::TRANSFER)?;
            roots.push(kind, handle, first as u64, count as u64)?;
        }
    }
    if cfg!(target_arch = "x86_64") {
        let ports = cx.boot_ports(pool)?;
        let handle = cx.grant_boot(process, ports, Rights::USE | Rights::TRANSFER)?;
        roots.push(RootKind::Ports, handle, 0, 0x1_0000)?;
    }
    let authority = cx.boot_authority(pool)?;
    for (kind, rights) in
        [(RootKind::Log, Rights::LOG | Rights::OWNER), (RootKind::Seal, Rights::SEAL), (RootKind::Power, Rights::POWER)]
    {
        let handle = cx.grant_boot(process, authority, rights | Rights::TRANSFER)?;
        roots.push(kind, handle, 0, 0)?;
    }
    if boot.command_line_length != 0 {
        let text = cx.zeroed_memory(pool, 1)?;
        let at = cx.v.get(text).base as u64 * PAGE as u64;
        // SAFETY: the page was just made.
        unsafe { physical::copy(&boot.command_line[..boot.command_line_length], at) };
        freeze(cx, text, 0, 1)?;
        let region = Region { base: 0, length: boot.command_line_length as u64 };
        grant_memory(cx, process, text, RootKind::CommandLine, readable, region, roots)?;
    }
    Ok(())
}

fn region_memory<'id>(
    cx: &mut Core<'_, 'id>,
    made: &BootObjects<'id>,
    region: Region,
    kind: MemoryType,
) -> Result<MemoryKey<'id>, Error> {
    let first = region.base / PAGE as u64;
    let pages = region.end().div_ceil(PAGE as u64) - first;
    cx.boot_memory(made.pool, first as u32, pages as u32, kind)
}

fn grant_memory<'id>(
    cx: &mut Core<'_, 'id>,
    process: ProcessKey<'id>,
    memory: MemoryKey<'id>,
    kind: RootKind,
    rights: Rights,
    region: Region,
    roots: &mut Roots,
) -> Result<(), Error> {
    let name = cx.v.name(memory).any();
    let handle = cx.grant_boot(process, name, rights)?;
    roots.push(kind, handle, region.base, region.length)
}

/// Writes the boot page and maps it.
fn boot_page<'id>(
    cx: &mut Core<'_, 'id>,
    boot: &Boot,
    made: &BootObjects<'id>,
    places: &Places,
    mut roots: Roots,
) -> Result<(), Error> {
    const { assert!(size_of::<BootInfo>() <= PAGE) }
    let page = cx.zeroed_memory(made.pool, 1)?;
    let region = Region { base: 0, length: PAGE as u64 };
    let readable = Rights::READ | Rights::TRANSFER;
    grant_memory(cx, made.process, page, RootKind::BootInfo, readable, region, &mut roots)?;
    let info = BootInfo {
        magic: boot::MAGIC,
        version: boot::VERSION,
        size: size_of::<BootInfo>() as u32,
        cores: boot.cores,
        cores_running: boot.running.count_ones(),
        root_count: roots.count as u32,
        ram_total: boot.ram_total,
        ram_free: cx.v.free_frames() as u64 * PAGE as u64,
        counter_base: boot.counter.base,
        counter_multiplier: boot.counter.multiplier,
        counter_shift: Counter::SHIFT.into(),
        features: cx.s.hw.features().bits(),
        boot_ns: cx.s.hw.now(),
        seed: boot.seed,
        heap: places.heap,
        mappings: places.mappings,
        machine: boot::Machine { kind: if boot.rsdp == 0 { 1 } else { 2 }, lines: boot.lines, rsdp: boot.rsdp },
        roots: roots.list,
    };
    let at = cx.v.get(page).base as u64 * PAGE as u64;
    // SAFETY: `BootInfo` is plain data without padding that matters; it is read as bytes while it lives.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const info).cast::<u8>(), size_of::<BootInfo>()) };
    // SAFETY: the page was just made.
    unsafe { physical::copy(bytes, at) };
    freeze(cx, page, 0, 1)?;
    cx.map_boot(made.process, page, places.block, 0, 1, Access::READ)
}
