//! What holds in every state between two entries into the kernel, each fact counted anew from the objects themselves.
//!
//! [`check`] panics with what is wrong. Nothing here asks the code under test for more than places and contents.

mod endings;
mod frames;
mod grants;
mod handles;
mod queues;
mod spaces;
mod threads;

use std::cell::RefCell;
use std::rc::Rc;

use kcore::objects::*;
use kmem::{Class, Frame, Key, Kind, Link};

use crate::world::{Model, World};

pub use spaces::fill_tlb;

pub type Cx<'k, 'id> = kcore::Cx<'k, 'id, Model>;

/// Checks everything.
pub fn check(w: &mut World) {
    let _known = Census::begin();
    w.with(|cx| {
        frames::check(cx);
        handles::check(cx);
        grants::check(cx);
        queues::check(cx);
        threads::check(cx);
        spaces::check(cx);
        endings::check(cx);
    });
    let free = w.with(|cx| (1..cx.v.frames()).filter(|n| cx.v.kind(Frame(*n)).is_free()).count());
    assert_eq!(free as u32, w.free(), "frames marked free, and counted so");
    let of_tables = |cx: &Cx<'_, '_>, frame: &Frame| cx.v.frame(*frame).used == u16::from(TABLE);
    let spares: Vec<Frame> = w.with(|cx| cx.v.frames_of(Kind::SPARE).filter(|frame| of_tables(cx, frame)).collect());
    let empty = |frame: &Frame| w.frame(frame.0).iter().all(|byte| *byte == 0);
    assert!(spares.iter().all(empty), "a spare page table has no entry");
    let own = w.with(|cx| {
        let pools = all::<POOL>(cx);
        pools.iter().map(|pool| cx.v.get(*pool).used - cx.v.get(*pool).given).sum::<u32>()
    });
    let limit = w.with(|cx| cx.v.follow(cx.s.root_pool).map(|root| cx.v.get(root).limit).unwrap());
    assert_eq!(limit, own + w.free(), "every frame of the root pool is in use by one pool, or free");
}

/// Every live object of a class.
pub fn all<'id, const I: u8>(cx: &Cx<'_, 'id>) -> Vec<Key<'id, I>>
where
    Objects: Class<I>,
{
    let places = known(
        |census| &mut census.places[I as usize],
        || {
            let slots = frames_of::<I>(cx).flat_map(|frame| cx.v.slots::<I>(frame));
            slots.filter(|link| cx.v.live(*link).is_some()).map(Link::raw).collect()
        },
    );
    places.iter().filter_map(|place| cx.v.follow(Link::from_raw(*place))).collect()
}

/// Every frame of a class.
pub fn frames_of<const I: u8>(cx: &Cx<'_, '_>) -> impl Iterator<Item = Frame> + use<I> {
    let frames = || cx.v.frames_of(Kind::class(I)).map(|frame| frame.0).collect();
    let frames = known(|census| &mut census.frames[I as usize], frames);
    (0..frames.len()).map(move |n| Frame(frames[n]))
}

/// What was found during a check: nothing changes meanwhile, so it is looked for once.
#[derive(Default)]
struct Census {
    on: bool,
    frames: [Option<Rc<[u32]>>; CLASSES],
    places: [Option<Rc<[u32]>>; CLASSES],
}

const CLASSES: usize = 16;

thread_local! {
    static CENSUS: RefCell<Census> = RefCell::default();
}

impl Census {
    /// A check begins; it ends with what is returned.
    fn begin() -> impl Drop {
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                CENSUS.replace(Census::default());
            }
        }
        CENSUS.replace(Census { on: true, ..Census::default() });
        End
    }
}

/// What is known, or, outside a check, found anew.
fn known(of: impl Fn(&mut Census) -> &mut Option<Rc<[u32]>>, find: impl FnOnce() -> Rc<[u32]>) -> Rc<[u32]> {
    let (on, found) = CENSUS.with_borrow_mut(|census| (census.on, of(census).clone()));
    if let Some(found) = found {
        return found;
    }
    let found = find();
    if on {
        CENSUS.with_borrow_mut(|census| *of(census) = Some(found.clone()));
    }
    found
}

/// The entries of a process's table: slot number and contents.
pub fn slots<'id>(cx: &Cx<'_, 'id>, process: ProcessKey<'id>) -> Vec<(u32, Entry)> {
    let mut slots = Vec::with_capacity(cx.v.get(process).slots as usize);
    for (first, page) in pages(cx, process) {
        slots.extend(page.0.iter().enumerate().map(|(i, entry)| (first + i as u32, *entry)));
    }
    slots
}

/// Every handle in every table.
pub fn handles(cx: &Cx<'_, '_>) -> Vec<Entry> {
    let mut handles = Vec::with_capacity(64);
    for process in all::<PROCESS>(cx) {
        for (_, page) in pages(cx, process) {
            handles.extend(page.0.iter().filter(|entry| entry.object.class() != 0));
        }
    }
    handles
}

/// The pages of a process's table, with their first slot's number.
fn pages<'c, 'id>(cx: &'c Cx<'_, 'id>, process: ProcessKey<'id>) -> impl Iterator<Item = (u32, &'c Handles)> {
    let p = cx.v.get(process);
    let page = move |n: u32| match n {
        0 => cx.v.follow(p.handles),
        n => cx.v.follow(cx.v.get(cx.v.follow(p.directory)?).0[n as usize]),
    };
    let pages = 0..p.slots / SLOTS_PER_PAGE;
    pages.map(move |n| (n * SLOTS_PER_PAGE, cx.v.get(page(n).expect("every page of slots is there"))))
}
