//! Giving addresses to what has none.
//!
//! What firmware placed well stays: an address inside the windows that nobody else has. The rest is placed, the largest
//! first. What is behind a bridge gets one window of memory below 4 GiB, taken out of the window above it.

use alloc::vec::Vec;

use crate::{
    Address, Bar, BarKind, Config, Function, Kind, Window, Windows, bar, bridge,
    config::{self, COMMAND_MEMORY},
    scan::MAX_DEPTH,
    window::Reach,
};

/// How well it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Base addresses that stayed where firmware put them.
    pub kept: usize,
    /// Base addresses that were given an address.
    pub given: usize,
    /// Base addresses for which there was no room: they have address 0 now.
    pub without: usize,
}

/// Places the memory of all functions in `windows` (those of the root bus), and turns decoding of memory on where all of a
/// function's memory has a place. Ports keep what firmware gave them.
pub fn place(config: &mut impl Config, functions: &mut [Function], windows: &mut Windows) -> Placed {
    let mut placed = Placed::default();
    place_behind(config, functions, None, windows, &mut placed, 0);
    for function in functions.iter() {
        let whole = function.bars.iter().all(|bar| !bar.is_memory() || bar.address != 0);
        let memory = function.bars.iter().any(Bar::is_memory);
        if function.kind == Kind::Device && memory {
            let (set, clear) = if whole { (COMMAND_MEMORY, 0) } else { (0, COMMAND_MEMORY) };
            config::command(config, function.at, set, clear);
        }
    }
    placed
}

fn place_behind(
    config: &mut impl Config,
    functions: &mut [Function],
    parent: Option<Address>,
    windows: &mut Windows,
    placed: &mut Placed,
    depth: usize,
) {
    let here: Vec<usize> = (0..functions.len()).filter(|i| functions[*i].parent == parent).collect();
    let mut bridges = Vec::new();
    for i in here.iter().copied().filter(|i| matches!(functions[*i].kind, Kind::Bridge { .. })) {
        // Firmware's windows, if they lie in free parts of ours; taken before anything else can be put there.
        let opened = bridge::windows(config, functions[i].at);
        let kept: Vec<Window> = opened.into_iter().flatten().filter(|w| windows.reserve(w.bus, w.length)).collect();
        bridges.push((i, kept));
    }
    keep(functions, &here, windows, placed);
    give(config, functions, &here, windows, placed);
    for (i, kept) in bridges {
        let at = functions[i].at;
        let mut inner = match kept.is_empty() {
            false => {
                config::command(config, at, COMMAND_MEMORY | config::COMMAND_MASTER, 0);
                Windows::new(kept)
            }
            true => open(config, functions, at, windows, depth),
        };
        if depth < MAX_DEPTH {
            place_behind(config, functions, Some(at), &mut inner, placed, depth + 1);
        }
    }
}

/// Marks what is well placed as taken; what isn't has address 0 afterwards.
fn keep(functions: &mut [Function], here: &[usize], windows: &mut Windows, placed: &mut Placed) {
    for i in here {
        for bar in functions[*i].bars.iter_mut().filter(|bar| bar.is_memory()) {
            // No two functions share a page: a page is the least that can be given to one driver.
            let aligned = bar.address % bar.size == 0;
            if bar.address != 0 && aligned && windows.reserve(bar.address & !4095, bar.size.max(4096)) {
                placed.kept += 1;
            } else {
                bar.address = 0;
            }
        }
    }
}

/// Places what has no address.
fn give(
    config: &mut impl Config,
    functions: &mut [Function],
    here: &[usize],
    windows: &mut Windows,
    placed: &mut Placed,
) {
    let mut wanted: Vec<(u64, usize, usize)> = Vec::new();
    for i in here {
        let bars = functions[*i].bars.iter().enumerate();
        wanted.extend(bars.filter(|(_, bar)| bar.is_memory() && bar.address == 0).map(|(n, bar)| (bar.size, *i, n)));
    }
    wanted.sort_by_key(|(size, ..)| core::cmp::Reverse(*size));
    for (size, i, n) in wanted {
        let function = &mut functions[i];
        let reach = if function.bars[n].kind == BarKind::Memory64 { Reach::Any } else { Reach::Low };
        let address = windows.take(size.max(4096), size.max(4096), reach);
        match address {
            Some(_) => placed.given += 1,
            None => placed.without += 1,
        }
        function.bars[n].address = address.unwrap_or(0);
        // Answers nothing while its address changes; `place` turns it on again.
        config::command(config, function.at, 0, COMMAND_MEMORY);
        bar::write(config, function.at, &function.bars[n], address.unwrap_or(0));
    }
}

/// Opens a window of the size that is needed behind a bridge.
fn open(config: &mut impl Config, functions: &[Function], at: Address, windows: &mut Windows, depth: usize) -> Windows {
    let (length, align) = need(functions, at, depth);
    let window = match length {
        0 => None,
        _ => windows.take(length, align, Reach::Low).map(|base| (base, length)),
    };
    let (base, length) = window.unwrap_or((0, 0));
    bridge::open(config, at, base, length);
    Windows::new(window.map(|(base, length)| Window::same(base, length)))
}

/// Bytes that all memory behind a bridge takes, and their alignment: in whole steps, each base address and each bridge
/// aligned to its own size.
fn need(functions: &[Function], at: Address, depth: usize) -> (u64, u64) {
    let (mut length, mut align) = (0u64, bridge::STEP);
    for function in functions.iter().filter(|function| function.parent == Some(at)) {
        for bar in function.bars.iter().filter(|bar| bar.is_memory()) {
            length = length.saturating_add(bar.size.max(4096));
            align = align.max(bar.size);
        }
        if matches!(function.kind, Kind::Bridge { .. }) && depth < MAX_DEPTH {
            let (inner, inner_align) = need(functions, function.at, depth + 1);
            length = length.saturating_add(inner);
            align = align.max(inner_align);
        }
    }
    // Rounded to the largest alignment, so that what is lost before an aligned part is there at the end.
    (length.checked_next_multiple_of(align).unwrap_or(u64::MAX), align)
}
