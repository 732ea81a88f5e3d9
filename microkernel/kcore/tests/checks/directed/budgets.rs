//! CPU budgets: who is charged, who is parked, and who goes on.

use abi::Error;
use abi::calls::number as nr;
use abi::info::{self, ThreadState};
use kcore::Hw;
use kcore::objects::*;

use super::*;
use crate::invariants;

const MS: u64 = 1_000_000;

/// A budget as `create` takes it: ms of a period of 100 ms.
fn percent(share: u64) -> u64 {
    (share * 1_000) | (100_000 << 32)
}

fn pool(w: &mut World, above: u64, ceiling: u64, budget: u64) -> Result<u64, Error> {
    w.call(nr::create, &[above, POOL as u64, 60, ceiling, budget]).map(|answer| answer[0])
}

/// A started thread of init, made from a pool; init stays the running one.
fn worker(w: &mut World, pool: u64, priority: u64, n: u64) -> (u64, ThreadLink) {
    let main = w.edit(w.init, |t| t.base_priority) as u64;
    w.ok(nr::config, &[MAIN, 0, 63]);
    let root = std::mem::replace(&mut w.pool, pool);
    let (handle, link) = w.thread(OWN, priority, 0x2000_0000 + (n << 12));
    w.pool = root;
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.enter(nr::config as u64, &[MAIN, 0, main]);
    (handle, link)
}

/// Lets time pass: whoever runs spins.
fn pass(w: &mut World, ns: u64) {
    let end = w.k.system.hw.now + ns;
    let mut entries = 0;
    while w.k.system.hw.timer <= end {
        let hw = &mut w.k.system.hw;
        hw.now = hw.now.max(hw.timer);
        hw.timer = u64::MAX;
        w.k.timer(0);
        invariants::check(w);
        entries += 1;
        assert!(entries < 20_000, "the timer comes for a reason");
    }
    w.k.system.hw.now = end;
    w.k.timer(0);
    invariants::check(w);
}

fn ran(w: &mut World, thread: ThreadLink) -> u64 {
    let ticks = w.edit(thread, |t| t.run_time);
    w.k.system.hw.span(ticks) / MS
}

/// ms charged to a pool.
fn charged(w: &mut World, pool: u64) -> u64 {
    w.with(|cx| {
        let init =
            cx.v.live(cx.s.cores[0].current.link())
                .or_else(|| invariants::all::<THREAD>(cx).into_iter().next())
                .unwrap();
        let key = cx.lookup::<POOL>(init, pool, abi::Rights::empty()).unwrap().key;
        cx.v.get(key).budget.charged / MS
    })
}

/// A client with a budget of 20 %, at 60, that has called a server without one, at 10.
struct Called {
    part: u64,
    client: ThreadLink,
    server: ThreadLink,
}

fn called(w: &mut World) -> Called {
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let (_, server) = helper(w, 10, 0);
    waits(w, server, nr::recv, &[channel, WAIT]);
    let part = pool(w, ROOT, 63, percent(20)).unwrap();
    let (_, client) = worker(w, part, 60, 1);
    assert_eq!(w.current(), client);
    w.enter(nr::call as u64, &[channel, 0]);
    Called { part, client, server }
}

#[test]
fn a_spinner_has_its_share_and_no_more() {
    let mut w = world(500);
    let half = pool(&mut w, ROOT, 63, percent(50)).unwrap();
    let (handle, spinner) = worker(&mut w, half, 60, 0);
    assert_eq!(w.current(), spinner, "more urgent than init");
    pass(&mut w, 1_000 * MS);
    w.run(w.init);
    w.enter(nr::yield_now as u64, &[]);
    let init = w.init;
    let (a, b) = (ran(&mut w, spinner), ran(&mut w, init));
    assert!((495..=505).contains(&a) && (495..=505).contains(&b), "{a} and {b} of 1,000 ms");
    assert_eq!(charged(&mut w, half), a);
    pass(&mut w, 55 * MS);
    assert_eq!(w.edit(spinner, |t| (t.state, t.demoted)), (State::Ready, true), "it is parked when its turn comes");
    assert_eq!(w.call(nr::info, &[handle, info::THREAD]).unwrap()[2], ThreadState::Parked as u64);
    let told = w.call(nr::info, &[half, info::POOL]).unwrap();
    assert_eq!((told[7], told[8], told[9] / MS), (percent(50), 0, charged(&mut w, half)));
}

