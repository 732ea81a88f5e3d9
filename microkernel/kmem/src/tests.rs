extern crate std;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::vec::Vec;

use crate::*;

const SMALL: u8 = 1;
const LARGE: u8 = 2;
const TABLE: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Small(u64);
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Large([u8; 3000]);
#[derive(Clone, Copy)]
struct Table([u64; 512]);

struct List;
impl Class<SMALL> for List {
    type T = Small;
}
impl Class<LARGE> for List {
    type T = Large;
}
impl Class<TABLE> for List {
    type T = Table;
    const NAMED: bool = false;
}

/// A memory on the host's heap.
struct World {
    mem: Mem<List>,
    blocks: [(*mut u8, Layout); 3],
}

fn world(frames: u32) -> World {
    let n = frames as usize;
    let layouts = [
        Layout::from_size_align(n * PAGE, PAGE).unwrap(),
        Layout::from_size_align(n, 1).unwrap(),
        Layout::array::<FrameInfo>(n).unwrap(),
    ];
    // SAFETY: the layouts are not empty.
    let blocks = layouts.map(|layout| (unsafe { alloc_zeroed(layout) }, layout));
    // SAFETY: fresh zeroed blocks of the right sizes, freed after the memory.
    let mut mem = unsafe { Mem::new(blocks[0].0, blocks[1].0, blocks[2].0.cast(), frames, 0x40000) };
    mem.add(Frame(0), frames);
    World { mem, blocks }
}

impl Drop for World {
    fn drop(&mut self) {
        for (pointer, layout) in self.blocks {
            // SAFETY: allocated with this layout in `world`.
            unsafe { dealloc(pointer, layout) }
        }
    }
}

#[test]
fn a_stale_name_never_finds_the_next_object() {
    let mut world = world(8);
    let first = world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, Small(0), 7);
        let (key, _) = v.take_slot::<SMALL>(frame, Small(11)).unwrap();
        let name = v.name(key);
        assert_eq!(v.find(name), Some(key));
        assert_eq!(v.free_slot(key), SlabChange::Empty);
        assert_eq!(v.find(name), None);
        let (again, _) = v.take_slot::<SMALL>(frame, Small(12)).unwrap();
        assert_eq!(again, key, "the slot is used again");
        assert_eq!(v.find(name), None, "but not under the old name");
        v.free_slot(again);
        v.release(frame);
        name
    });
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, Small(0), 7);
        for i in 0..8 {
            v.take_slot::<SMALL>(frame, Small(i)).unwrap();
        }
        assert_eq!(v.find(first), None, "nor in a new slab of the same frame");
    });
}

#[test]
fn a_name_of_another_class_finds_nothing() {
    let mut world = world(8);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<LARGE>(frame, Large([0; 3000]), 0);
        let (key, change) = v.take_slot::<LARGE>(frame, Large([1; 3000])).unwrap();
        assert_eq!(change, SlabChange::Full);
        assert!(core::ptr::from_ref(v.get(key)).addr().is_multiple_of(64));
        assert!(v.find_any::<SMALL>(v.name(key).any()).is_none());
        assert!(v.follow(Link::<SMALL>::from_raw(key.link().raw())).is_none());
        assert!(v.follow(Link::<LARGE>::from_raw(key.link().raw() + 1)).is_none(), "not a slot's start");
        assert!(v.follow(Link::<LARGE>::from_raw(u32::MAX)).is_none());
    });
}

#[test]
fn a_released_slab_keeps_its_type_while_the_view_lives() {
    let mut world = world(4);
    let free = world.mem.free_frames();
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, Small(0), 0);
        let (key, _) = v.take_slot::<SMALL>(frame, Small(5)).unwrap();
        v.free_slot(key);
        v.release(frame);
        assert_eq!(v.kind(frame), Kind::class(SMALL));
        assert_eq!(*v.get(key), Small(5), "a dead object of the same type");
    });
    assert_eq!(world.mem.free_frames(), free);
}

#[test]
fn a_used_up_generation_retires_the_slot() {
    let mut world = world(4);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.frame_mut(frame).generation = 0xffff_fe00;
        v.make_slab::<LARGE>(frame, Large([0; 3000]), 0);
        let (key, _) = v.take_slot::<LARGE>(frame, Large([0; 3000])).unwrap();
        assert_ne!(v.free_slot(key), SlabChange::Empty);
        assert!(v.take_slot::<LARGE>(frame, Large([0; 3000])).is_none());
    });
}

#[test]
fn extents_are_disjoint_and_merge_again() {
    let mut world = world(512);
    let free = world.mem.free_frames();
    assert_eq!(free, 511);
    let mut seed = 1u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % n
    };
    world.mem.view(|mut v| {
        let mut held: Vec<(Frame, u32)> = Vec::new();
        for _ in 0..2_000 {
            if random(2) == 0 || held.is_empty() {
                let pages = random(20) as u32 + 1;
                if let Some(first) = v.take(pages) {
                    for n in 0..pages {
                        assert!(held.iter().all(|(f, p)| first.0 + n < f.0 || first.0 + n >= f.0 + p));
                    }
                    held.push((first, pages));
                }
            } else {
                let (first, pages) = held.swap_remove(random(held.len() as u64) as usize);
                v.give(first, pages);
            }
            assert_eq!(v.free_frames(), free - held.iter().map(|h| h.1).sum::<u32>());
        }
        for (first, pages) in held {
            v.give(first, pages);
        }
        assert!(v.take(256).is_some(), "all merged");
    });
}

#[test]
fn pages_and_bytes_keep_what_is_written() {
    let mut world = world(8);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        let table = v.make_page::<TABLE>(frame, Table([9; 512]), 0);
        assert_eq!(v.get(table).0[511], 9);
        assert_eq!(v.follow(Link::<TABLE>::page(frame)), Some(table));
        let (a, b) = (v.take(1).unwrap(), v.take(1).unwrap());
        v.zero(a);
        v.zero(b);
        v.write_word(a, 0x20, 77);
        v.copy_words(a, b, 0x20, 4);
        assert_eq!(v.read_word(b, 0x20), 77);
        v.release(frame);
    });
}
