extern crate std;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::vec::Vec;

use crate::*;

const SMALL: u8 = 1;
const LARGE: u8 = 2;
const TABLE: u8 = 3;
const OTHER: u8 = 4;

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
    const SPARES: u16 = 2;
}
impl Class<LARGE> for List {
    type T = Large;
    fn scratch(object: &Large) -> &[u8] {
        &object.0[1000..2900]
    }
}
impl Class<TABLE> for List {
    type T = Table;
    const NAMED: bool = false;
    const SPARES: u16 = 8;
}
impl Class<OTHER> for List {
    type T = Table;
    const NAMED: bool = false;
    const SPARES: u16 = 8;
}

/// A memory on the host's heap.
struct World {
    mem: Mem<List>,
    blocks: [(*mut u8, Layout); 3],
}

fn world(frames: u32) -> World {
    let mut world = reserved(frames);
    world.mem.add(Frame(0), frames);
    world
}

/// One in which no frame is free yet.
fn reserved(frames: u32) -> World {
    let n = frames as usize;
    let layouts = [
        Layout::from_size_align(n * PAGE, PAGE).unwrap(),
        Layout::from_size_align(n, 1).unwrap(),
        Layout::array::<FrameInfo>(n).unwrap(),
    ];
    // SAFETY: the layouts are not empty.
    let blocks = layouts.map(|layout| (unsafe { alloc_zeroed(layout) }, layout));
    // SAFETY: fresh zeroed blocks of the right sizes, freed after the memory.
    let mem = unsafe { Mem::new(blocks[0].0, blocks[1].0, blocks[2].0.cast(), frames, 0x40000) };
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
        v.make_slab::<SMALL>(frame, &Small(0), 7);
        let (key, _) = v.take_slot::<SMALL>(frame, &Small(11)).unwrap();
        let name = v.name(key);
        assert_eq!(v.find(name), Some(key));
        assert_eq!(v.free_slot(key), SlabChange::Empty);
        assert_eq!(v.find(name), None);
        let (again, _) = v.take_slot::<SMALL>(frame, &Small(12)).unwrap();
        assert_eq!(again, key, "the slot is used again");
        assert_eq!(v.find(name), None, "but not under the old name");
        v.free_slot(again);
        v.release(frame);
        name
    });
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, &Small(0), 7);
        for i in 0..8 {
            v.take_slot::<SMALL>(frame, &Small(i)).unwrap();
        }
        assert_eq!(v.find(first), None, "nor in a new slab of the same frame");
    });
}

#[test]
fn a_new_object_is_filled_but_for_what_nobody_reads() {
    let mut world = world(8);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<LARGE>(frame, &Large([7; 3000]), 0);
        let (key, _) = v.take_filled::<LARGE>(frame).unwrap();
        let bytes = v.get(key).0;
        assert!(bytes[..1000].iter().chain(&bytes[2900..]).all(|byte| *byte == 7));
        assert!(bytes[1000..2900].iter().all(|byte| *byte == 0), "as it was");
    });
}

#[test]
fn a_name_of_another_class_finds_nothing() {
    let mut world = world(8);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<LARGE>(frame, &Large([0; 3000]), 0);
        let (key, change) = v.take_slot::<LARGE>(frame, &Large([1; 3000])).unwrap();
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
        v.make_slab::<SMALL>(frame, &Small(0), 0);
        let (key, _) = v.take_slot::<SMALL>(frame, &Small(5)).unwrap();
        v.free_slot(key);
        v.release(frame);
        assert_eq!(v.kind(frame), Kind::class(SMALL));
        assert_eq!(*v.get(key), Small(5), "a dead object of the same type");
    });
    assert_eq!(world.mem.free_frames(), free);
}

