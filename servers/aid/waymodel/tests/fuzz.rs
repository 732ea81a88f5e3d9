//! The loader on damaged files: an error or a model, never a panic, and never much memory.
//!
//! [`load_any`] is the fuzz target. The tests feed it mutated models; hashes are made right again, so that mutations reach
//! the rules behind them.

#[path = "common/mod.rs"]
mod common;

use common::{Random, example};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use waymodel::Model;
use waymodel::format::section;
use waymodel::write::{find_section, reseal};

/// The fuzz target: loads `bytes` as they are, and with hashes made right. Gives the number of the rule that refused them.
fn load_any(bytes: &[u8]) -> Option<u8> {
    let _ = Model::load(bytes);
    let mut sealed = bytes.to_vec();
    reseal(&mut sealed);
    match Model::load(&sealed[..]) {
        Ok(model) => {
            model.tests().for_each(|test| test.values(model.manifest(), model.tensors()).for_each(drop));
            assert_eq!(model.manifest().encode(), model.manifest_bytes(), "a manifest has one form");
            None
        }
        Err(error) => {
            assert!((1..=25).contains(&error.rule) && !error.to_string().is_empty());
            Some(error.rule)
        }
    }
}

/// The example with the smallest tokenizer, and a grammar of two states.
fn seed() -> Vec<u8> {
    let mut builder = example();
    builder.tokenizer = vec![0; 64];
    builder.tokenizer[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    builder.tokenizer[32] = 9;
    let grammar: [u16; 20] = [2, 3, 1, 0, 4, 0, 0, 0, 0, 2, 2, 1, 0, 1, 0xFFFF, 1, 0xFFFE, 0, 0, 4];
    builder.grammar = grammar.iter().flat_map(|w| w.to_le_bytes()).chain(*b"list").collect();
    builder.build()
}

/// Changes a few bytes, mostly in the sections that the loader reads.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let sections = [
        section::MANIFEST,
        section::STRINGS,
        section::TENSORS,
        section::GRAPH,
        section::PLAN,
        section::TESTS,
        section::TOKENIZER,
        section::GRAMMAR,
    ];
    if random.below(8) == 0 {
        // A tensor's dtype, role, layout or rank: rules 13 and 19.
        let (tensors, length) = find_section(file, section::TENSORS).unwrap_or((0, 64));
        let at = tensors + 64 * random.below(length / 64) + 5 + random.below(4);
        file[at] = random.below(9) as u8;
    }
    for _ in 0..1 + random.below(3) {
        let (start, length) = match random.below(10) {
            0 => (0, 512),
            1 => (0, file.len()),
            n => find_section(file, sections[n - 2]).unwrap_or((0, 512)),
        };
        let at = start.saturating_add(random.below(length)).min(file.len().saturating_sub(1));
        let Some(byte) = file.get_mut(at) else { return };
        *byte = match random.below(5) {
            0 => *byte ^ (1 << random.below(8)),
            1 => [0, 1, 2, 0x7F, 0x80, 0xFF][random.below(6)],
            2 => byte.wrapping_add(1),
            3 => byte.wrapping_sub(1),
            _ => random.next() as u8,
        };
    }
    if random.below(64) == 0 {
        file.truncate(random.below(file.len() + 1));
    }
}

#[test]
fn mutated_models_never_panic_and_reach_the_deep_rules() {
    let seed = seed();
    let mut random = Random(2026);
    let mut refused = [0u32; 26];
    for _ in 0..20_000 {
        let mut file = seed.clone();
        mutate(&mut file, &mut random);
        refused[usize::from(load_any(&file).unwrap_or(0))] += 1;
    }
    for rule in (1..=25).filter(|rule| ![7, 9].contains(rule)) {
        assert!(refused[rule] > 0, "rule {rule} was never reached: {refused:?}");
    }
    assert!(refused[0] > 100, "some mutations do no harm: {refused:?}");
}

#[test]
fn bytes_that_are_no_model_at_all_are_refused() {
    let mut random = Random(7);
    for length in [0, 1, 127, 4096, 8 * 4096, 9 * 4096] {
        let mut file: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        assert!(load_any(&file).is_some());
        file.iter_mut().zip(b"WAYMODL2\x02\0").for_each(|(slot, byte)| *slot = *byte);
        assert!(load_any(&file).is_some());
    }
}

/// Counts this thread's allocated bytes: at most four times those of the tables, however the file is mutated.
#[test]
fn loading_allocates_at_most_four_times_the_tables() {
    let seed = seed();
    let mut random = Random(99);
    for _ in 0..3_000 {
        let mut file = seed.clone();
        mutate(&mut file, &mut random);
        reseal(&mut file);
        let before = ALLOCATED.get();
        let result = Model::load(&file[..]);
        let used = ALLOCATED.get() - before;
        // An error's text is no table: a few hundred bytes.
        let error_text = if result.is_err() { 1024 } else { 0 };
        assert!(used <= 4 * tables_bytes(&file) + error_text, "{used} bytes for {}", tables_bytes(&file));
    }
}

/// Bytes of the sections that the loader turns into tables. The plan's bytes are at least those of its records.
fn tables_bytes(file: &[u8]) -> u64 {
    let tables = [section::MANIFEST, section::STRINGS, section::TENSORS, section::GRAPH, section::PLAN];
    tables.iter().filter_map(|&kind| find_section(file, kind)).map(|(_, length)| length.min(1 << 20) as u64).sum()
}

struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: 1. All calls go to the system allocator unchanged. 2. The counter is a plain number of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|sum| sum.set(sum.get() + layout.size() as u64));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
