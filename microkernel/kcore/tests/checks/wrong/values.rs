//! Which values are wrong where a system call wants a handle, a number, an address, a gift …

use super::*;

/// Wrong values of an argument in a row of good ones, each with its error if that is certain.
pub fn wrong(f: &mut Fixture, call: &Call, row: &[u64], at: usize) -> Vec<(u64, Option<Error>)> {
    let (name, kind) = call.arguments[at];
    let any = |values: &[u64]| values.iter().map(|value| (*value, None)).collect::<Vec<_>>();
    let is = |error: Error, values: &[u64]| values.iter().map(|value| (*value, Some(error))).collect::<Vec<_>>();
    let over = |most: u64| {
        // Only where so many pages are there the one more is what is wrong.
        let mut all = any(&[0, 1 << 32, 1 << 52, u64::MAX]);
        if row[at] == most {
            all.push((most + 1, Some(Error::BadArgument)));
        } else {
            all.push((5, None));
        }
        all
    };
    match (call.number, name, kind) {
        (nr::create, "kind", _) => any(&[0, 7, 8, 10, 11, 99, u64::MAX]),
        (nr::create, "x" | "y" | "z", _) => wrong_create(f, row, name),
        (nr::derive, "to", _) => derived(f, row),
        (nr::give, "moved", _) => {
            let mut all = is(Error::BadArgument, &[1 << 2, 1 << 8, 1 << 63]);
            // The channel is named twice.
            all.extend(is(Error::BadHandle, &[1, 1 << 7]));
            all
        }
        (nr::give, _, Kind::Gift) => gifts(f, at),
        (nr::close, _, _) => {
            let mut all: Vec<_> = f.wrong.iter().map(|(handle, error)| (*handle, Some(*error))).collect();
            if at > 0 {
                // 0 means none there.
                all.remove(0);
            }
            let others = row.iter().enumerate().filter(|(n, handle)| *n != at && **handle != 0);
            all.extend(others.map(|(_, handle)| (*handle, Some(Error::BadHandle))));
            all
        }
        (nr::start, "fault", _) => handles(f, call, row, CHANNEL, at),
        (nr::start, "notification", _) => handles(f, call, row, NOTIFICATION, at),
        (nr::dup, "index", _) if row[2] == 0 => any(&[1 << 16, 1 << 32, u64::MAX]),
        (nr::dup, "index", _) => any(&[3, 128, 1 << 16, 1 << 32, u64::MAX]),
        (nr::dup, _, Kind::Process) if row[2] == 0 => handles(f, call, row, PROCESS, at),
        (nr::info, "what", _) => any(&[99, 1 << 32, u64::MAX]),
        (nr::state, "index", _) => any(&[36, u64::MAX]),
        (nr::config, "what", _) => any(&[9, 255, u64::MAX]),
        (nr::config, "value", _) => match row[1] {
            CONFIG_PRIORITY => is(Error::BadArgument, &[64, 1 << 32, u64::MAX]),
            CONFIG_FAULT => handles(f, call, row, CHANNEL, at),
            CONFIG_NOTIFICATION => handles(f, call, row, NOTIFICATION, at),
            CONFIG_POINTER => is(Error::BadArgument, &[USER_END, 1 << 63, u64::MAX]),
            _ => is(Error::BadArgument, &[1, 64, 1 << 32, u64::MAX - 1]),
        },
        (nr::slice, "flags", _) if f.class(row[1]) == INTERRUPT => is(Error::BadArgument, &[2, u64::MAX]),
        (nr::slice, "flags", _) => is(Error::BadArgument, &[1, 2, u64::MAX]),
        (nr::slice, "offset", _) if f.class(row[1]) != MEMORY => any(&[1 << 16, 1 << 32, u64::MAX]),
        (nr::slice, "count", _) => any(&[0, 1 << 17, 1 << 32, 1 << 52, u64::MAX]),
        (nr::slice | nr::map | nr::evict | nr::freeze | nr::seal, "offset", _) => any(&[300, 1 << 32, u64::MAX]),
        (nr::irq_bind, "bits", _) => any(&[0]),
        (nr::ioport, "operation", _) => any(&[0, 3, 8, 33, u64::MAX]),
        (nr::ioport, "offset", _) => any(&[1 << 16, u64::MAX]),
        (nr::system, "operation", _) => any(&[2, u64::MAX]),
        (nr::debug_log, _, Kind::Tag) => any(&[233, 1 << 13, 1 << 18, u64::MAX]),
        (nr::unmap, "pages", _) => is(Error::BadArgument, &[0, UNMAP_PAGES + 1, 1 << 32, u64::MAX]),
        (nr::map | nr::protect, "pages", _) => over(MAP_PAGES),
        (nr::freeze, "pages", _) => over(FREEZE_PAGES),
        (nr::seal, "pages", _) => over(SEAL_PAGES),
        (nr::start, "pc", _) => any(&[0, USER_END, u64::MAX]),
        (nr::start, "sp", _) => any(&[USER_END + 1, u64::MAX]),
        (nr::pool_move, "pages", _) => any(&[1 << 20, u64::MAX]),
        (nr::evict, "keep", _) => any(&[2, 3, u64::MAX]),
        (nr::reply_recv, _, Kind::Tag) => {
            let (tag, none, gone) = (row[1], f.wrong[4].0, gone(f));
            let channel = |handle: u64| handle << CHANNEL_SHIFT | 8;
            vec![
                (tag | 1 << 16, Some(Error::BadArgument)),
                (tag | 0x1fff, Some(Error::BadArgument)),
                (channel(none), Some(Error::BadHandle)),
                (channel(gone), Some(Error::ServerDied)),
                (channel(f.of(POOL)), Some(Error::WrongKind)),
            ]
        }
        (_, _, Kind::Tag) => is(Error::BadArgument, &[4065, 0x1fff, 5 << 13, 1 << 16, 1 << 63]),
        (_, _, Kind::Token) => is(Error::CallerGone, &[1, f.token ^ 1 << 32, f.token ^ 8, u64::MAX]),
        (_, _, Kind::Rights) => any(&[1 << 16, u64::MAX]),
        (_, _, Kind::Address) => any(&[0, 0xfff, AT + 1, USER_END, USER_END - 0x1000, 1 << 63, u64::MAX - 0xfff]),
        (_, _, Kind::Access) => {
            let mut all = is(Error::BadArgument, &[0, 2, 8, u64::MAX]);
            all.extend(is(Error::WriteAndExecute, &[6, 7]));
            all.push((5, None));
            all
        }
        (_, _, Kind::Pages) => any(&[0, 300, 2049, 1 << 32, 1 << 52, u64::MAX]),
        (_, _, Kind::Bits | Kind::Number) => Vec::new(),
        _ => {
            let class = f.class(row[at]);
            handles(f, call, row, class, at)
        }
    }
}