#[test]
fn what_is_kept_is_good_for_its_era_and_its_memory() {
    let (mut world, mut other) = (world(8), world(8));
    let (small, pair) = world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, &Small(0), 7);
        let first = v.take_slot::<SMALL>(frame, &Small(1)).unwrap().0;
        let second = v.take_slot::<SMALL>(frame, &Small(2)).unwrap().0;
        (v.keep(second), v.keep_pair(first, first))
    });
    let joined = world.mem.view(|v| {
        let mut joined = pair;
        joined.join(small);
        let (first, second) = v.kept_pair(&joined).unwrap();
        assert_eq!((*v.get(first), *v.get(second)), (Small(1), Small(2)));
        assert_eq!((v.kept(&Kept::<SMALL>::NONE), v.kept(&Kept::from(small.link()))), (None, None));
        joined
    });
    other.mem.view(|v| assert!(v.kept(&small).is_none(), "another memory's"));
    world.mem.view(|mut v| {
        v.end_era();
        assert!(v.kept(&small).is_none() && v.kept_pair(&joined).is_none());
        let key = v.follow(small.link()).unwrap();
        let mut late = joined;
        late.join(v.keep(key));
        assert!(v.kept_pair(&late).is_none(), "keys of two eras don't join");
        assert_eq!(v.kept(&v.keep(key)), Some(key));
    });
}

