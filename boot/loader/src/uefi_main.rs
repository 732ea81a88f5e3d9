//! The loader's dealings with UEFI and the processor.

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::arch::global_asm;
use core::time::Duration;

use loader::{hob, image, tree};
use uefi::boot::{self, AllocateType};
use uefi::fs::FileSystem;
use uefi::mem::memory_map::{MemoryMap, MemoryType};
use uefi::{CStr16, Guid, Status, cstr16, entry, guid, println, system};

const KERNEL: &CStr16 = cstr16!("\\VIAETHER\\KERNEL");
const ARCHIVE: &CStr16 = cstr16!("\\VIAETHER\\ARCHIVE.IMG");
const COMMAND_LINE: &CStr16 = cstr16!("\\VIAETHER\\CMDLINE.TXT");
/// Configuration tables: the device tree (UEFI specification 2.10, 4.6.1.3), hand-off blocks (PI specification).
const TREE: Guid = guid!("b1b621d5-f19c-41a5-830b-d9152c69aae0");
const HAND_OFF: Guid = guid!("7739f24c-93d7-11d4-9a3a-0090273fc14d");
const PAGE: usize = 4096;
/// The kernel uses the first 32 GiB of memory, and what it is given must lie there.
const LOW_END: u64 = (32 << 30) - 1;
/// How long a message stays before firmware goes on.
const TO_READ: Duration = Duration::from_secs(5);

/// Why the system can't be booted.
type Reason = &'static str;

#[entry]
fn main() -> Status {
    let Err(reason) = load();
    println!("viaether: {reason}");
    boot::stall(TO_READ);
    Status::LOAD_ERROR
}

fn load() -> Result<core::convert::Infallible, Reason> {
    let volume = boot::get_image_file_system(boot::image_handle()).map_err(|_| "the loader's volume can't be read")?;
    let mut files = FileSystem::new(volume);
    let kernel = files.read(KERNEL).map_err(|_| "VIAETHER\\KERNEL can't be read")?;
    let archive = files.read(ARCHIVE).map_err(|_| "VIAETHER\\ARCHIVE.IMG can't be read")?;
    let command_line = files.read(COMMAND_LINE).ok().and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
    let memory = image::memory(&kernel).ok_or("VIAETHER\\KERNEL is no kernel")?;

    let room = pages(memory + image::ALIGNMENT)?;
    let kernel_at = (room.as_ptr().addr()).next_multiple_of(image::ALIGNMENT) - room.as_ptr().addr();
    let kernel_room = room.get_mut(kernel_at..kernel_at + memory).ok_or("no memory for the kernel")?;
    kernel_room[..kernel.len()].copy_from_slice(&kernel);
    let archive_room = pages(archive.len())?;
    archive_room[..archive.len()].copy_from_slice(&archive);
    let range = (archive_room.as_ptr().addr() as u64, archive.len() as u64);

    let found = device_tree().ok_or("firmware has no device tree (on QEMU: -M virt,acpi=off)")?;
    let tree = tree::prepare(found, range, command_line.trim(), &kept()?).ok_or("firmware's device tree is damaged")?;
    let tree_room = pages(tree.len())?;
    tree_room[..tree.len()].copy_from_slice(&tree);

    // SAFETY:
    // 1. From here on no boot service is called: nothing is printed, allocated or freed.
    // 2. What was allocated is never freed: the function below does not return.
    unsafe {
        core::mem::forget(boot::exit_boot_services(None));
        for room in [&*kernel_room, archive_room, tree_room] {
            clean(room);
        }
        enter_kernel(tree_room.as_ptr(), kernel_room.as_ptr())
    }
}

/// Zeroed pages for so many bytes.
fn pages(bytes: usize) -> Result<&'static mut [u8], Reason> {
    let count = bytes.div_ceil(PAGE).max(1);
    let take = |kind| boot::allocate_pages(kind, MemoryType::LOADER_DATA, count);
    let start = take(AllocateType::MaxAddress(LOW_END)).or_else(|_| take(AllocateType::AnyPages));
    let start = start.map_err(|_| "too little memory")?;
    // SAFETY: the pages were just allocated, are mapped one to one, and nobody ever frees them.
    unsafe {
        start.as_ptr().write_bytes(0, count * PAGE);
        Ok(core::slice::from_raw_parts_mut(start.as_ptr(), count * PAGE))
    }
}

