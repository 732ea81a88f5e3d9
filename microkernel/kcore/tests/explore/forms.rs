//! The canonical form: names and counters make no difference, and all that decides how the kernel goes on does.

use abi::calls::number as nr;
use abi::info::MemoryType;
use kcore::objects::*;
use kmem::{Class, Frame, FrameState, Link, Name};

use crate::explore::canonical::Former;
use crate::explore::starts;
use crate::invariants::all;
use crate::world::*;

fn form(w: &mut World) -> Vec<u64> {
    let mut former = Former::default();
    former.form(w);
    former.out
}

fn start(name: &str) -> World {
    let found = starts::all().into_iter().find(|start| start.name == name);
    found.and_then(|start| start.world).expect("there is such a start")
}

#[test]
fn names_and_generations_make_no_difference() {
    let (mut fresh, mut used) = (start("messages"), start("messages"));
    assert_eq!(form(&mut fresh), form(&mut used), "the same start twice");
    let pool = used.pool_handle();
    for _ in 0..5 {
        let note = used.ok(nr::create, &[pool, NOTIFICATION as u64]);
        let memory = used.ok(nr::create, &[pool, MEMORY as u64, 3, 0]);
        for handle in [memory, note] {
            used.ok(nr::close, &[handle]);
        }
    }
    assert_ne!(fresh.tables(), used.tables(), "frames remember what died in them");
    assert_eq!(form(&mut fresh), form(&mut used), "what came and went is forgotten");
    // A notification at another place, by a handle of another generation in the same slot.
    let copy = fresh.ok(nr::dup, &[pool, 0xffff, 0, 0]);
    let note = fresh.ok(nr::create, &[pool, NOTIFICATION as u64]);
    fresh.ok(nr::close, &[copy]);
    let before = used.ok(nr::create, &[pool, NOTIFICATION as u64]);
    let moved = used.ok(nr::create, &[pool, NOTIFICATION as u64]);
    used.ok(nr::close, &[before]);
    assert_ne!(note, moved, "another generation");
    assert_eq!(note & 0xffff, moved & 0xffff, "the same slot");
    assert_eq!(form(&mut fresh), form(&mut used));
    // But whether the name is stale does make one.
    used.ok(nr::close, &[moved]);
    assert_ne!(form(&mut fresh), form(&mut used));
}

#[test]
fn counters_make_no_difference() {
    let mut w = start("messages");
    let before = form(&mut w);
    for thread in w.with(|cx| all::<THREAD>(cx).into_iter().map(|t| t.link()).collect::<Vec<_>>()) {
        w.edit(thread, |t| {
            t.sequence += 77;
            t.run_time += 1_000_000;
            t.run_start += 5;
            t.context.regs.words = [99; 8];
            t.context.regs.rest[3] = 7;
        });
    }
    w.k.system.counts[0] += 1;
    w.k.system.asids[1] |= 1 << 40;
    w.with(|cx| cx.write_log(0, 0, b"a record"));
    let core = &mut w.k.system.cores[0];
    for time in [&mut core.armed, &mut core.slice_end, &mut w.k.system.hw.timer] {
        if *time != u64::MAX {
            *time += 1 << 30;
        }
    }
    w.k.system.hw.now += 1 << 30;
    assert_eq!(before, form(&mut w), "the same at another time");
}

/// A state with at least one object of each class: Memory is mapped, a line is bound.
fn rich() -> World {
    let mut w = start("memory");
    let own = 0x1_0001;
    let slot = |w: &mut World, slot: u64| {
        let me = w.current();
        w.with(|cx| {
            let me = cx.v.live(me).unwrap();
            let process = cx.v.get(cx.v.live(cx.v.get(me).process).unwrap());
            let page = cx.v.get(cx.v.follow(process.handles).unwrap());
            slot | (page.0[slot as usize].generation as u64) << 16
        })
    };
    let (memory, line) = (slot(&mut w, 46), slot(&mut w, 48));
    w.ok(nr::map, &[own, memory, 0x2000_4000, 0, 2, 3]);
    w.ok(nr::irq_bind, &[line, 0x1_0006, 4]);
    let ports = w.with(|cx| {
        let root = cx.v.live(cx.s.root_pool).unwrap();
        cx.boot_ports(root).unwrap()
    });
    w.give_init(ports);
    w
}

