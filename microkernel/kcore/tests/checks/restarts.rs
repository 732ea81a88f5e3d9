//! Long calls are rewound where an entry has done its share: there anything else may come between. The call then ends as
//! it would have, or with an error that the table lists; all invariants hold, and nothing is left half done.

use abi::Error;
use abi::calls::{CALLS, CONFIG_CORE, number as nr};
use abi::message::{CHANNEL_SHIFT, Tag};
use kcore::objects::*;

use crate::directed::{ALL, MAIN, OWN, helper, waits};
use crate::invariants;
use crate::world::*;

/// Callers in a queue: more than an entry ends.
const CALLERS: u64 = 40;

/// What the long calls work on.
struct Ground {
    w: World,
    pool: u64,
    memory: u64,
    lent: u64,
    grant: u64,
    channel: u64,
    /// Who serves the channel, and who makes the long call.
    server: u64,
    caller: (u64, ThreadLink),
    setting: Setting,
    /// What the setting adds: the call to answer, the Grant below, or who runs elsewhere.
    extra: u64,
}

/// What is there beside what always is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    Alone,
    /// [`CALLERS`] wait in the channel's queue.
    Queue,
    /// A Grant below the Grant, with nothing but mappings left of it.
    Nested,
    /// They do, and one whose call is taken waits for its answer.
    Served,
    /// Another core runs a thread, and enters the kernel only at the [`LATE`]th entry of the first.
    TwoCores,
}

/// Entries of the first core in which the other one has not looked yet.
const LATE: usize = 3;

fn ground(setting: Setting) -> Ground {
    let mut w = if setting == Setting::TwoCores { world_of(2, 1100) } else { world(1100) };
    // Who is more urgent than the caller would go there else.
    w.ok(nr::config, &[MAIN, CONFIG_CORE, 0]);
    // More urgent than all, until everything is there.
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 400, 40]);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 60, 0]);
    let lent = w.call(nr::derive, &[pool, memory, ALL, 0, 0]).unwrap();
    for i in 0..40 {
        w.ok(nr::map, &[process, lent[0], 0x4000_0000 + i * 0x3000, i, 2, 3]);
        w.ok(nr::map, &[OWN, lent[0], 0x4000_0000 + i * 0x20_0000, i, 2, 3]);
    }
    for _ in 0..60 {
        w.ok(nr::create, &[pool, CHANNEL as u64]);
    }
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let mut extra = 0;
    if setting == Setting::TwoCores {
        let (handle, link) = w.thread(OWN, 30, 0x2f00_0000);
        w.ok(nr::config, &[handle, CONFIG_CORE, 1]);
        w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 0]);
        w.kicked(1);
        assert_eq!(w.current_of(1), link);
        extra = handle;
    }
    let (server, server_link) = w.thread(OWN, 12, 0x2100_0000);
    w.ok(nr::start, &[server, 0x40_0000, 0x50_0000, 0]);
    let caller = w.thread(OWN, 10, 0x2000_0000);
    w.ok(nr::config, &[caller.0, CONFIG_CORE, 0]);
    w.ok(nr::start, &[caller.0, 0x40_0000, 0x50_0000, 0]);
    if setting == Setting::Served {
        let (_, client) = helper(&mut w, 11, 0xe0);
        waits(&mut w, client, nr::call, &[channel, 8]);
        waits(&mut w, caller.1, nr::recv, &[channel]);
        extra = w.answer(caller.1).unwrap()[0];
    }
    if setting == Setting::Nested {
        let below = w.call(nr::derive, &[pool, lent[0], ALL, 0, 0]).unwrap();
        (0..100).for_each(|i| _ = w.ok(nr::map, &[OWN, below[0], 0x6000_0000 + (i << 12), 0, 1, 1]));
        w.ok(nr::close, &[below[0]]);
        extra = below[1];
    }
    let callers = if matches!(setting, Setting::Queue | Setting::Served) { CALLERS } else { 0 };
    for n in 0..callers {
        let (handle, link) = w.thread(OWN, 11, 0x2200_0000 + (n << 12));
        w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 0]);
        w.ok(nr::close, &[handle]);
        // Each sends a handle, which nobody is going to take.
        let buffer = w.edit(link, |t| t.buffer);
        let sent = w.ok(nr::dup, &[w.lines, ALL, 0, 0]);
        w.with(|cx| cx.v.write_word(buffer, 0, sent));
        w.run(link);
        w.enter(nr::call as u64, &[channel, Tag::new(8, 1).unwrap().0]);
        let init = w.init;
        w.run(init);
    }
    let _ = server_link;
    Ground { w, pool, memory, lent: lent[0], grant: lent[1], channel, server, caller, setting, extra }
}