/// A gift with all rights.
pub fn gift(handle: u64, index: u64) -> u64 {
    handle | ALL << 32 | index << 48
}

/// Wrong gifts, beside one at 100, one that moves at 101, and one at 127.
fn gifts(f: &mut Fixture, at: usize) -> Vec<(u64, Option<Error>)> {
    let (pool, note, memory) = (f.w.pool, f.of(NOTIFICATION), f.of(MEMORY));
    let mut all = Vec::new();
    for (handle, error) in f.wrong.iter().filter(|(handle, _)| *handle >> 32 == 0) {
        all.push((gift(*handle, 110), Some(*error)));
    }
    // Of a free slot of the first page, and another for each.
    let others = [(100, 2), (101, 3), (127, 9)].into_iter().filter(|(_, place)| *place != at);
    let places = [0, 3, 128, 0xffff].into_iter().chain(others.map(|(index, _)| index));
    all.extend(places.map(|index| (gift(note, index), Some(Error::BadArgument))));
    if at != 3 {
        all.push((gift(memory, 110), Some(Error::BadHandle)));
    }
    let weak = f.w.ok(nr::dup, &[note, ALL & !u64::from(Rights::TRANSFER.bits()), 0, 0]);
    all.push((gift(weak, 110), Some(Error::Denied)));
    let derived = f.w.call(nr::derive, &[pool, note, ALL, 0, 0]).unwrap();
    f.w.ok(nr::revoke, &[derived[1]]);
    all.push((gift(derived[0], 110), Some(Error::Revoked)));
    all.push((gift(gone(f), 110), Some(Error::ServerDied)));
    all
}