/// Changes the first object of a class, of which something is given, and looks whether the form tells.
fn change<const I: u8>(
    what: &str,
    given: impl FnOnce(&mut <Objects as Class<I>>::T),
    f: impl FnOnce(&mut <Objects as Class<I>>::T),
) where
    Objects: Class<I>,
{
    let mut w = rich();
    let first = w.with(|cx| all::<I>(cx).first().expect("there is one").link());
    w.with(|cx| given(cx.v.get_mut(cx.v.live(first).unwrap())));
    let before = form(&mut w);
    w.with(|cx| f(cx.v.get_mut(cx.v.live(first).unwrap())));
    assert!(before != form(&mut w), "class {I}: {what} makes a difference");
}

macro_rules! each {
    ($($class:ident $object:ident $({ $($given:expr),+ })?: $($change:expr),+;)*) => {
        $(each!(@row $class $object [$($($given),+)?] $(($change))+);)*
    };
    (@row $class:ident $object:ident $given:tt $(($change:expr))+) => {
        $(each!(@one $class $object $given $change);)+
    };
    (@one $class:ident $object:ident [$($given:expr),*] $change:expr) => {
        change::<$class>(stringify!($change), |_object| { $({ let $object = &mut *_object; $given; })* }, |$object| { $change; })
    };
}