/// A long call: what it does, where, and its number and arguments.
type Long = (&'static str, Setting, u16, fn(&Ground) -> Vec<u64>);

/// The long calls: each is rewound at least once.
const LONG_CALLS: &[Long] = &[
    ("destroys a pool", Setting::Alone, nr::destroy, |g| vec![g.pool]),
    ("revokes", Setting::Alone, nr::revoke, |g| vec![g.grant]),
    ("unmaps", Setting::Alone, nr::unmap, |_| vec![OWN, 0x4000_0000, 40 << 9]),
    ("evicts", Setting::Alone, nr::evict, |g| vec![g.memory, 0, 60, 0]),
    ("makes a Memory", Setting::Alone, nr::create, |g| vec![g.pool, MEMORY as u64, 70, 0]),
    ("receives what can not be taken", Setting::Queue, nr::recv, |g| vec![g.channel]),
    ("answers, and receives what can not be taken", Setting::Served, nr::reply_recv, |g| {
        vec![g.extra, g.channel << CHANNEL_SHIFT | 8]
    }),
    // These are done at once, and their callers work on what has ended by them.
    ("closes a channel with a queue", Setting::Queue, nr::close, |g| vec![g.channel]),
    ("closes a Grant with much below it", Setting::Nested, nr::close, |g| vec![g.extra]),
    // These wait for another core.
    ("stops who runs elsewhere", Setting::TwoCores, nr::stop, |g| vec![g.extra]),
    ("destroys who runs elsewhere", Setting::TwoCores, nr::destroy, |g| vec![g.extra]),
];

/// What comes between.
type Happening = (&'static str, fn(&mut Ground));

const HAPPENINGS: &[Happening] = &[
    // What has nothing to do with the call: it ends well.
    ("nothing", |_| {}),
    ("time", |g| g.w.k.system.hw.now += 10_000_000),
    ("the timer", |g| _ = g.w.k.timer(0)),
    ("an interrupt", |g| _ = g.w.k.interrupt(0, 9)),
    ("a kick", |g| g.w.kicked(0)),
    ("idle work", |g| _ = idle_work(&mut g.w.k, 0)),
    ("the other core", |g| g.w.kicked((g.w.k.system.cores.iter().filter(|core| core.online).count() - 1) as u8)),
    ("an empty call", |g| _ = g.w.call(nr::null, &[])),
    ("another Memory", |g| {
        let root = g.w.pool;
        _ = g.w.call(nr::create, &[root, MEMORY as u64, 20, 0]);
    }),
    // What has: it ends somehow.
    ("the pool destroyed", |g| _ = g.w.call(nr::destroy, &[g.pool])),
    ("the pool's handle closed", |g| _ = g.w.call(nr::close, &[g.pool])),
    ("an object made in the pool", |g| _ = g.w.call(nr::create, &[g.pool, CHANNEL as u64])),
    ("a pool made in the pool", |g| _ = g.w.call(nr::create, &[g.pool, POOL as u64, 5, 5])),
    ("pages moved", |g| {
        let root = g.w.pool;
        _ = g.w.call(nr::pool_move, &[g.pool, root, 20]);
    }),
    ("the Grant revoked", |g| _ = g.w.call(nr::revoke, &[g.grant])),
    ("the Grant closed", |g| _ = g.w.call(nr::close, &[g.grant])),
    ("a derivation", |g| _ = g.w.call(nr::derive, &[g.pool, g.lent, ALL, 0, 0])),
    ("the lent handle closed", |g| _ = g.w.call(nr::close, &[g.lent])),
    ("a mapping", |g| _ = g.w.call(nr::map, &[OWN, g.memory, 0x4000_2000, 5, 1, 1])),
    ("an unmapping", |g| _ = g.w.call(nr::unmap, &[OWN, 0x4000_0000, 40 << 9])),
    ("a protection", |g| _ = g.w.call(nr::protect, &[OWN, 0x4000_0000, 2, 1])),
    ("an eviction", |g| _ = g.w.call(nr::evict, &[g.memory, 0, 60, 0])),
    ("the Memory closed", |g| _ = g.w.call(nr::close, &[g.memory])),
    ("a slice", |g| _ = g.w.call(nr::slice, &[g.pool, g.memory, 0, 1, 0])),
    ("the channel closed", |g| _ = g.w.call(nr::close, &[g.channel])),
    ("a message", |g| _ = g.w.call(nr::recv, &[g.channel, 0])),
    ("the server destroyed", |g| _ = g.w.call(nr::destroy, &[g.server])),
    ("the caller stopped", |g| _ = g.w.call(nr::stop, &[g.caller.0])),
    ("the caller destroyed", |g| _ = g.w.call(nr::destroy, &[g.caller.0])),
    ("the caller less urgent", |g| _ = g.w.call(nr::config, &[g.caller.0, 0, 3])),
    ("the caller started again", |g| {
        _ = g.w.call(nr::stop, &[g.caller.0]);
        _ = g.w.call(nr::start, &[g.caller.0, 0x40_0000, 0x50_0000, 0]);
    }),
    ("the caller makes another call", |g| {
        let link = g.caller.1;
        g.w.edit(link, |t| t.context.regs.number = nr::null as u64);
    }),
];

/// Of those, the ones that have nothing to do with any call.
const HARMLESS: usize = 9;

/// A long call to its `n`-th place where it is rewound, something else, and the rest of the call. False: there is no such
/// place.
fn interrupted(long: Long, n: usize, (what, happens): Happening, harmless: bool) -> bool {
    let (name, setting, number, arguments) = long;
    let mut g = ground(setting);
    let (link, init) = (g.caller.1, g.w.init);
    g.w.prepare(link, number as u64, &arguments(&g), 0);
    for entry in 0..=n {
        if entry == LATE {
            look_elsewhere(&mut g);
        }
        // init is more urgent, and gets in between.
        g.w.run(link);
        if !on(&mut g.w, link) {
            return false;
        }
    }
    g.w.run(init);
    happens(&mut g);
    invariants::check(&mut g.w);
    let replaced = g.w.state(link).is_none_or(|state| state != State::Ready)
        || g.w.edit(link, |t| !t.restarting() || t.context.regs.number != number as u64);
    let mut entries = 0;
    while g.w.state(link) == Some(State::Ready) {
        entries += 1;
        assert!(entries < 300, "{name}, with {what} between, comes to an end");
        if entries == LATE {
            look_elsewhere(&mut g);
        }
        if g.w.current() == init {
            g.w.run(link);
        }
        if g.w.current() != link || !on(&mut g.w, link) {
            break;
        }
        g.w.run(init);
    }
    if !replaced && matches!(g.w.state(link), Some(State::Running | State::Ready)) {
        let result = g.w.answer(link).map(|_| ());
        let listed = |error: Error| CALLS[number as usize].errors.contains(&error);
        assert!(result.is_ok() || !harmless, "{name}, with {what} between: {result:?}");
        assert!(result.is_ok_and(|()| true) || result.is_err_and(listed), "{name}, with {what} between: {result:?}");
    }
    for _ in 0..300 {
        idle_work(&mut g.w.k, 0);
    }
    let s = &g.w.k.system;
    assert!(s.reap.is_none() && s.undo.is_none(), "idle cores finish it");
    invariants::check(&mut g.w);
    true
}

/// The other core, where there is one, enters the kernel because it was called.
fn look_elsewhere(g: &mut Ground) {
    if g.setting == Setting::TwoCores {
        assert!(g.w.k.system.hw.kicks.contains(&1), "the other core was called");
        g.w.kicked(1);
    }
}

/// One entry of a thread; true if it was rewound.
fn on(w: &mut World, thread: ThreadLink) -> bool {
    w.edit(thread, |t| t.context.regs.pc = 0x40_0000);
    w.k.syscall(0);
    invariants::check(w);
    w.state(thread).is_some() && w.edit(thread, |t| t.restarting())
}

#[test]
fn anything_may_happen_where_a_call_is_rewound() {
    let mut all = 0;
    for long in LONG_CALLS {
        for (i, happening) in HAPPENINGS.iter().enumerate() {
            let places = (0..100).take_while(|n| interrupted(*long, *n, *happening, i < HARMLESS)).count();
            assert!(places > 0, "who {} is rewound somewhere", long.0);
            assert!(places < 100, "who {} comes to an end ({})", long.0, happening.0);
            all += places;
        }
    }
    println!("{all} places and happenings");
}
