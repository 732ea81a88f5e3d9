//! Wrong arguments: each system call, each of its arguments, each kind of wrong value. The answer is an error that the table
//! of calls lists, and nothing has changed. With good arguments the same calls succeed, so it is the wrong value that is
//! refused.

mod values;

use std::collections::BTreeSet;

use abi::calls::{
    CALLS, CONFIG_CORE, CONFIG_FAULT, CONFIG_NOTIFICATION, CONFIG_POINTER, CONFIG_PRIORITY, Call, FREEZE_PAGES, Kind,
    MAP_PAGES, SEAL_PAGES, UNMAP_PAGES, number as nr,
};
use abi::info;
use abi::message::{CHANNEL_SHIFT, TAKES_SHIFT, Tag};
use abi::user::USER_END;
use abi::{Error, Rights, Status};
use kcore::objects::*;

use crate::directed::{ALL, OWN, helper, waits};
use crate::snapshot;
use crate::world::*;
use values::{gift, wrong};

/// Where the fixture has Memory mapped, and where nothing is.
const AT: u64 = 0x4000_0000;
const FREE: u64 = 0x5000_0000;

/// Where the fixture has its large Memory mapped, as many pages as a call takes and one more.
const WIDE: u64 = 0x6000_0000;

/// A world in which every call can succeed, and what its calls name.
pub struct Fixture {
    pub w: World,
    /// Good handles by class, with all rights.
    good: [u64; 11],
    sub: u64,
    stopped: u64,
    frozen: u64,
    /// A Memory of more pages than any call takes, and one that is frozen.
    large: u64,
    glacier: u64,
    token: u64,
    /// Handles that are wrong whatever a call wants, and what they are answered with.
    wrong: Vec<(u64, Error)>,
}

pub fn fixture() -> Fixture {
    let mut w = world(2400);
    let pool = w.pool;
    let ports = w.with(|cx| {
        let root = cx.v.live(cx.s.root_pool).unwrap();
        cx.boot_ports(root).unwrap()
    });
    let ports = w.give_init(ports);
    let sub = w.ok(nr::create, &[pool, POOL as u64, 30, 20]);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let channel = w.ok(nr::create, &[pool, CHANNEL as u64]);
    let note = w.ok(nr::create, &[pool, NOTIFICATION as u64]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 4, 0]);
    let frozen = w.ok(nr::create, &[pool, MEMORY as u64, 4, 0]);
    w.ok(nr::freeze, &[frozen, 0, 4]);
    w.ok(nr::map, &[process, memory, AT, 0, 4, 3]);
    w.ok(nr::dup, &[note, ALL, process, 3]);
    let large = w.ok(nr::create, &[pool, MEMORY as u64, FREEZE_PAGES + 1, 0]);
    let glacier = w.ok(nr::create, &[pool, MEMORY as u64, SEAL_PAGES + 1, 0]);
    w.ok(nr::freeze, &[glacier, 0, SEAL_PAGES + 1]);
    let wide = w.ok(nr::create, &[pool, MEMORY as u64, MAP_PAGES + 1, 0]);
    w.ok(nr::map, &[process, wide, WIDE, 0, MAP_PAGES, 3]);
    w.ok(nr::map, &[process, wide, WIDE + (MAP_PAGES << 12), MAP_PAGES, 1, 3]);
    let line = w.ok(nr::slice, &[pool, w.lines, 5, 1, 0]);
    w.ok(nr::irq_bind, &[line, note, 1]);
    let lent = w.call(nr::derive, &[pool, memory, ALL, 0, 0]).unwrap();
    let (stopped, _) = w.thread(OWN, 5, 0x2100_0000);
    let authority = w.with(|cx| {
        let root = cx.v.live(cx.s.root_pool).unwrap();
        cx.boot_authority(root).unwrap()
    });
    let authority = w.give_init(authority);
    let (_, client) = helper(&mut w, 10, 0);
    waits(&mut w, client, nr::call, &[channel, 8]);
    let token = w.call(nr::recv, &[channel, 0]).unwrap()[0];
    // What is wrong with any call: no handle, a closed one, one of a dead object.
    let closed = w.ok(nr::create, &[pool, CHANNEL as u64]);
    w.ok(nr::close, &[closed]);
    let none = [0, 1 << 16, 0x7f_0001, closed, 0x1_ffff, OWN | 1 << 32, OWN | 1 << 63, OWN ^ 0x8000_0000, u64::MAX];
    let wrong = none.map(|handle| (handle, Error::BadHandle)).to_vec();
    let good = [0, pool, process, stopped, channel, note, memory, lent[1], line, ports, authority];
    Fixture { w, good, sub, stopped, frozen, large, glacier, token, wrong }
}