#[test]
fn a_used_up_generation_retires_the_slot() {
    let mut world = world(4);
    world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.frame_mut(frame).generation = 0xffff_fe00;
        v.make_slab::<LARGE>(frame, &Large([0; 3000]), 0);
        let (key, _) = v.take_slot::<LARGE>(frame, &Large([0; 3000])).unwrap();
        assert_ne!(v.free_slot(key), SlabChange::Empty);
        assert!(v.take_slot::<LARGE>(frame, &Large([0; 3000])).is_none());
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

/// The allocator's lists: every free block is listed once, in its order, aligned, not beside a free buddy; and what is at hand once.
fn check_blocks(mem: &Mem<List>) {
    let mut listed = std::collections::BTreeSet::new();
    let mut frames = 0;
    for order in 0..crate::view::ORDERS {
        let (mut at, mut prev) = (mem.heads[order], Frame::NONE);
        while !at.is_none() {
            let info = mem.info(at);
            assert_eq!((mem.kind(at), info.free as usize, info.prev), (Kind::FREE, order, prev));
            assert!(at.0.is_multiple_of(1 << order), "a block is aligned to its size");
            assert!((1..1 << order).all(|n| mem.kind(at.plus(n)) == Kind::FREE_TAIL), "its frames are marked");
            let buddy = Frame(at.0 ^ 1 << order);
            let whole =
                buddy.0 < mem.frames() && mem.kind(buddy) == Kind::FREE && mem.info(buddy).free as usize == order;
            assert!(!whole, "free buddies are merged");
            assert!(listed.insert(at), "listed once");
            frames += 1 << order;
            (prev, at) = (at, info.next);
        }
    }
    let spares = mem.spares.iter().map(|stock| (stock, Kind::SPARE));
    for (stock, kind) in [(&mem.singles, Kind::STOCK)].into_iter().chain(spares) {
        let (mut at, mut count) = (stock.head, 0);
        while !at.is_none() {
            assert_eq!(mem.kind(at), kind);
            assert!(listed.insert(at), "at hand once");
            count += 1;
            at = mem.info(at).next;
        }
        assert_eq!(count, stock.count);
        frames += count;
    }
    assert_eq!(frames, mem.free_frames());
    let marked = (1..mem.frames()).filter(|n| mem.kind(Frame(*n)).is_free()).count();
    assert_eq!(marked as u32, frames);
}

#[test]
fn memory_is_added_piece_by_piece_and_what_is_in_use_stays() {
    let mut world = reserved(64);
    for (first, frames, free) in [(3, 5, 5), (8, 1, 6), (20, u32::MAX, 50), (0, 4, 52), (0, 64, 63)] {
        world.mem.add(Frame(first), frames);
        assert_eq!(world.mem.free_frames(), free, "from {first} on");
        check_blocks(&world.mem);
    }
    let taken = world.mem.view(|mut v| v.take(7).unwrap());
    world.mem.add(Frame(0), 64);
    assert_eq!(world.mem.free_frames(), 56);
    world.mem.view(|mut v| v.give(taken, 7));
    check_blocks(&world.mem);
}

#[test]
fn blocks_stay_whole_whatever_is_taken_and_given() {
    for frames in [1, 2, 3, 7, 64, 100, 333] {
        let mut world = world(frames);
        let mut random = xorshift(frames as u64);
        let mut held: Vec<(Frame, u32)> = Vec::new();
        check_blocks(&world.mem);
        for _ in 0..300 {
            let (action, n) = (random() % 3, random() as u32 % 40);
            world.mem.view(|mut v| match action {
                0 if !held.is_empty() => {
                    let (first, pages) = held.swap_remove(n as usize % held.len());
                    v.give(first, pages);
                }
                1 if !held.is_empty() => {
                    // A part, as when a Memory's frames go one by one.
                    let (first, pages) = held.swap_remove(n as usize % held.len());
                    let cut = n % pages;
                    v.give(first, cut);
                    held.push((first.plus(cut), pages - cut));
                }
                _ => held.extend(v.take(n).map(|first| (first, n))),
            });
            check_blocks(&world.mem);
        }
        let ours: u32 = held.iter().map(|block| block.1).sum();
        assert_eq!(world.mem.free_frames() + ours, frames - 1, "frame 0 is never used");
    }
}

#[test]
fn what_is_at_hand_is_there_for_who_wants_many() {
    let mut world = world(64);
    let all = |v: &mut View<'_, '_, List>| -> Vec<Frame> { (0..63).map(|_| v.take(1).unwrap()).collect() };
    world.mem.view(|mut v| {
        let taken = all(&mut v);
        assert_eq!((v.take(1), v.free_frames()), (None, 0));
        taken.iter().rev().for_each(|frame| v.give(*frame, 1));
        assert_eq!(v.free_frames(), 63);
    });
    assert!(world.mem.singles.count > 0, "some are at hand");
    check_blocks(&world.mem);
    world.mem.view(|mut v| {
        assert!(v.take(64).is_none(), "frame 0 is never used");
        let (half, quarter) = (v.take(32).unwrap(), v.take(16).unwrap());
        v.give(half, 32);
        v.give(quarter, 16);
        let taken = all(&mut v);
        let pages: Vec<_> = taken.iter().map(|frame| v.make_page::<TABLE>(*frame, Table([7; 512]), 0)).collect();
        pages.iter().for_each(|page| v.release_spare(*page));
    });
    check_blocks(&world.mem);
    assert!(world.mem.spares.iter().any(|stock| stock.count > 0), "and spare ones");
    world.mem.view(|mut v| {
        assert_eq!(all(&mut v).len(), 63, "spare ones, too");
        assert!(v.take_spare::<TABLE>(0).is_none());
    });
}

#[test]
fn a_spare_page_is_as_it_was_left() {
    let mut world = world(16);
    let (first, free) = world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        assert!(v.take_spare::<TABLE>(0).is_none(), "none was released");
        let page = v.make_page::<TABLE>(frame, Table([5; 512]), 3);
        v.release_spare(page);
        assert!(v.take_spare::<TABLE>(0).is_none(), "not while the view lives");
        (page.link(), v.free_frames())
    });
    assert_eq!(world.mem.free_frames(), free + 1, "it counts as free");
    world.mem.view(|mut v| {
        assert!(v.follow(first).is_none(), "and is no page of its class");
        assert!(v.take_spare::<OTHER>(0).is_none(), "nor of another");
        let page = v.take_spare::<TABLE>(4).unwrap();
        assert_eq!((page.link(), v.get(page).0, v.frame(page.frame()).owner), (first, [5; 512], 4));
        assert_eq!(v.free_frames(), free);
        v.release(page.frame());
    });
    check_blocks(&world.mem);
    world.mem.view(|mut v| assert!(v.take_spare::<TABLE>(0).is_none(), "only what was released to be spare"));
}

