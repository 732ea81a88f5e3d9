//! Wrong arguments: each system call, each of its arguments, each kind of wrong value. The answer is an error that the table
//! of calls lists, and nothing has changed. With good arguments the same calls succeed, so it is the wrong value that is
//! refused.

use std::collections::BTreeSet;

use abi::calls::{CALLS, Call, Kind, number as nr};
use abi::message::{CHANNEL_SHIFT, TAKES_SHIFT, Tag};
use abi::user::USER_END;
use abi::{Error, Rights, Status};
use kcore::objects::*;

use crate::directed::{ALL, OWN, helper, waits};
use crate::snapshot;
use crate::world::*;

/// Where the fixture has Memory mapped, and where nothing is.
const AT: u64 = 0x4000_0000;
const FREE: u64 = 0x5000_0000;

/// A world in which every call can succeed, and what its calls name.
struct Fixture {
    w: World,
    /// Good handles by class, with all rights.
    good: [u64; 11],
    sub: u64,
    stopped: u64,
    frozen: u64,
    token: u64,
    /// Handles that are wrong whatever a call wants, and what they are answered with.
    wrong: Vec<(u64, Error)>,
}

fn fixture() -> Fixture {
    let mut w = world(420);
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
    Fixture { w, good, sub, stopped, frozen, token, wrong }
}

/// Arguments with which a call succeeds (or waits).
fn good(f: &Fixture, call: &Call) -> Vec<u64> {
    let of = |class: u8| f.good[class as usize];
    match call.number {
        nr::call => vec![of(CHANNEL), 8],
        nr::reply_recv => vec![f.token, of(CHANNEL) << CHANNEL_SHIFT | 8],
        nr::recv => vec![of(CHANNEL)],
        nr::reply => vec![f.token, 8],
        nr::notify => vec![of(NOTIFICATION), 1],
        nr::close => vec![of(PORTS)],
        nr::dup => vec![of(CHANNEL), ALL, of(PROCESS), 100],
        nr::derive => vec![of(POOL), of(CHANNEL), ALL, 7, 0],
        nr::revoke => vec![of(GRANT)],
        nr::info => vec![of(POOL), 1, 0],
        nr::create => vec![of(POOL), MEMORY as u64, 2, 0, 0],
        nr::destroy => vec![f.sub],
        nr::pool_move => vec![of(POOL), f.sub, 2],
        nr::slice => vec![of(POOL), of(MEMORY), 1, 2, 0],
        nr::map => vec![of(PROCESS), of(MEMORY), FREE, 1, 2, 3],
        nr::unmap => vec![of(PROCESS), AT, 2],
        nr::protect => vec![of(PROCESS), AT, 2, 1],
        nr::evict => vec![of(MEMORY), 0, 2, 1],
        nr::freeze => vec![f.frozen, 0, 4],
        nr::seal => vec![f.frozen, 0, 4, of(AUTHORITY)],
        nr::start => vec![f.stopped, 0x40_0000, 0x50_0000, 9],
        nr::stop | nr::state => vec![of(THREAD), 0][..call.arguments.len()].to_vec(),
        nr::config => vec![of(THREAD), 0, 5],
        nr::irq_bind => vec![of(INTERRUPT), of(NOTIFICATION), 2],
        nr::irq_ack => vec![of(INTERRUPT)],
        nr::ioport => vec![of(PORTS), 1, 5, 0],
        nr::debug_log => vec![of(AUTHORITY), 5],
        nr::system => vec![of(AUTHORITY), 1],
        nr::trace => vec![of(PROCESS), of(MEMORY), of(AUTHORITY)],
        _ => Vec::new(),
    }
}