/// Wrong places for a derived handle.
fn derived(f: &mut Fixture, row: &[u64]) -> Vec<(u64, Option<Error>)> {
    let process = f.of(PROCESS);
    let place = |process: u64, index: u64| 1 | index << 16 | process << 32;
    let nonsense = [2, 0x8000, 1 << 16, 1 << 32, place(process, 100) - 1, place(process, 100) | 2, u64::MAX];
    let mut all: Vec<_> = nonsense.iter().map(|value| (*value, Some(Error::BadArgument))).collect();
    for (handle, error) in f.wrong.clone().into_iter().filter(|(handle, _)| *handle >> 32 == 0) {
        all.push((place(handle, 100), Some(error)));
    }
    // Slot 3 is taken.
    all.extend([0, 3, 128, 0xffff].map(|index| (place(process, index), Some(Error::BadArgument))));
    all.push((place(f.of(CHANNEL), 100), Some(Error::WrongKind)));
    let weak = f.w.ok(nr::dup, &[process, ALL & !u64::from(Rights::ENDOW.bits()), 0, 0]);
    all.push((place(weak, 100), Some(Error::Denied)));
    let (pool, class) = (f.w.pool, f.class(row[1]));
    assert_ne!(class, GRANT);
    let revoked = f.w.call(nr::derive, &[pool, process, ALL, 0, 0]).unwrap();
    f.w.ok(nr::revoke, &[revoked[1]]);
    all.push((place(revoked[0], 100), Some(Error::Revoked)));
    let dying = f.w.ok(nr::create, &[pool, POOL as u64, 20, 10]);
    let gone = f.w.ok(nr::create, &[dying, PROCESS as u64, 0, 0, 0]);
    f.w.ok(nr::destroy, &[dying]);
    all.push((place(gone, 100), Some(Error::ServerDied)));
    all
}

/// A handle to a channel that is gone with its pool.
fn gone(f: &mut Fixture) -> u64 {
    let dying = f.w.ok(nr::create, &[f.w.pool, POOL as u64, 20, 10]);
    let channel = f.w.ok(nr::create, &[dying, CHANNEL as u64, 0, 0, 0]);
    f.w.ok(nr::destroy, &[dying]);
    channel
}

/// Wrong words of `create`, by what it makes.
fn wrong_create(f: &mut Fixture, row: &[u64], name: &str) -> Vec<(u64, Option<Error>)> {
    let is = |error: Error, values: &[u64]| values.iter().map(|value| (*value, Some(error))).collect::<Vec<_>>();
    let create = &CALLS[nr::create as usize];
    match (row[1] as u8, name) {
        (MEMORY, "x") => [0, 1 << 20, 1 << 32, u64::MAX].map(|pages| (pages, None)).to_vec(),
        (MEMORY, "y") => is(Error::BadArgument, &[2, u64::MAX]),
        (POOL, "x") => [1 << 20, 1 << 32, u64::MAX].map(|pages| (pages, None)).to_vec(),
        (POOL, "y") => {
            let mut all = is(Error::BadArgument, &[64, 1 << 32, u64::MAX]);
            // Real time is had for a budget alone.
            all.extend(is(Error::OverBudget, &[info::REAL_TIME as u64, 63][..if row[4] == 0 { 2 } else { 0 }]));
            all
        }
        (POOL, "z") => {
            let nonsense = [1, 9 | 10_000 << 32, 100, 100 | 49 << 32, 100 | 1_000_001 << 32, 10_001 | 10_000 << 32];
            let mut all = is(Error::BadArgument, &nonsense);
            all.extend(is(Error::OverBudget, &[9_900 | 10_000 << 32]));
            all
        }
        (THREAD, "x") => handles(f, create, row, PROCESS, 2),
        (THREAD, "y") => is(Error::BadArgument, &[64, 1 << 32, u64::MAX]),
        (THREAD, "z") => is(Error::BadAddress, &[0, 0xfff, AT, AT + 1, USER_END, 1 << 63, u64::MAX]),
        // The others have no such words.
        _ => Vec::new(),
    }
}