#[test]
fn a_spare_slab_has_free_slots_whose_names_are_stale() {
    let mut world = world(16);
    let names: Vec<_> = world.mem.view(|mut v| {
        let frame = v.take(1).unwrap();
        v.make_slab::<SMALL>(frame, &Small(0), 7);
        let taken: Vec<_> = (1..=5).map(|n| v.take_slot::<SMALL>(frame, &Small(n)).unwrap().0).collect();
        let names = taken.iter().map(|key| v.name(*key)).collect();
        // Some in another order.
        let ends: Vec<_> = [2, 0, 4, 1, 3].into_iter().map(|n: usize| v.free_slot(taken[n])).collect();
        assert_eq!((ends[3], ends[4]), (SlabChange::Partial, SlabChange::Empty));
        v.release_slab::<SMALL>(frame);
        assert!(v.take_spare_slab::<SMALL>(8).is_none(), "not while the view lives");
        names
    });
    check_blocks(&world.mem);
    world.mem.view(|mut v| {
        let free = v.free_frames();
        let frame = v.take_spare_slab::<SMALL>(8).unwrap();
        assert_eq!((v.frame(frame).owner, v.frame(frame).used, v.free_frames()), (8, 0, free - 1));
        let slots = v.room::<SMALL>(frame);
        let mut places = std::collections::BTreeSet::new();
        for n in 0..slots {
            let (key, change) = v.take_slot::<SMALL>(frame, &Small(100 + u64::from(n))).unwrap();
            assert_eq!(change == SlabChange::Full, n + 1 == slots);
            assert!(places.insert(key.link().raw()), "each slot once");
            assert_eq!(v.get(key).0, 100 + u64::from(n));
        }
        assert!(names.iter().all(|name| v.find(*name).is_none()), "no name from before finds what is there now");
    });
}

#[test]
fn so_many_slabs_are_spare_as_their_class_says() {
    let mut world = world(16);
    world.mem.view(|mut v| {
        for _ in 0..4 {
            let frame = v.take(1).unwrap();
            v.make_slab::<SMALL>(frame, &Small(0), 7);
            v.release_slab::<SMALL>(frame);
            let frame = v.take(1).unwrap();
            v.make_slab::<LARGE>(frame, &Large([0; 3000]), 7);
            v.release_slab::<LARGE>(frame);
        }
    });
    check_blocks(&world.mem);
    world.mem.view(|mut v| {
        let spare = (0..4).filter(|_| v.take_spare_slab::<SMALL>(1).is_some()).count();
        assert_eq!((spare, v.take_spare_slab::<LARGE>(1)), (2, None));
    });
}

#[test]
fn a_page_uses_up_no_generations() {
    let mut world = world(2);
    for _ in 0..100_000 {
        world.mem.view(|mut v| {
            let frame = v.take(1).unwrap();
            v.make_page::<TABLE>(frame, Table([0; 512]), 0);
            v.release(frame);
        });
    }
    world.mem.view(|v| assert_eq!(v.frame(Frame(1)).generation, 0, "pages have no names, and use none up"));
}

#[test]
fn no_name_is_ever_given_twice() {
    let mut world = world(3);
    let mut names = std::collections::BTreeSet::new();
    let mut random = xorshift(7);
    // Near the end of generations, where slots are retired; slabs come and go.
    world.mem.view(|mut v| v.frame_mut(Frame(1)).generation = 0xffff_f000);
    for _ in 0..200 {
        world.mem.view(|mut v| {
            let Some(frame) = v.take(1) else { return };
            v.make_slab::<LARGE>(frame, &Large([0; 3000]), 0);
            let mut dead = Vec::new();
            for _ in 0..=random() % 3 {
                let Some((key, _)) = v.take_slot::<LARGE>(frame, &Large([1; 3000])) else { break };
                let name = v.name(key);
                assert!(names.insert(name.any().0), "a name comes once");
                assert!(dead.iter().all(|old| v.find::<LARGE>(*old).is_none()));
                dead.push(name);
                if v.free_slot(key) != SlabChange::Empty {
                    return;
                }
            }
            v.release(frame);
        });
    }
    assert!(names.len() > 10);
}

/// Numbers that are the same on every run.
fn xorshift(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    }
}