#[test]
fn each_field_that_matters_makes_a_difference() {
    let mut w = rich();
    let (thread, pool, channel) =
        w.with(|cx| (all::<THREAD>(cx)[0].link(), cx.s.root_pool, all::<CHANNEL>(cx)[0].link()));
    let (grant, mapping) = w.with(|cx| (all::<GRANT>(cx)[1].link(), all::<MAPPING>(cx)[0].link()));
    let other = w.with(|cx| all::<THREAD>(cx)[1].link());
    let memory = w.with(|cx| all::<MEMORY>(cx).into_iter().find(|m| cx.v.get(*m).pages == 2).unwrap().link());
    let pending = w.with(|cx| cx.v.name(cx.v.live(memory).unwrap()));
    let line = w.with(|cx| all::<INTERRUPT>(cx)[0].link());
    let stale = |name: &mut Name<GRANT>| *name = w_stale();
    each! {
        POOL p: p.limit += 1, p.used += 1, p.given += 1, p.refs += 1, p.ceiling += 1, p.depth += 1, p.dying = true,
            p.reap_next = pool, p.children = Link::NONE;
        PROCESS p: p.pool = Link::NONE, p.overhead += 1, p.mapped += 1, p.slots += 128, p.handle_count += 1,
            p.thread_count += 1, p.refs += 1, p.dying = true, p.closed_slots += 1, p.free_slot += 1, p.free_far += 1,
            p.threads = other;
        THREAD t: t.state = State::Faulted, t.priority += 1, t.base_priority += 1, t.depth += 1, t.home = 3,
            t.faulting = true, t.restart(), t.ending = true, t.bits_last = !t.bits_last, t.timer_slot = 9,
            t.pool = Link::NONE, t.next = other, t.run_next = other,
            t.serving.head = other, t.serving.tail = other, t.server = other, t.serves = channel,
            t.notification = Link::NONE, t.sibling_next = other, t.timer_next = other, t.via = grant,
            t.via_next = other, t.end_next = other, t.refs += 1, t.buffer_address += 1,
            stale(&mut t.bound_via), t.fault.rights = 4, t.fault.badge = 3, t.pending = pending, t.ends_at = 1;
        THREAD t { t.timer_slot = 9 }: t.deadline = 1 << 40;
        THREAD t { t.state = State::Receiving }: t.channel = channel, t.takes = 3;
        THREAD t { t.state = State::AwaitingReply }: t.takes = 3;
        THREAD t { t.state = State::Calling, t.context.regs.a1 = 8 }: t.channel = channel, t.takes = 3, t.badge += 1,
            t.context.regs.words[0] = 0x77, t.context.regs.a1 = 16;
        THREAD t { t.faulting = true }: t.fault_words[0] = 9, t.fault_words[1] = 9;
        THREAD t { t.restart() }: t.context.regs.number = 77, t.context.regs.a0 = 77, t.context.regs.words[7] = 77;
        THREAD t { t.restart() }: t.evicts = memory;
        THREAD t { t.pending = pending }: t.pending_done += 1;
        CHANNEL c: c.callers.head = thread, c.callers.tail = thread, c.receivers.head = thread,
            c.receivers.tail = thread, c.closed.head = grant, c.closed.tail = grant, c.server = thread,
            c.pool = Link::NONE, c.refs += 1, c.receive_refs += 1, c.ending = true, c.end_next = channel;
        NOTIFICATION n: n.bits |= 1 << 60, n.bound = Link::NONE, n.pool = Link::NONE, n.refs += 1;
        GRANT g: g.children = grant, g.above = grant, g.next = grant, g.undo_next = grant, g.closed_next = grant,
            g.end_next = grant, g.handles += 1, g.live_children += 1, g.refs += 1, g.mappings = mapping,
            g.waiting = thread, g.lines = line, g.bells = line, g.pool = Link::NONE, g.badge += 1, g.close_bits += 2, g.depth += 1,
            g.revoked = true, g.tells = !g.tells, g.ended = true, g.queued = true, g.undoing = true,
            g.ending = true, g.orphan = true, stale(&mut g.parent), g.target = kmem::AnyName::NONE;
        INTERRUPT i: i.first += 1, i.count += 1, i.trigger = Some(kcore::hw::Trigger::Edge), i.bits += 1, i.refs += 1,
            i.via = grant, i.via_next = line, i.bell = grant, i.bell_next = line, i.pool = Link::NONE;
        MAPPING m: m.memory = Link::NONE, m.grant = grant, m.offset += 1, m.address += 4096, m.pages -= 1, m.live -= 1,
            m.allowed = abi::calls::Access::READ, m.memory_next = mapping, m.grant_next = mapping,
            m.table_next = mapping;
        PORTS p: p.first += 1, p.count += 1, p.refs += 1, p.pool = Link::NONE;
        AUTHORITY a: a.refs += 1, a.pool = Link::NONE;
    }
    // Not the first of their class: the Memory that is mapped.
    let on_memory: [Change; 5] = [
        ("pages", |m| m.pages += 1),
        ("kind", |m| m.kind = MemoryType::Device),
        ("mapping_count", |m| m.mapping_count += 1),
        ("refs", |m| m.refs += 1),
        ("ending", |m| m.ending = true),
    ];
    for (what, f) in on_memory {
        differs(&format!("MEMORY {what}"), |w| w.with(|cx| f(cx.v.get_mut(cx.v.live(memory).unwrap()))));
    }
}