impl Fixture {
    fn of(&self, class: u8) -> u64 {
        self.good[class as usize]
    }

    /// What a good handle names.
    fn class(&self, handle: u64) -> u8 {
        match handle {
            sub if sub == self.sub => POOL,
            memory if [self.frozen, self.large, self.glacier].contains(&memory) => MEMORY,
            lines if lines == self.w.lines => INTERRUPT,
            other => (1..11).find(|class| self.of(*class) == other).expect("a good handle"),
        }
    }
}

/// Arguments with which a call succeeds (or waits): a row for each way in which they are read.
pub fn good(f: &Fixture, call: &Call) -> Vec<Vec<u64>> {
    let of = |class: u8| f.of(class);
    let pool = of(POOL);
    match call.number {
        nr::call => vec![vec![of(CHANNEL), 8]],
        nr::reply_recv => vec![vec![f.token, of(CHANNEL) << CHANNEL_SHIFT | 8]],
        nr::recv => vec![vec![of(CHANNEL)]],
        nr::reply => vec![vec![f.token, 8]],
        nr::notify => vec![vec![of(NOTIFICATION), 1]],
        nr::close => vec![vec![of(PORTS), 0, 0, 0, 0, 0], vec![of(PORTS), 0, of(MEMORY), of(CHANNEL), 0, of(GRANT)]],
        nr::dup => vec![vec![of(CHANNEL), ALL, of(PROCESS), 100], vec![of(MEMORY), ALL, 0, 100]],
        nr::derive => [CHANNEL, NOTIFICATION, MEMORY, POOL, PROCESS, THREAD, INTERRUPT, PORTS, AUTHORITY]
            .map(|class| vec![pool, of(class), ALL, 7, 0, (class % 2).into()])
            .into_iter()
            .chain([vec![pool, of(CHANNEL), ALL, 7, 0, 1 | 100 << 16 | of(PROCESS) << 32]])
            .collect(),
        nr::revoke => vec![vec![of(GRANT)]],
        nr::info => {
            let of_classes =
                [(info::POOL, POOL), (info::MEMORY, MEMORY), (info::PROCESS, PROCESS), (info::THREAD, THREAD)];
            let more = [(info::INTERRUPT, INTERRUPT), (info::SYSTEM, AUTHORITY), (info::STATISTICS, AUTHORITY)];
            let last =
                [(info::CORE, AUTHORITY), (info::GRANT, GRANT), (info::HANDLES, PROCESS), (info::BASIC, CHANNEL)];
            of_classes.into_iter().chain(more).chain(last).map(|(what, class)| vec![of(class), what, 0]).collect()
        }
        nr::create => vec![
            vec![pool, MEMORY as u64, 2, 0, 0],
            vec![pool, MEMORY as u64, 2, 1, 0],
            vec![pool, POOL as u64, 5, 10, 0],
            vec![pool, POOL as u64, 5, 10, 100 | 10_000 << 32],
            vec![pool, PROCESS as u64, 0, 0, 0],
            vec![pool, THREAD as u64, of(PROCESS), 10, 0x7000_0000],
            vec![pool, CHANNEL as u64, 0, 0, 0],
            vec![pool, NOTIFICATION as u64, 0, 0, 0],
        ],
        nr::destroy => vec![vec![of(THREAD)], vec![f.sub]],
        nr::pool_move => vec![vec![pool, f.sub, 2], vec![f.sub, pool, 2]],
        nr::slice => vec![
            vec![pool, of(MEMORY), 1, 2, 0],
            vec![pool, f.w.lines, 7, 1, 0],
            vec![pool, f.w.lines, 8, 1, 1],
            vec![pool, of(PORTS), 5, 2, 0],
        ],
        nr::map => {
            vec![vec![of(PROCESS), of(MEMORY), FREE, 1, 2, 3], vec![of(PROCESS), f.large, FREE, 0, MAP_PAGES, 3]]
        }
        nr::unmap => vec![vec![of(PROCESS), AT, 2], vec![of(PROCESS), AT, UNMAP_PAGES]],
        nr::protect => vec![vec![of(PROCESS), AT, 2, 1], vec![of(PROCESS), WIDE, MAP_PAGES, 1]],
        nr::evict => vec![vec![of(MEMORY), 0, 2, 1], vec![of(MEMORY), 0, 2, 0]],
        nr::freeze => vec![vec![f.frozen, 0, 4], vec![f.large, 0, FREEZE_PAGES]],
        nr::seal => vec![vec![f.frozen, 0, 4, of(AUTHORITY)], vec![f.glacier, 0, SEAL_PAGES, of(AUTHORITY)]],
        nr::start => vec![
            vec![f.stopped, 0x40_0000, 0x50_0000, 9, 0, 0],
            vec![f.stopped, 0x40_0000, 0x50_0000, 9, of(CHANNEL), of(NOTIFICATION)],
        ],
        nr::stop | nr::state => vec![vec![of(THREAD), 0][..call.arguments.len()].to_vec()],
        nr::config => vec![
            vec![of(THREAD), CONFIG_PRIORITY, 5],
            vec![of(THREAD), CONFIG_FAULT, of(CHANNEL)],
            vec![of(THREAD), CONFIG_NOTIFICATION, of(NOTIFICATION)],
            vec![of(THREAD), CONFIG_POINTER, 0x1234],
            vec![of(THREAD), CONFIG_CORE, 0],
        ],
        nr::irq_bind => vec![vec![of(INTERRUPT), of(NOTIFICATION), 2]],
        nr::irq_ack => vec![vec![of(INTERRUPT)]],
        nr::ioport => vec![vec![of(PORTS), 1, 5, 0], vec![of(PORTS), 20, 5, 0]],
        nr::debug_log => vec![vec![of(AUTHORITY), 5]],
        nr::system => vec![vec![of(AUTHORITY), 1]],
        nr::trace => vec![vec![of(PROCESS), of(MEMORY), of(AUTHORITY)]],
        nr::give => {
            let (copied, moved) = (gift(of(CHANNEL), 100), gift(of(MEMORY), 101));
            vec![vec![of(PROCESS), 0b10, copied, moved, 0, 0, 0, 0, 0, gift(of(CHANNEL), 127)]]
        }
        _ => vec![Vec::new()],
    }
}