/// Wrong handles where one of this class is good: none, closed, of each other kind, without rights, revoked, of an object
/// that is gone.
fn handles(f: &mut Fixture, call: &Call, row: &[u64], class: u8, at: usize) -> Vec<(u64, Option<Error>)> {
    let (_, kind) = call.arguments[at];
    let mut all: Vec<(u64, Option<Error>)> = f.wrong.iter().map(|(handle, error)| (*handle, Some(*error))).collect();
    if matches!(
        (call.number, kind),
        (nr::recv, Kind::Channel)
            | (nr::trace, Kind::Memory)
            | (nr::dup, Kind::Process)
            | (nr::irq_bind, Kind::Notification)
            | (nr::config, Kind::Number)
            | (nr::start, Kind::Channel | Kind::Notification)
    ) {
        // 0 means none there.
        all.remove(0);
    }
    let others: &[u8] = match call.number {
        nr::dup if kind == Kind::Any => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        nr::info if row[1] == info::BASIC => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        nr::derive if kind == Kind::Any => &[1, 2, 3, 4, 5, 6, 8, 9, 10],
        nr::slice if kind == Kind::Any => &[MEMORY, INTERRUPT, PORTS],
        nr::destroy => &[POOL, THREAD],
        _ => &[],
    };
    let wrong = (1..11).filter(|other| *other != class && !others.contains(other));
    // Flags are read by the kind of the object.
    let error = if call.number == nr::slice && row[4] != 0 && at == 1 { None } else { Some(Error::WrongKind) };
    all.extend(wrong.map(|class| (f.of(class), error)));
    let pool = f.w.pool;
    // Without rights, if the call asks for some.
    let needs_none = match (call.number, kind) {
        (nr::info, _) => !matches!(row[1], info::PROCESS | info::THREAD | info::SYSTEM | info::HANDLES | info::GRANT),
        (nr::irq_bind, Kind::Notification) | (nr::derive, Kind::Any) | (nr::map, Kind::Memory) => true,
        (nr::dup, Kind::Any) => row[2] == 0,
        (nr::slice, Kind::Any) => class != INTERRUPT,
        _ => false,
    };
    if !needs_none {
        let weak = f.w.ok(nr::dup, &[row[at].max(f.of(class) * u64::from(row[at] == 0)), 0, 0, 0]);
        all.push((weak, Some(Error::Denied)));
    }
    // Revoked.
    if class != GRANT {
        let derived = f.w.call(nr::derive, &[pool, f.of(class), ALL, 0, 0]).unwrap();
        f.w.ok(nr::revoke, &[derived[1]]);
        all.push((derived[0], Some(Error::Revoked)));
    }
    // Its object is gone with its pool.
    if class != AUTHORITY {
        let dying = f.w.ok(nr::create, &[pool, POOL as u64, 20, 10]);
        let (lines, ports, memory) = (f.w.lines, f.of(PORTS), f.of(MEMORY));
        let object = match class {
            POOL => f.w.ok(nr::create, &[dying, POOL as u64, 2, 5, 0]),
            THREAD => f.w.ok(nr::create, &[dying, THREAD as u64, OWN, 1, 0x2200_0000]),
            MEMORY => f.w.ok(nr::create, &[dying, MEMORY as u64, 1, 0, 0]),
            INTERRUPT => f.w.ok(nr::slice, &[dying, lines, 30 + at as u64, 1, 0]),
            PORTS => f.w.ok(nr::slice, &[dying, ports, 1, 1, 0]),
            GRANT => f.w.call(nr::derive, &[dying, memory, ALL, 0, 0]).unwrap()[1],
            simple => f.w.ok(nr::create, &[dying, simple as u64, 0, 0, 0]),
        };
        f.w.ok(nr::destroy, &[dying]);
        all.push((object, Some(Error::ServerDied)));
    }
    all
}
