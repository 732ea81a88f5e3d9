//! What devd is given: a copy of the boot page with handles of its own, and memory for devices.
//!
//! `libsys::roots` is the other side and describes the names. Without the seed: that is init's alone.

use alloc::{string::String, string::ToString, vec::Vec};
use core::mem::offset_of;

use abi::boot::{BootInfo, MAX_ROOTS, Root, RootKind};
use libsys::protocol::{List, Text};
use libsys::{Error, Frozen, Memory, OwnedHandle, Pool, Private, Rights};

/// Roots that go to whoever holds the devices.
const DEVICE_ROOTS: [RootKind; 6] =
    [RootKind::Tables, RootKind::Devices, RootKind::Lines, RootKind::Messages, RootKind::Ports, RootKind::CommandLine];

/// A handle for a process, by name or by index alone.
pub struct Gift {
    /// Its name in the start block; none for those that another one speaks of.
    pub name: Option<String>,
    /// What it is.
    pub handle: OwnedHandle,
}

impl Gift {
    /// A named one.
    pub fn named(name: &str, handle: impl Into<OwnedHandle>) -> Gift {
        Gift { name: Some(name.to_string()), handle: handle.into() }
    }
}

/// Names and indices as the start block lists them: the gifts stand from `first` on.
pub fn index(gifts: &[Gift], first: u16) -> List<(Text<32>, u16), 64> {
    let named = gifts.iter().zip(first..).filter_map(|(gift, index)| Some((Text::cut(gift.name.as_ref()?), index)));
    List::new(named.collect::<Vec<_>>()).unwrap_or_default()
}

/// The device roots, whose first handle will stand at index `first`, and the page that tells of them.
pub fn gifts(boot: &BootInfo, page: &Memory, pool: &Pool, first: u16) -> Result<Vec<Gift>, Error> {
    let count = (boot.root_count as usize).min(MAX_ROOTS);
    let wanted = |root: &&Root| DEVICE_ROOTS.iter().any(|kind| *kind as u32 == root.kind);
    let roots: Vec<Root> = boot.roots.iter().take(count).filter(wanted).copied().collect();
    let mut copy = Private::create(pool, 1)?;
    copy.copy_from_slice(Frozen::map(page)?.get(..abi::PAGE_SIZE).ok_or(Error::Internal)?);
    put(&mut copy, offset_of!(BootInfo, seed), &[0; 32])?;
    put(&mut copy, offset_of!(BootInfo, roots), &[0; MAX_ROOTS * size_of::<Root>()])?;
    put(&mut copy, offset_of!(BootInfo, root_count), &(roots.len() as u32).to_le_bytes())?;
    let mut gifts = Vec::new();
    for (i, root) in roots.iter().enumerate() {
        let at = offset_of!(BootInfo, roots) + i * size_of::<Root>();
        // The page itself stands before them.
        let there = abi::Handle::first(first + 1 + i as u16);
        put(&mut copy, at + offset_of!(Root, kind), &root.kind.to_le_bytes())?;
        put(&mut copy, at + offset_of!(Root, handle), &there.raw().to_le_bytes())?;
        put(&mut copy, at + offset_of!(Root, base), &root.base.to_le_bytes())?;
        put(&mut copy, at + offset_of!(Root, length), &root.length.to_le_bytes())?;
        gifts.push(Gift { name: None, handle: libsys::roots::open(root)? });
    }
    let (memory, mapping) = copy.share();
    drop(mapping);
    memory.freeze(0, 1)?;
    gifts.insert(0, Gift::named("boot", memory.dup(Rights::READ | Rights::TRANSFER)?));
    Ok(gifts)
}

fn put(page: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Error> {
    page.get_mut(at..at + bytes.len()).ok_or(Error::Internal)?.copy_from_slice(bytes);
    Ok(())
}
