//! From the boot loader to `kmain`: reads the device tree, maps the machine, starts clock and interrupt controller.
//!
//! ```text
//! boot.s: EL2 ▶ EL1, tables, MMU on, stack, BSS ──▶ main: tree ▶ console ▶ RAM ▶ devices ──▶ kmain(Boot)
//! ```
//!
//! What can't be booted is named on the UART, and the machine is switched off.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, Ordering};

use firmware::dtb::{self, Fdt, Platform};
use firmware::place;

use super::fatal::stop;
use super::gic::Gic;
use super::mmu::{self, Image, PAGE, PHYS_BASE};
use super::psci::{self, Conduit};
use super::timer::Clock;
use super::vectors::STACK_STRIDE;
use super::{Machine, STATE, State, cores, cpu, uart};
use crate::boot::{Boot, Region, Regions};

/// SCTLR_EL1 with the MMU off: the bits that are always 1 (also where newer processors define them).
const SCTLR_OFF: u64 = 0x30d0_0800;
/// SCTLR_EL1 for good: MMU, caches, stack alignment at EL1 and EL0, DC ZVA, CTR_EL0 and WFE for EL0, WXN. EL0 gets no
/// cache maintenance, no DAIF and no WFI.
const SCTLR_ON: u64 = SCTLR_OFF | 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 18 | 1 << 19;

global_asm!(
    include_str!("boot.s"),
    sctlr_off = const SCTLR_OFF,
    sctlr_on = const SCTLR_ON,
    mair = const mmu::MAIR,
    tcr = const mmu::TCR,
    text = const mmu::BOOT_TEXT,
    rodata = const mmu::BOOT_CONSTANTS,
    data = const mmu::BOOT_DATA,
    identity = const mmu::BOOT_IDENTITY,
    tree_limit = const dtb::TREE_LIMIT,
    places = const PLACES,
    main = sym main,
    core_main = sym cores::main,
    stack_stride = const STACK_STRIDE,
);

/// The image may move up by so many times 2 MiB: with 16 MiB for it, it stays in the GiB that starts where it is linked.
const PLACES: u64 = 512 - 8;

/// QEMU's `virt` board, on which a broken tree can at least be reported: its UART. Elsewhere nothing is seen.
const FALLBACK_UART: Region = Region { base: 0x0900_0000, length: 0x1000 };

/// Called by boot.s with the physical addresses of device tree and image, and exception level and counter at the entry.
extern "C" fn main(tree: u64, image: u64, level: u64, counter: u64) -> ! {
    let image = Image::new(image);
    // SAFETY: first of all, once, on the booting core, while the others wait in firmware.
    unsafe { mmu::init(image) };
    match boot(tree, image, level, counter) {
        Ok((boot, machine)) => crate::kmain(&boot, machine),
        Err(Failed { what, reason }) => stop(what, reason),
    }
}

/// Set while registers are touched for the first time of which only the device tree says where they are.
static TRUSTING: AtomicBool = AtomicBool::new(false);

/// What the device tree is wrong about, if an exception comes now.
pub fn misled() -> Option<&'static str> {
    TRUSTING.load(Ordering::Relaxed).then_some("device tree: its interrupt controller does not answer")
}

/// Why it can't boot, and what says so.
struct Failed {
    what: &'static str,
    reason: &'static str,
}

impl From<&'static str> for Failed {
    fn from(reason: &'static str) -> Failed {
        Failed { what: "can't boot", reason }
    }
}

impl Failed {
    /// The device tree makes no sense.
    fn tree(reason: &'static str) -> Failed {
        Failed { what: "device tree", reason }
    }
}