/// The memory that firmware wants left alone. It keeps some for its run-time services too, but these are never called.
fn kept() -> Result<Vec<tree::Range>, Reason> {
    let map = boot::memory_map(MemoryType::LOADER_DATA).map_err(|_| "firmware has no memory map")?;
    let kept = [MemoryType::RESERVED, MemoryType::ACPI_NON_VOLATILE, MemoryType::UNUSABLE, MemoryType::PAL_CODE];
    let kept = map.entries().filter(|entry| kept.contains(&entry.ty));
    Ok(kept.map(|entry| (entry.phys_start, entry.page_count * PAGE as u64)).collect())
}

/// The device tree that firmware has.
fn device_tree() -> Option<&'static [u8]> {
    let table = |wanted: Guid| {
        system::with_config_table(|tables| {
            tables.iter().find(|table| table.guid == wanted).map(|table| table.address.addr())
        })
    };
    let at = table(TREE).or_else(|| {
        let start = table(HAND_OFF)?;
        // SAFETY: the configuration table says that a list is there; headers follow each other up to its end.
        let length = hob::length(|at| unsafe { ((start + at) as *const [u8; hob::HEADER]).read_unaligned() })?;
        // SAFETY: so long is the list, which stays as it is.
        let list = unsafe { core::slice::from_raw_parts(start as *const u8, length) };
        usize::try_from(hob::tree(list)?).ok()
    })?;
    // SAFETY: firmware says that a tree is there, whose header says how long it is; nobody writes it meanwhile.
    unsafe {
        let head = &*(at as *const [u8; tree::HEAD]);
        Some(core::slice::from_raw_parts(at as *const u8, tree::length(head)?))
    }
}

/// Writes what the caches hold of these bytes to memory, where the kernel's first instructions look, past the caches.
fn clean(bytes: &[u8]) {
    let kind: u64;
    // SAFETY: reads a register that says how long a cache line is, writes lines back, and waits: memory has the same
    // contents.
    unsafe {
        core::arch::asm!("mrs {}, ctr_el0", out(reg) kind, options(nomem, nostack));
        let line = 4usize << (kind >> 16 & 15);
        let start = bytes.as_ptr().addr() / line * line;
        for at in (start..bytes.as_ptr().addr() + bytes.len()).step_by(line) {
            core::arch::asm!("dc civac, {}", in(reg) at, options(nostack));
        }
        core::arch::asm!("dsb sy", options(nostack));
    }
}

global_asm!(
    // x0: tree, x1: kernel. The MMU goes off, so this runs where it is mapped one to one, as all of UEFI is; and it is
    // cleaned itself, in the smallest steps that a cache line has.
    "
    .global enter_kernel
    .balign 64
enter_kernel:
    msr     daifset, #15
    adr     x2, enter_kernel
    add     x3, x2, #192
1:  dc      civac, x2
    add     x2, x2, #16
    cmp     x2, x3
    b.lo    1b
    dsb     sy
    mov     x4, #0x1005                 // M, C, I
    mrs     x2, CurrentEL
    cmp     x2, #8
    b.eq    2f
    mrs     x3, sctlr_el1
    bic     x3, x3, x4
    msr     sctlr_el1, x3
    b       3f
2:  mrs     x3, sctlr_el2
    bic     x3, x3, x4
    msr     sctlr_el2, x3
3:  isb
    ic      iallu
    dsb     sy
    isb
    mov     x4, x1
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x4
    "
);

unsafe extern "C" {
    /// # Safety
    /// Boot services have ended; the tree and the kernel are whole, and in memory.
    fn enter_kernel(tree: *const u8, kernel: *const u8) -> !;
}