#[test]
fn a_server_that_is_called_out_of_a_used_up_budget_goes_on_as_itself() {
    let mut w = world(500);
    let Called { part, client, server } = called(&mut w);
    assert_eq!((w.current(), w.edit(server, |t| t.priority)), (server, 60));
    pass(&mut w, 15 * MS);
    assert_eq!(w.current(), server, "in the caller's time");
    pass(&mut w, 10 * MS);
    assert_eq!(w.current(), w.init, "which is used up");
    assert_eq!(w.edit(server, |t| (t.state, t.priority)), (State::Ready, 10), "it goes on at its own priority");
    assert_eq!(charged(&mut w, part), 20);
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!(w.current(), server, "nobody else is there");
    pass(&mut w, 30 * MS);
    assert_eq!(charged(&mut w, part), 20, "in its own time");
    pass(&mut w, 50 * MS);
    assert_eq!(w.edit(server, |t| t.priority), 60, "the caller has time again");
    let token = w.answer(server).unwrap()[0];
    w.enter(nr::reply as u64, &[token, 0]);
    assert_eq!((w.current(), w.edit(server, |t| t.priority)), (client, 10));
    invariants::check(&mut w);
}

#[test]
fn who_is_answered_when_its_budget_is_used_up_runs_in_the_next_period() {
    let mut w = world(500);
    let Called { client, server, .. } = called(&mut w);
    pass(&mut w, 25 * MS);
    assert_eq!((w.current(), w.edit(client, |t| (t.demoted, t.priority))), (w.init, (true, 0)));
    w.run(server);
    let token = w.answer(server).unwrap()[0];
    w.enter(nr::reply as u64, &[token, 0]);
    invariants::check(&mut w);
    assert_eq!(w.current(), w.init, "it has nothing to run by");
    pass(&mut w, 60 * MS);
    assert_eq!(w.current(), w.init, "nor later in the period");
    pass(&mut w, 20 * MS);
    assert_eq!((w.current(), w.edit(client, |t| t.priority)), (client, 60), "though init never waits");
}

#[test]
fn a_server_goes_on_at_the_next_callers_priority() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let (_, server) = helper(&mut w, 5, 0);
    let (_, second) = helper(&mut w, 15, 1);
    let part = pool(&mut w, ROOT, 63, percent(20)).unwrap();
    let (_, first) = worker(&mut w, part, 60, 2);
    w.enter(nr::call as u64, &[channel, 0]);
    assert_eq!(w.state(first), Some(State::Calling));
    waits(&mut w, second, nr::call, &[channel, 0]);
    w.run(server);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    assert_eq!(w.edit(server, |t| t.priority), 60);
    pass(&mut w, 21 * MS);
    assert_eq!(w.edit(server, |t| t.priority), 15, "of one that has not even been received");
    w.run(w.init);
    assert_eq!(w.edit(first, |t| (t.demoted, t.priority)), (true, 0));
    pass(&mut w, 80 * MS);
    assert_eq!(w.edit(server, |t| t.priority), 60);
    assert_eq!(w.edit(first, |t| (t.demoted, t.priority)), (false, 60));
}

#[test]
fn a_server_out_of_budget_goes_on_with_a_call_in_its_hands() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let part = pool(&mut w, ROOT, 63, percent(10)).unwrap();
    let (_, server) = worker(&mut w, part, 60, 0);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    let (_, client) = helper(&mut w, 25, 1);
    assert_eq!(w.current(), client);
    w.enter(nr::call as u64, &[channel, 0]);
    assert_eq!(w.current(), server);
    pass(&mut w, 50 * MS);
    assert_eq!((w.current(), w.edit(server, |t| (t.demoted, t.priority))), (server, (true, 25)));
    let token = w.answer(server).unwrap()[0];
    w.enter(nr::reply as u64, &[token, 0]);
    assert_eq!(w.current(), client, "it was the call that it could go on for");
    assert_eq!(w.edit(server, |t| t.priority), 0);
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!(w.current(), w.init);
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!((w.current(), w.state(server)), (ThreadLink::NONE, Some(State::Parked)), "rather nobody than it");
    // A call that comes while it is parked is one more to go on for; it has none in its hands yet.
    invariants::check(&mut w);
    pass(&mut w, 100 * MS);
    assert_eq!(w.edit(server, |t| t.base_priority), 60);
    assert!(charged(&mut w, part) >= 20, "it came back");
}