/// Wrong values of an argument, each with its error if that is certain.
fn wrong(f: &mut Fixture, call: &Call, name: &str, kind: Kind) -> Vec<(u64, Option<Error>)> {
    let any = |values: &[u64]| values.iter().map(|value| (*value, None)).collect::<Vec<_>>();
    match (call.number, name, kind) {
        (nr::create, "kind", _) => any(&[0, 7, 8, 10, 11, 99, u64::MAX]),
        (nr::create, "x", _) => any(&[0, 1 << 20, 1 << 32, u64::MAX]),
        (nr::create, "y", _) => any(&[2, u64::MAX]),
        (nr::dup, "index", _) => any(&[3, 128, 1 << 16, 1 << 32, u64::MAX]),
        (nr::info, "what", _) => any(&[9, 1 << 32, u64::MAX]),
        (nr::state, "index", _) => any(&[36, u64::MAX]),
        (nr::config, "what", _) => any(&[9, 255, u64::MAX]),
        (nr::config, "value", _) => any(&[64, 1 << 32, u64::MAX]),
        (nr::slice, "flags", _) => any(&[1, 2, u64::MAX]),
        (nr::slice | nr::map | nr::evict | nr::freeze | nr::seal, "offset", _) => any(&[4, 1 << 32, u64::MAX]),
        (nr::irq_bind, "bits", _) => any(&[0]),
        (nr::ioport, "operation", _) => any(&[0, 3, 8, 33, u64::MAX]),
        (nr::ioport, "offset", _) => any(&[1 << 16, u64::MAX]),
        (nr::system, "operation", _) => any(&[2, u64::MAX]),
        (nr::debug_log, _, Kind::Tag) => any(&[233, 1 << 13, 1 << 18, u64::MAX]),
        (nr::unmap, "pages", _) => any(&[0, (1 << 18) + 1, u64::MAX]),
        (nr::start, "pc", _) => any(&[0, USER_END, u64::MAX]),
        (nr::start, "sp", _) => any(&[USER_END + 1, u64::MAX]),
        (nr::pool_move, "pages", _) => any(&[1 << 20, u64::MAX]),
        (nr::evict, "keep", _) => any(&[2, 3, u64::MAX]),
        (nr::reply_recv, _, Kind::Tag) => {
            let tag = good(f, call)[1];
            let channel = |handle: u64| handle << CHANNEL_SHIFT | 8;
            let none = f.wrong[4].0;
            vec![
                (tag | 1 << 16, Some(Error::BadArgument)),
                (tag | 0x1fff, Some(Error::BadArgument)),
                (channel(none), Some(Error::BadHandle)),
                (channel(f.good[POOL as usize]), Some(Error::WrongKind)),
            ]
        }
        (_, _, Kind::Tag) => {
            let tags = [4065, 0x1fff, 5 << 13, 1 << 16, 1 << 63];
            tags.map(|tag| (tag, Some(Error::BadArgument))).to_vec()
        }
        (_, _, Kind::Token) => {
            [1, f.token ^ 1 << 32, f.token ^ 8, u64::MAX].map(|t| (t, Some(Error::CallerGone))).to_vec()
        }
        (_, _, Kind::Rights) => any(&[1 << 16, u64::MAX]),
        (_, _, Kind::Address) => any(&[0, 0xfff, AT + 1, USER_END, USER_END - 0x1000, 1 << 63, u64::MAX - 0xfff]),
        (_, _, Kind::Access) => vec![
            (0, Some(Error::BadArgument)),
            (2, Some(Error::BadArgument)),
            (7, Some(Error::WriteAndExecute)),
            (6, Some(Error::WriteAndExecute)),
            (5, None),
            (8, Some(Error::BadArgument)),
            (u64::MAX, Some(Error::BadArgument)),
        ],
        (_, _, Kind::Pages) => any(&[0, 5, 2049, 1 << 32, 1 << 52, u64::MAX]),
        (_, _, Kind::Bits | Kind::Number) => Vec::new(),
        (_, _, kind) => handles(f, call, kind),
    }
}