fn boot(tree_at: u64, image: Image, level: u64, counter: u64) -> Result<(Boot, Machine), Failed> {
    let tree = match tree(tree_at) {
        Ok(tree) => tree,
        Err(reason) => {
            // Firmware is below a hypervisor, or below the kernel.
            psci::init(if level == 2 { Conduit::Smc } else { Conduit::Hvc });
            console(FALLBACK_UART)?;
            return Err(Failed::tree(reason));
        }
    };
    psci::init(dtb::conduit(tree));
    if let Some(registers) = dtb::console(tree) {
        console(registers)?;
    }
    let clock = Clock::start(counter).ok_or("the counter's frequency isn't set")?;
    let mut platform = dtb::platform(tree).map_err(Failed::tree)?;
    let tree = Region { base: tree_at, length: tree.data().len() as u64 };
    mmu::unmap_window();
    separate(tree, image, &platform).map_err(Failed::tree)?;
    map_ram(&platform).map_err(Failed::tree)?;
    erase(tree, &platform);

    TRUSTING.store(true, Ordering::Relaxed);
    // SAFETY: the tree told where it is, and this is the only call.
    let gic = unsafe { Gic::start(platform.gic, platform.timer).map_err(Failed::tree)? };
    TRUSTING.store(false, Ordering::Relaxed);
    gic.tell_timer(platform.timer);
    STATE.call_once(|| State { gic, timer: platform.timer });
    let running = cores::start(&platform.affinities, platform.cores, image, &clock);
    for chunk in platform.seed.chunks_exact_mut(8) {
        let random = cpu::random().unwrap_or(0).to_le_bytes();
        chunk.iter_mut().zip(random).for_each(|(byte, random)| *byte ^= random);
    }

    let line = platform.command_line.0.get(..platform.command_line.1).unwrap_or_default();
    // As boot.s looks: the tree's seeds, or the processor.
    let seeded = platform.secrets.as_slice().iter().any(|secret| secret.length >= 8) || cpu::random().is_some();
    let guessable = !seeded && !place::is_fixed(line);

    let archive = platform.archive.ok_or("no boot archive (QEMU: -initrd)")?;
    let mut ram = Regions::new();
    platform.banks.as_slice().iter().for_each(|bank| ram.push(*bank));
    for taken in [image.whole(), archive, tree].iter().chain(platform.reserved.as_slice()) {
        ram.remove(taken.touched_pages());
    }
    ram.push(image.unused_stacks(platform.cores));
    let mut tables = Regions::new();
    tables.push(tree.touched_pages());
    let boot = Boot {
        ram,
        ram_total: platform.banks.as_slice().iter().map(|bank| bank.length).sum(),
        archive,
        tables,
        devices: platform.devices,
        command_line: platform.command_line.0,
        command_line_length: platform.command_line.1,
        lines: gic.lines(),
        messages: gic.messages().unwrap_or((gic.lines(), 0)),
        rsdp: 0,
        seed: platform.seed,
        guessable,
        cores: platform.cores,
        running,
        counter: clock.counter(),
    };
    Ok((boot, Machine { clock, gic }))
}

/// The checked tree at a physical address, seen through the window.
fn tree(at: u64) -> Result<Fdt<'static>, &'static str> {
    if at == 0 || !at.is_multiple_of(8) || at >= mmu::PHYS_END {
        return Err("x0 is no address of one");
    }
    // The header's first eight bytes don't cross a page; how far the tree goes is known only then.
    let head = mmu::map_window(at, 8)? as *const [u8; 8];
    // SAFETY: the loader handed over the address of a tree in memory; the window shows it, cached like all RAM.
    let length = dtb::length(unsafe { &*head })?;
    let start = mmu::map_window(at, length)? as *const u8;
    // SAFETY:
    // 1. The window shows `length` bytes from there, and nobody writes them while the tree is read.
    // 2. It stays until `unmap_window`, which `boot` calls when it has copied what it needs.
    let bytes = unsafe { core::slice::from_raw_parts(start, length as usize) };
    Fdt::new(bytes).map_err(|_| "malformed")
}

fn console(registers: Region) -> Result<(), &'static str> {
    let length = registers.length.min(PAGE);
    let base = mmu::map_device(Region { base: registers.base, length })?;
    // SAFETY: just mapped, for good; the tree says that it is a PL011.
    unsafe { uart::init(base) };
    Ok(())
}

/// Maps all RAM but what firmware forbids.
fn map_ram(platform: &Platform) -> Result<(), &'static str> {
    // Each hole may cut one in two.
    let mut mapped = Regions::<{ 2 * dtb::BANKS }>::new();
    platform.banks.as_slice().iter().for_each(|bank| mapped.push(*bank));
    platform.unmapped.as_slice().iter().for_each(|hole| mapped.remove(*hole));
    mapped.as_slice().iter().try_for_each(|bank| mmu::map_ram(*bank))
}

/// Tree, image and archive are memory, and none of them lies in another.
fn separate(tree: Region, image: Image, platform: &Platform) -> Result<(), &'static str> {
    let inside = |region: Region| platform.banks.as_slice().iter().any(|bank| bank.contains(region));
    if !inside(tree) {
        return Err("it lies outside of the memory that it tells of");
    }
    let all = [tree, image.whole(), platform.archive.unwrap_or_default()].map(Region::touched_pages);
    let [tree, image, archive] = all;
    if tree.overlaps(image) || tree.overlaps(archive) || image.overlaps(archive) {
        return Err("kernel, device tree and boot archive overlap");
    }
    if all.iter().any(|region| platform.unmapped.overlap(*region)) {
        return Err("kernel, device tree or boot archive in memory that may not be mapped");
    }
    Ok(())
}

/// Erases the tree's seeds: init gets them from `Boot`, whoever reads the tree later doesn't.
fn erase(tree: Region, platform: &Platform) {
    for secret in platform.secrets.as_slice() {
        let start = (PHYS_BASE + tree.base + secret.base) as *mut u8;
        // SAFETY: the bytes lie in the tree, the tree in RAM (`separate`), which is mapped, writable, as the image is
        // elsewhere; nobody refers to the tree any more.
        unsafe { start.write_bytes(0, secret.length as usize) };
    }
}
