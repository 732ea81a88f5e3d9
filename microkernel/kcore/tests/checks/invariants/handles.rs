//! Handle tables are whole, and objects know how many handles they have.

use std::collections::BTreeSet;

use abi::Rights;
use kcore::objects::*;
use kmem::{AnyName, Class};

use super::{Cx, all, handles, slots};

pub fn check(cx: &mut Cx<'_, '_>) {
    for process in all::<PROCESS>(cx) {
        let (p, slots) = (*cx.v.get(process), slots(cx, process));
        let used = slots.iter().filter(|(_, entry)| entry.object.class() != 0).count();
        assert_eq!(used as u32, p.handle_count, "handles in use");
        if p.dying {
            continue;
        }
        let (mut free, mut count) = (vec![false; slots.len()], 0);
        for (mut at, near) in [(p.free_slot, true), (p.free_far, false)] {
            while at != 0 {
                let entry = slots[at as usize].1;
                assert!(entry.object.class() == 0 && entry.generation != 0, "a free slot is free and not retired");
                assert!(!std::mem::replace(&mut free[at as usize], true), "the free slots are no circle");
                assert_eq!(at < SLOTS_PER_PAGE, near, "the first page's are apart: nobody looks through more");
                count += 1;
                at = entry.object.number();
            }
        }
        let empty = slots.iter().filter(|(i, e)| *i != 0 && e.object.class() == 0 && e.generation != 0);
        assert_eq!(empty.count(), count, "every empty slot can be found");
    }
    references(cx);
}

fn references(cx: &Cx<'_, '_>) {
    // The place of each handle's object; sorted, as there are many.
    let (mut refs, mut receive) = (Vec::new(), Vec::new());
    for entry in handles(cx) {
        let Some(place) = place(cx, entry.object) else { continue };
        refs.push(place);
        if entry.object.class() == CHANNEL && entry.rights().contains(Rights::RECV) {
            receive.push(place);
        }
    }
    let mut kept = BTreeSet::new();
    for memory in all::<MEMORY>(cx) {
        if let Some(root) = cx.v.find(cx.v.get(memory).root) {
            refs.push(root.link().raw());
        }
    }
    for thread in all::<THREAD>(cx) {
        if let Some(pending) = cx.v.find(cx.v.get(thread).pending) {
            assert!(kept.insert(pending.link().raw()), "a half-made Memory is one thread's");
            assert_eq!(cx.v.get(pending).refs, 0, "nobody has a handle to what is half made");
        }
    }
    refs.sort_unstable();
    let expect = |place: u32| {
        (refs.partition_point(|other| *other <= place) - refs.partition_point(|other| *other < place)) as u32
    };
    let receiving = |place: u32| receive.iter().filter(|other| **other == place).count() as u32;
    for key in all::<POOL>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of a pool");
    }
    for key in all::<PROCESS>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of a process");
    }
    for key in all::<THREAD>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of a thread");
    }
    for key in all::<CHANNEL>(cx) {
        let c = cx.v.get(key);
        assert_eq!(c.refs, expect(key.link().raw()), "handles of a channel");
        assert_eq!(c.receive_refs, receiving(key.link().raw()));
        assert!(c.receive_refs > 0 || c.ending, "a channel ends with the last handle that may receive");
    }
    for key in all::<NOTIFICATION>(cx) {
        let refs = cx.v.get(key).refs;
        assert_eq!(refs, expect(key.link().raw()), "handles of a notification");
        assert!(refs > 0, "a notification ends with its last handle");
    }
    for key in all::<MEMORY>(cx) {
        let m = cx.v.get(key);
        // The kernel itself holds the log's Memory, the first that was made.
        let log = (m.pages == kcore::LOG_PAGES && m.pool == cx.s.root_pool && m.refs > 0) as u32;
        let counted = expect(key.link().raw());
        assert!(m.refs == counted || m.refs == counted + log, "handles and slices of a Memory");
        let needed = m.refs > 0 || m.mapping_count > 0 || kept.contains(&key.link().raw());
        assert!(needed || m.ending, "an unused Memory is gone");
    }
    for key in all::<GRANT>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of a Grant");
    }
    for key in all::<INTERRUPT>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of an Interrupt");
    }
    for key in all::<PORTS>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of I/O ports");
    }
    for key in all::<AUTHORITY>(cx) {
        assert_eq!(cx.v.get(key).refs, expect(key.link().raw()), "handles of an Authority");
    }
}

/// Where the object of a name is, if it is still there.
fn place(cx: &Cx<'_, '_>, name: AnyName) -> Option<u32> {
    fn at<const I: u8>(cx: &Cx<'_, '_>, name: AnyName) -> Option<u32>
    where
        Objects: Class<I>,
    {
        cx.v.find_any::<I>(name).map(|key| key.link().raw())
    }
    match name.class() {
        POOL => at::<POOL>(cx, name),
        PROCESS => at::<PROCESS>(cx, name),
        THREAD => at::<THREAD>(cx, name),
        CHANNEL => at::<CHANNEL>(cx, name),
        NOTIFICATION => at::<NOTIFICATION>(cx, name),
        MEMORY => at::<MEMORY>(cx, name),
        GRANT => at::<GRANT>(cx, name),
        INTERRUPT => at::<INTERRUPT>(cx, name),
        PORTS => at::<PORTS>(cx, name),
        AUTHORITY => at::<AUTHORITY>(cx, name),
        _ => None,
    }
}
