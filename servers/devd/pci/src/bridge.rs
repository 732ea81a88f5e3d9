//! What a bridge lets through (PCI-to-PCI Bridge Architecture Specification 1.2, 3.2.5).

use crate::{Address, Config, Width, Window, config};

/// Memory base and limit; prefetchable base and limit; their upper halves.
const MEMORY: u16 = 0x20;
const PREFETCHABLE: u16 = 0x24;
const PREFETCHABLE_BASE_HIGH: u16 = 0x28;
const PREFETCHABLE_LIMIT_HIGH: u16 = 0x2c;

/// Windows of memory come in steps of so many bytes.
pub const STEP: u64 = 1 << 20;

/// The windows that firmware opened: memory and prefetchable memory.
pub fn windows(config: &impl Config, at: Address) -> [Option<Window>; 2] {
    let memory = config.word(at, MEMORY);
    let prefetchable = config.word(at, PREFETCHABLE);
    let wide = prefetchable & 0xf == 1;
    let high = |offset| if wide { u64::from(config.word(at, offset)) << 32 } else { 0 };
    [
        window(low_base(memory), low_limit(memory)),
        window(
            low_base(prefetchable) | high(PREFETCHABLE_BASE_HIGH),
            low_limit(prefetchable) | high(PREFETCHABLE_LIMIT_HIGH),
        ),
    ]
}

fn low_base(register: u32) -> u64 {
    u64::from(register & 0xfff0) << 16
}

fn low_limit(register: u32) -> u64 {
    u64::from(register & 0xfff0_0000) | (STEP - 1)
}

fn window(base: u64, limit: u64) -> Option<Window> {
    (base != 0 && base < limit).then(|| Window::same(base, limit - base + 1))
}

/// Opens one window of memory below 4 GiB, in whole steps, and shuts the prefetchable one. An empty one shuts both.
pub fn open(config: &mut impl Config, at: Address, base: u64, length: u64) {
    // A base above the limit is shut.
    let shut = 0x0000_fff0;
    let memory = match length {
        0 => shut,
        _ => (base >> 16) as u32 & 0xfff0 | (base + length - 1) as u32 & 0xfff0_0000,
    };
    config.write(at, MEMORY, Width::Word, memory);
    config.write(at, PREFETCHABLE, Width::Word, shut);
    config.write(at, PREFETCHABLE_BASE_HIGH, Width::Word, 0);
    config.write(at, PREFETCHABLE_LIMIT_HIGH, Width::Word, 0);
    config::command(config, at, config::COMMAND_MEMORY | config::COMMAND_MASTER, 0);
}