#[test]
fn a_call_to_a_parked_server_wakes_it_for_that() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let part = pool(&mut w, ROOT, 63, percent(10)).unwrap();
    let (_, client) = worker(&mut w, ROOT, 25, 1);
    w.run(w.init);
    let (_, server) = worker(&mut w, part, 60, 0);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(w.current(), server, "its deadline was past, so it serves the channel and runs");
    pass(&mut w, 11 * MS);
    assert_eq!(w.current(), client);
    w.enter(nr::call as u64, &[channel, 0]);
    assert_eq!((w.current(), w.edit(server, |t| t.priority)), (server, 25), "though the call is not even taken");
    invariants::check(&mut w);
}

#[test]
fn budgets_nest_and_add_up() {
    let mut w = world(900);
    assert_eq!(pool(&mut w, ROOT, 30, percent(91)), Err(Error::OverBudget));
    let most = pool(&mut w, ROOT, 30, percent(90)).unwrap();
    assert_eq!(pool(&mut w, ROOT, 30, percent(1)), Err(Error::OverBudget));
    assert_eq!(w.call(nr::create, &[most, POOL as u64, 5, 30, percent(91)]), Err(Error::OverBudget));
    let plain = w.ok(nr::create, &[most, POOL as u64, 40, 30]);
    let inner = w.ok(nr::create, &[plain, POOL as u64, 20, 30, 250 | (1_000 << 32)]);
    assert_eq!(w.call(nr::info, &[most, info::POOL]).unwrap()[8], 25_000, "25 of the 90 %");
    assert_eq!(w.call(nr::create, &[plain, POOL as u64, 5, 30, percent(66)]), Err(Error::OverBudget));
    invariants::check(&mut w);
    // Who has none is paid for by the nearest above; what was given on is not its own any more.
    let (_, link) = worker(&mut w, plain, 25, 0);
    assert_eq!(w.current(), link);
    pass(&mut w, 200 * MS);
    assert_eq!(charged(&mut w, most), 130, "65 of each 100 ms");
    w.run(w.init);
    w.ok(nr::destroy, &[inner]);
    pass(&mut w, 200 * MS);
    assert_eq!(charged(&mut w, most), 310);
    w.run(w.init);
    w.ok(nr::destroy, &[most]);
    pool(&mut w, ROOT, 30, percent(90)).unwrap();
    invariants::check(&mut w);
}

#[test]
fn real_time_needs_a_budget() {
    let mut w = world(500);
    assert_eq!(pool(&mut w, ROOT, 56, 0), Err(Error::OverBudget));
    pool(&mut w, ROOT, 55, 0).unwrap();
    let above = pool(&mut w, ROOT, 60, percent(5)).unwrap();
    w.ok(nr::create, &[above, POOL as u64, 10, 60]);
    let poor = w.ok(nr::create, &[ROOT, POOL as u64, 20, 30]);
    let from_nothing = w.call(nr::create, &[poor, POOL as u64, 5, 10, percent(1)]);
    assert_eq!(from_nothing, Err(Error::OverBudget), "the root's 90 % are not for everybody");
    for bad in [1, 1 << 32, 9 | (1_000 << 32), 2_000 | (1_000 << 32), 20 | (49 << 32), 500 | (2_000_000 << 32)] {
        assert_eq!(pool(&mut w, ROOT, 10, bad), Err(Error::BadArgument), "{bad:#x}");
    }
    invariants::check(&mut w);
}

#[test]
fn what_is_overrun_is_paid_later() {
    let mut w = world(500);
    let part = pool(&mut w, ROOT, 63, percent(10)).unwrap();
    let (_, spinner) = worker(&mut w, part, 60, 0);
    // Interrupts were off, as it were.
    w.k.system.hw.now += 35 * MS;
    w.k.timer(0);
    invariants::check(&mut w);
    let init = w.init;
    assert_eq!(w.current(), init);
    pass(&mut w, 1_000 * MS);
    let share = ran(&mut w, spinner);
    assert!((95..=115).contains(&share), "{share} of 1,035 ms");
}

#[test]
fn more_spinners_than_one_entry_looks_at_are_all_parked() {
    let mut w = world(1_000);
    let part = w.ok(nr::create, &[ROOT, POOL as u64, 300, 63, percent(10)]);
    let spinners: Vec<_> = (0..80).map(|n| worker_behind(&mut w, part, 60, n)).collect();
    w.enter(nr::config as u64, &[MAIN, 0, 20]);
    pass(&mut w, 11 * MS);
    assert_eq!(w.current(), w.init);
    w.enter(nr::recv as u64, &[0, WAIT]);
    pass(&mut w, 2 * MS);
    assert!(spinners.iter().all(|link| w.state(*link) == Some(State::Parked)));
    assert!(w.k.system.endings.most <= 32, "bounded");
    pass(&mut w, 200 * MS);
    assert_eq!(charged(&mut w, part), 30);
    let least = spinners.iter().map(|link| w.edit(*link, |t| t.run_time)).min().unwrap();
    assert!(w.k.system.hw.span(least) < MS * 30);
}

