//! What the guide to the system calls says about rights: without the right it is `Denied`, with it it is not.

use abi::calls::{CALLS, Call, Kind};
use abi::guide::GUIDES;
use abi::{Error, Rights};
use kcore::objects::*;

use crate::world::{World, world};
use abi::calls::number as nr;

const ALL: u64 = 0xffff;

/// A handle to an object of each kind, with all rights.
struct Handles {
    process: u64,
    thread: u64,
    channel: u64,
    notification: u64,
    memory: u64,
    grant: u64,
    line: u64,
}

fn handles(w: &mut World) -> Handles {
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let (thread, _) = w.thread(process, 10, 0x2000_0000);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let derived = w.call(nr::derive, &[w.pool, channel, ALL, 1, 0]).unwrap();
    Handles {
        process,
        thread,
        channel,
        notification: w.ok(nr::create, &[w.pool, NOTIFICATION as u64]),
        memory: w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]),
        grant: derived[1],
        line: w.ok(nr::slice, &[w.pool, w.lines, 3, 1, 0]),
    }
}

/// Arguments with which nothing is missing but what is taken away later.
fn arguments(w: &World, call: &Call, argument: &str, h: &Handles) -> Vec<u64> {
    let by_kind = |(name, kind): &(&str, Kind)| match kind {
        Kind::Pool => w.pool,
        Kind::Process => h.process,
        Kind::Thread => h.thread,
        Kind::Channel => h.channel,
        Kind::Notification => h.notification,
        Kind::Memory | Kind::Any => h.memory,
        Kind::Grant => h.grant,
        Kind::Interrupt => h.line,
        Kind::Authority if call.name == "seal" => w.seal,
        Kind::Authority if call.name == "system" => w.power,
        Kind::Authority => w.log,
        Kind::Rights => ALL,
        Kind::Address => 0x4000_0000,
        Kind::Pages if *name == "offset" => 0,
        Kind::Pages | Kind::Access | Kind::Bits => 1,
        _ => 0,
    };
    let mut all: Vec<u64> = call.arguments.iter().map(by_kind).collect();
    match (call.number, argument) {
        (nr::create, "x") => all = vec![w.pool, THREAD as u64, h.process, 1, 0x3000_0000],
        (nr::create, _) => all[1] = CHANNEL as u64,
        (nr::destroy, _) => all[0] = w.pool,
        (nr::slice, "object") => all[1] = h.line,
        (nr::config, "value") => (all[1], all[2]) = (abi::calls::CONFIG_FAULT, h.channel),
        (nr::reply_recv, _) => all[1] = h.channel << 32,
        (nr::give, _) => all[1] = 0,
        (nr::derive, "to") => all[5] = 1 | 100 << 16 | h.process << 32,
        // With nothing to do, so that it can be called with all rights, too.
        (nr::system, _) => all[1] = 7,
        _ => {}
    }
    all
}

/// The rights that a text begins with: without all of them it is refused.
fn rights(text: &str) -> Rights {
    let names =
        text.split([',', ';', '(']).next().unwrap_or_default().split(" or ").flat_map(|part| part.split(" and "));
    names.map(|name| Rights::from_name(name.trim()).unwrap_or_else(|| panic!("{text}: no right"))).collect()
}

#[test]
fn without_its_right_each_call_is_denied() {
    let mut tried = 0;
    for guide in GUIDES {
        let call = CALLS.iter().find(|call| call.name == guide.call).expect("a call");
        for (argument, text) in guide.rights {
            let place = call.arguments.iter().position(|(name, _)| name == argument).expect("an argument");
            if call.arguments[place].1 == Kind::IoPorts {
                // The model has none.
                continue;
            }
            let mut w = world(900);
            let h = handles(&mut w);
            let mut with = arguments(&w, call, argument, &h);
            // Where the handle stands in a word with something else.
            let shift = match (call.number, *argument) {
                (nr::reply_recv, _) | (nr::derive, "to") => 32,
                _ => 0,
            };
            let less = w.ok(nr::dup, &[with[place] >> shift, ALL & !u64::from(rights(text).bits()), 0, 0]);
            let mut without = with.clone();
            without[place] = less << shift | with[place] & ((1 << shift) - 1);
            let refused = w.call(call.number, &without);
            assert_eq!(refused, Err(Error::Denied), "{} without {text} of {argument}", call.name);
            // What never returns, or ends the world, is not tried with it.
            if !matches!(call.number, nr::call | nr::recv | nr::reply_recv | nr::destroy) {
                with.truncate(10);
                let answer = w.call(call.number, &with);
                assert_ne!(answer, Err(Error::Denied), "{} with {text} of {argument}", call.name);
            }
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
}

/// The number of pages that a call's reason for `BadArgument` names.
fn most_pages(call: &str) -> u64 {
    let guide = GUIDES.iter().find(|guide| guide.call == call).expect("a call");
    let text = guide.reasons.iter().find(|(error, _)| *error == Error::BadArgument).expect("a reason").1;
    let number = text.split("more than ").nth(1).expect("a bound").split([' ', ';']).next().unwrap_or_default();
    number.trim_end_matches(',').replace(',', "").parse().unwrap_or_else(|_| panic!("{call}: {text}"))
}

#[test]
fn the_bounds_that_the_guide_names_are_right() {
    let mut w = world(1500);
    let process = w.process;
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 400, 0]);
    let at = 0x4000_0000;
    for (number, name) in
        [(nr::map, "map"), (nr::protect, "protect"), (nr::unmap, "unmap"), (nr::freeze, "freeze"), (nr::seal, "seal")]
    {
        let most = most_pages(name);
        let mut with = |pages: u64| match number {
            nr::map => w.call(number, &[process, memory, at, 0, pages, 1]),
            nr::protect => w.call(number, &[process, at, pages, 1]),
            nr::unmap => w.call(number, &[process, at, pages]),
            nr::freeze => w.call(number, &[memory, 0, pages]),
            _ => w.call(number, &[memory, 0, pages, w.seal]),
        };
        assert_eq!(with(most + 1), Err(Error::BadArgument), "{name} of {} pages", most + 1);
        assert!(with(most).is_ok(), "{name} of {most} pages");
    }
}