/// Enters the kernel once; the status, if the call is over, and what it has changed beside that.
fn enter(w: &mut World, number: u64, arguments: &[u64]) -> (Option<Result<(), Error>>, Option<String>) {
    let init = w.init;
    w.prepare(init, number, arguments, 0);
    w.edit(init, |t| t.context.regs.pc = 0x40_0000);
    let before = snapshot::take(w);
    w.k.syscall(0);
    let excluded = snapshot::excluded(w, init);
    let status = w.with(|cx| {
        let t = cx.v.get(cx.v.live(init)?);
        let over = matches!(t.state, State::Running | State::Ready) && t.context.regs.pc == 0x40_0000;
        over.then(|| Status(t.context.regs.number).result())
    });
    let refused = matches!(status, Some(Err(_)));
    (status, if refused { before.difference(w, excluded) } else { None })
}

#[test]
fn every_wrong_argument_is_refused_with_a_listed_error_and_changes_nothing() {
    let (mut tried, mut seen) = (0, BTreeSet::new());
    let mut kinds = BTreeSet::new();
    for (call, _, at, _) in refusals(|call, error| _ = seen.insert((call.number, error as u16))) {
        tried += 1;
        kinds.insert((call.number, at));
    }
    let without = |call: &&Call| (0..call.arguments.len()).all(|i| !kinds.contains(&(call.number, i)));
    let left: Vec<_> = CALLS.iter().filter(without).map(|call| call.name).collect();
    assert_eq!(left, ["null", "yield_now"], "calls without arguments");
    assert!(tried > 1_500, "{tried} wrong arguments");
}