/// A started thread that does not get to run: init stays the most urgent.
fn worker_behind(w: &mut World, pool: u64, priority: u64, n: u64) -> ThreadLink {
    w.enter(nr::config as u64, &[MAIN, 0, 63]);
    let root = std::mem::replace(&mut w.pool, pool);
    let (handle, link) = w.thread(OWN, priority, 0x2000_0000 + (n << 12));
    w.pool = root;
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.ok(nr::close, &[handle]);
    link
}

#[test]
fn a_parked_thread_is_stopped_started_moved_and_destroyed() {
    let mut w = world(900);
    // A core that is there, and is given nothing but by name.
    (w.k.system.cores[1].online, w.k.system.idle) = (true, 2);
    let part = pool(&mut w, ROOT, 63, percent(10)).unwrap();
    let parked = |w: &mut World, n: u64| {
        let (handle, link) = worker(w, part, 60, n);
        pass(w, 11 * MS);
        let init = w.init;
        assert_eq!(w.current(), init);
        // It is looked at when nobody else wants to run.
        let soon = w.k.system.hw.now + MS;
        w.enter(nr::recv as u64, &[0, soon]);
        assert_eq!(w.state(link), Some(State::Parked));
        pass(w, 2 * MS);
        assert_eq!(w.current(), init);
        (handle, link)
    };
    let (handle, link) = parked(&mut w, 0);
    w.ok(nr::config, &[handle, 0, 58]);
    assert_eq!(w.state(link), Some(State::Parked), "a parked one stays so");
    w.ok(nr::stop, &[handle]);
    assert_eq!(w.edit(link, |t| (t.state, t.priority, t.demoted, t.timer_slot)), (State::Stopped, 58, false, 0));
    invariants::check(&mut w);
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    assert_eq!(w.current(), w.init, "found out again");
    invariants::check(&mut w);
    w.ok(nr::destroy, &[handle]);
    pass(&mut w, 200 * MS);
    let (handle, link) = parked(&mut w, 1);
    w.ok(nr::config, &[handle, 4, 1]);
    assert_eq!(w.edit(link, |t| (t.core, t.state)), (1, State::Parked));
    w.ok(nr::config, &[handle, 4, 0]);
    invariants::check(&mut w);
    w.ok(nr::destroy, &[part]);
    assert_eq!(w.state(link), None);
    pass(&mut w, 300 * MS);
    pool(&mut w, ROOT, 63, percent(90)).unwrap();
    invariants::check(&mut w);
}

#[test]
fn the_end_of_who_pays_ends_what_it_paid_for() {
    let mut w = world(900);
    let Called { part, client, server } = called(&mut w);
    pass(&mut w, 5 * MS);
    w.run(w.init);
    w.ok(nr::destroy, &[part]);
    assert_eq!(w.state(client), None);
    assert!(w.edit(server, |t| (t.priority, t.payer.is_none())) == (10, true));
    invariants::check(&mut w);
}

#[test]
fn a_chain_longer_than_anybody_looks_at_is_parked_whole() {
    let mut w = world(1_200);
    let part = w.ok(nr::create, &[ROOT, POOL as u64, 500, 63, percent(10)]);
    w.ok(nr::config, &[MAIN, 0, 63]);
    let channels: Vec<u64> = (0..45).map(|_| w.ok(nr::create, &[ROOT, CHANNEL as u64])).collect();
    let chain: Vec<_> = (0..45).map(|n| worker_behind(&mut w, part, 50, n)).collect();
    // Each serves a channel; all but the first then wait for the one before, from the far end on, taken by nobody.
    for n in 0..45 {
        w.run(chain[n]);
        w.enter(nr::recv as u64, &[channels[n], 0]);
        w.run(w.init);
    }
    for n in (1..45).rev() {
        waits(&mut w, chain[n], nr::call, &[channels[n - 1], 0]);
    }
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!(w.current(), chain[0]);
    let end = w.k.system.hw.now + 50 * MS;
    while w.k.system.hw.now < end {
        w.k.system.hw.now = w.k.system.hw.timer.clamp(w.k.system.hw.now, end);
        w.k.timer(0);
    }
    assert_eq!(w.current(), ThreadLink::NONE, "none of it runs");
    assert!(charged(&mut w, part) <= 11);
}