/// What is changed, and how.
type Change = (&'static str, fn(&mut Memory));

/// A name of a Grant that is long gone.
fn w_stale() -> Name<GRANT> {
    let mut w = start("rights");
    let pool = w.pool_handle();
    let (derived, name) = {
        let made = w.call(nr::derive, &[pool, 0x1_0006, 0xfffd, 1, 1]).expect("a Grant is made");
        let me = w.current();
        let key = w.with(|cx| {
            let me = cx.v.live(me).unwrap();
            cx.v.name(cx.lookup::<GRANT>(me, made[1], abi::Rights::empty()).unwrap().key)
        });
        (made, key)
    };
    w.ok(nr::close, &[derived[0]]);
    name
}

/// Looks whether the form tells of a change.
fn differs(what: &str, f: impl FnOnce(&mut World)) {
    let mut w = rich();
    let before = form(&mut w);
    f(&mut w);
    assert_ne!(before, form(&mut w), "{what} makes a difference");
}

#[test]
fn what_is_no_object_makes_a_difference() {
    differs("who runs", |w| w.k.system.cores[0].current = Link::NONE.into());
    differs("look_again", |w| w.k.system.cores[0].look_again ^= true);
    differs("pointer_changed", |w| w.k.system.cores[0].pointer_changed ^= true);
    differs("the ready bits", |w| w.k.system.cores[0].ready ^= 1 << 3);
    differs("a queue", |w| w.k.system.cores[0].queues[20].head = Link::NONE);
    differs("armed", |w| w.k.system.cores[0].armed = 12_345);
    differs("the slice", |w| w.k.system.cores[0].slice_end += 1 << 40);
    differs("the timer", |w| w.k.system.hw.timer = 54_321);
    differs("power", |w| w.k.system.hw.off = Some(kcore::hw::Reboot::No));
    differs("pools to reap", |w| w.k.system.reap = w.k.system.root_pool);
    differs("Grants to undo", |w| w.k.system.undo = w.with(|cx| all::<GRANT>(cx)[0].link()));
    differs("threads that end", |w| w.k.system.endings.threads = w.init);
    differs("channels that end", |w| w.k.system.endings.channels = w.with(|cx| all::<CHANNEL>(cx)[0].link()));
    differs("Grants that end", |w| w.k.system.endings.grants = w.with(|cx| all::<GRANT>(cx)[0].link()));
    differs("Memories that end", |w| w.k.system.endings.memories = w.with(|cx| all::<MEMORY>(cx)[1].link()));
    differs("an unmasked line", |w| assert!(w.k.system.hw.unmasked.insert(9)));
    differs("a line's trigger", |w| w.k.system.hw.triggers.extend([(9, kcore::hw::Trigger::Edge)]));
    differs("whose line it is", |w| w.k.system.lines[3] = Link::NONE);
    differs("a handle's rights", |w| entry(w, |e| e.rights ^= 1));
    differs("a handle's badge", |w| entry(w, |e| e.badge ^= 1));
    differs("a handle's Grant", |w| entry(w, |e| e.grant = w_stale()));
    differs("a free slot that retires", |w| page(w, |page| page.0[120].generation = 0));
    differs("a frozen page", |w| frame(w, |info| info.state = FrameState::Frozen));
    differs("a page's writers", |w| frame(w, |info| info.writers += 1));
    differs("a page's access", |w| {
        leaf(w, |entries| {
            let found = entries.iter_mut().rfind(|entry| **entry != 0).expect("something is mapped");
            *found ^= 4;
        })
    });
}

fn page(w: &mut World, f: impl FnOnce(&mut Handles)) {
    let init = w.init;
    w.with(|cx| {
        let process = cx.v.live(cx.v.get(cx.v.live(init).unwrap()).process).unwrap();
        let page = cx.v.follow(cx.v.get(process).handles).unwrap();
        f(cx.v.get_mut(page))
    })
}

fn entry(w: &mut World, f: impl FnOnce(&mut Entry)) {
    page(w, |page| f(&mut page.0[44]));
}

/// The first frame of the mapped Memory.
fn frame(w: &mut World, f: impl FnOnce(&mut kmem::FrameInfo)) {
    w.with(|cx| {
        let memory = all::<MEMORY>(cx).into_iter().map(|m| *cx.v.get(m)).find(|m| m.pages == 2).unwrap();
        let first: Frame = cx.v.managed(memory.base).unwrap();
        f(cx.v.frame_mut(first))
    })
}

/// The page table in which it is mapped.
fn leaf(w: &mut World, f: impl FnOnce(&mut [u64; 512])) {
    w.with(|cx| {
        let mapping = *cx.v.get(all::<MAPPING>(cx)[0]);
        let leaf = cx.leaf(cx.v.live(mapping.process).unwrap(), mapping.address).unwrap();
        f(&mut cx.v.get_mut(leaf).0)
    })
}