/// Makes every call wrong in every way, and tells of each error.
pub fn refusals(mut told: impl FnMut(&'static Call, Error)) -> Vec<(&'static Call, usize, usize, u64)> {
    let (mut tried, mut bad) = (Vec::new(), Vec::new());
    for call in CALLS {
        for nth in 0..good(&fixture(), call).len() {
            let mut f = fixture();
            let row = good(&f, call).swap_remove(nth);
            assert_eq!(row.len(), call.arguments.len(), "{}", call.name);
            for (at, (name, _)) in call.arguments.iter().enumerate() {
                for (value, expected) in wrong(&mut f, call, &row, at) {
                    let mut arguments = row.clone();
                    arguments[at] = value;
                    let (answer, changed) = enter(&mut f.w, call.number as u64, &arguments);
                    let said = format!("{} {row:x?} with {name} = {value:#x}: {answer:?}", call.name);
                    let Some(Err(error)) = answer else {
                        bad.push(format!("{said}, which is wrong"));
                        break;
                    };
                    if !call.errors.contains(&error) || expected.is_some_and(|expected| expected != error) {
                        bad.push(format!("{said}, not {expected:?}, or not listed"));
                    }
                    if let Some(changed) = changed {
                        bad.push(format!("{said}, and changed {changed}"));
                    }
                    told(call, error);
                    tried.push((call, nth, at, value));
                }
            }
            let (answer, _) = enter(&mut f.w, call.number as u64, &row);
            if matches!(answer, Some(Err(_))) {
                bad.push(format!("{} with good arguments {row:x?}: {answer:?}", call.name));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    tried
}

#[test]
fn what_is_no_call_is_refused_and_changes_nothing() {
    let mut f = fixture();
    let none =
        [CALLS.len() as u64, 99, 0xffff, 1 << 16, nr::notify as u64 | 1 << 16, nr::close as u64 | 1 << 63, u64::MAX];
    let takes = [nr::call, nr::recv, nr::reply_recv].map(|number| number as u64 | 5 << TAKES_SHIFT);
    let long = [nr::call as u64 | 1 << 63];
    for number in none.into_iter().chain(takes).chain(long) {
        let arguments = [f.good[CHANNEL as usize], Tag::new(8, 0).unwrap().0];
        let refused = (Some(Err(Error::BadArgument)), None);
        assert_eq!(enter(&mut f.w, number, &arguments), refused, "{number:#x}");
    }
}

#[test]
fn every_right_that_a_call_needs_is_asked_for() {
    // With all rights but one each call is refused for some right, or needs none at all.
    let needless = ["null", "close", "info", "yield_now", "reply", "recv"];
    for call in CALLS.iter().filter(|call| !needless.contains(&call.name) && call.number != nr::reply_recv) {
        let mut refused = false;
        for (i, (_, kind)) in call.arguments.iter().enumerate() {
            if matches!(
                kind,
                Kind::Token | Kind::Tag | Kind::Bits | Kind::Rights | Kind::Number | Kind::Pages | Kind::Address
            ) {
                continue;
            }
            for right in Rights::all() {
                let mut f = fixture();
                let mut arguments = good(&f, call).swap_remove(0);
                if *kind == Kind::Access {
                    continue;
                }
                let rest = (Rights::all() - right).bits() as u64;
                let Ok(weak) = f.w.call(nr::dup, &[arguments[i], rest, 0, 0]) else { continue };
                arguments[i] = weak[0];
                refused |= enter(&mut f.w, call.number as u64, &arguments).0 == Some(Err(Error::Denied));
            }
        }
        let free = matches!(call.number, nr::derive);
        assert!(refused || free, "{} needs no right", call.name);
    }
}