/// Wrong handles: none, closed, of each other kind, without rights, revoked, of an object that is gone.
fn handles(f: &mut Fixture, call: &Call, kind: Kind) -> Vec<(u64, Option<Error>)> {
    let mut all: Vec<(u64, Option<Error>)> = f.wrong.iter().map(|(handle, error)| (*handle, Some(*error))).collect();
    if matches!(
        (call.number, kind),
        (nr::recv, Kind::Channel)
            | (nr::trace, Kind::Memory)
            | (nr::dup, Kind::Process)
            | (nr::irq_bind, Kind::Notification)
    ) {
        // 0 means none there.
        all.remove(0);
    }
    let classes = match kind {
        Kind::Pool => POOL..POOL + 1,
        Kind::Process => PROCESS..PROCESS + 1,
        Kind::Thread => THREAD..THREAD + 1,
        Kind::Channel => CHANNEL..CHANNEL + 1,
        Kind::Notification => NOTIFICATION..NOTIFICATION + 1,
        Kind::Memory => MEMORY..MEMORY + 1,
        Kind::Grant => GRANT..GRANT + 1,
        Kind::Interrupt => INTERRUPT..INTERRUPT + 1,
        Kind::IoPorts => PORTS..PORTS + 1,
        Kind::Authority => AUTHORITY..AUTHORITY + 1,
        _ => 1..11,
    };
    all.extend(
        (1..11).filter(|class| !classes.contains(class)).map(|class| (f.good[class as usize], Some(Error::WrongKind))),
    );
    if call.number == nr::close || classes.len() > 1 && call.number != nr::derive {
        return all;
    }
    let class = if classes.len() > 1 { CHANNEL } else { classes.start };
    let pool = f.w.pool;
    // Without rights, if the call asks for some.
    let free = matches!((call.number, kind), (nr::irq_bind, Kind::Notification) | (nr::derive, Kind::Any));
    let needs_none = call.number == nr::info || free || call.number == nr::map && kind == Kind::Memory;
    if !needs_none {
        let weak = f.w.ok(nr::dup, &[f.good[class as usize], 0, 0, 0]);
        all.push((weak, Some(Error::Denied)));
    }
    if class == GRANT {
        return all;
    }
    // Revoked.
    let derived = f.w.call(nr::derive, &[pool, f.good[class as usize], ALL, 0, 0]).unwrap();
    f.w.ok(nr::revoke, &[derived[1]]);
    all.push((derived[0], Some(Error::Revoked)));
    // Its object is gone with its pool.
    let made = match class {
        POOL => Some([POOL as u64, 2, 5, 0]),
        PROCESS => Some([PROCESS as u64, 0, 0, 0]),
        CHANNEL | NOTIFICATION => Some([class as u64, 0, 0, 0]),
        MEMORY => Some([MEMORY as u64, 1, 0, 0]),
        _ => None,
    };
    if let Some([kind, x, y, z]) = made {
        let dying = f.w.ok(nr::create, &[pool, POOL as u64, 20, 10]);
        let object = f.w.ok(nr::create, &[dying, kind, x, y, z]);
        f.w.ok(nr::destroy, &[dying]);
        all.push((object, Some(Error::ServerDied)));
    }
    all
}

/// Enters the kernel once; the status, if the call is over, and what it has changed beside that.
fn enter(w: &mut World, number: u64, arguments: &[u64]) -> (Option<Result<(), Error>>, Option<String>) {
    let init = w.init;
    w.prepare(init, number, arguments, 0);
    w.edit(init, |t| t.context.regs.pc = 0x40_0000);
    let before = snapshot::take(w);
    w.k.syscall(0);
    let after = snapshot::take(w);
    let excluded = snapshot::excluded(w, init);
    let status = w.with(|cx| {
        let t = cx.v.get(cx.v.live(init)?);
        let over = matches!(t.state, State::Running | State::Ready) && t.context.regs.pc == 0x40_0000;
        over.then(|| Status(t.context.regs.number).result())
    });
    let refused = matches!(status, Some(Err(_)));
    (status, if refused { before.difference(&after, excluded) } else { None })
}

#[test]
fn every_wrong_argument_is_refused_with_a_listed_error_and_changes_nothing() {
    let (mut tried, mut kinds) = (0, BTreeSet::new());
    for call in CALLS {
        let mut f = fixture();
        let arguments = good(&f, call);
        assert_eq!(arguments.len(), call.arguments.len(), "{}", call.name);
        for (i, (name, kind)) in call.arguments.iter().enumerate() {
            for (value, expected) in wrong(&mut f, call, name, *kind) {
                let mut arguments = arguments.clone();
                if call.number == nr::create && *name == "y" {
                    // For a Memory that is its type.
                    arguments[2] = 1;
                }
                arguments[i] = value;
                let (answer, changed) = enter(&mut f.w, call.number as u64, &arguments);
                let said = format!("{} with {name} = {value:#x}: {answer:?}", call.name);
                let Some(Err(error)) = answer else { panic!("{said}, which is wrong") };
                assert!(call.errors.contains(&error), "{said}, which is not listed");
                assert!(expected.is_none_or(|expected| expected == error), "{said}, not {expected:?}");
                assert_eq!(changed, None, "{said}, and changed something");
                tried += 1;
                kinds.insert((call.number, i));
            }
        }
        let (answer, _) = enter(&mut f.w, call.number as u64, &arguments);
        assert!(!matches!(answer, Some(Err(_))), "{} with good arguments: {answer:?}", call.name);
    }
    let without = |call: &&Call| (0..call.arguments.len()).all(|i| !kinds.contains(&(call.number, i)));
    let left: Vec<_> = CALLS.iter().filter(without).map(|call| call.name).collect();
    assert_eq!(left, ["null", "yield_now"], "calls without arguments");
    assert!(tried > 600, "{tried} wrong arguments");
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
                let mut arguments = good(&f, call);
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
