//! Several cores: threads that run on one while another wants something of them, and threads that go where they can run.

use abi::Error;
use abi::calls::{ANY_CORE, number as nr};
use kcore::cores::Wanted;
use kcore::objects::*;
use kmem::Link;

use super::*;
use crate::invariants;

const CONFIG_POINTER: u64 = 3;
const CONFIG_CORE: u64 = 4;

/// Has a core take the call of another.
fn take_call(w: &mut World, core: u8) {
    assert!(w.k.system.hw.kicks.contains(&core), "core {core} was called");
    w.kicked(core);
    invariants::check(w);
}

/// A thread of init's that runs on a core, its home or not.
fn running(w: &mut World, core: u8, home: u64, n: u64) -> (u64, ThreadLink) {
    let (handle, link) = w.thread(OWN, 10, 0x2000_0000 + (n << 12));
    w.ok(nr::config, &[handle, CONFIG_CORE, home]);
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    take_call(w, core);
    assert_eq!((w.state(link), w.edit(link, |t| t.core)), (Some(State::Running), core));
    (handle, link)
}

/// Makes a call once, from who runs on this core; true if it is to be made again.
fn once(w: &mut World, number: u16, arguments: &[u64]) -> bool {
    let me = w.current();
    w.prepare(me, number as u64, arguments, WAIT);
    w.edit(me, |t| t.context.regs.pc = 0x40_0000);
    w.k.syscall(w.core);
    w.edit(me, |t| t.restarting())
}

#[test]
fn a_thread_that_runs_elsewhere_is_stopped_by_its_own_core() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    assert!(once(&mut w, nr::stop, &[handle]), "the call is made again");
    assert_eq!((w.state(link), w.k.system.cores[1].wanted), (Some(State::Running), Wanted::Stop));
    assert!(once(&mut w, nr::stop, &[handle]) && w.k.system.hw.kicks == [1], "one call is enough");
    take_call(&mut w, 1);
    assert_eq!((w.state(link), w.on(1).current()), (Some(State::Stopped), Link::NONE));
    w.on(0).ok(nr::stop, &[handle]);
}

#[test]
fn a_thread_that_is_stopped_on_its_way_home_is_at_home() {
    let mut w = world_of(3, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    w.ok(nr::config, &[handle, CONFIG_CORE, 2]);
    assert_eq!(w.k.system.cores[1].wanted, Wanted::Move);
    assert!(once(&mut w, nr::stop, &[handle]));
    take_call(&mut w, 1);
    assert_eq!((w.state(link), w.edit(link, |t| t.core)), (Some(State::Stopped), 2));
    w.on(0).ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    take_call(&mut w, 2);
    assert_eq!(w.on(2).current(), link);
}

#[test]
fn what_it_does_meanwhile_is_not_done() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    assert!(once(&mut w, nr::stop, &[handle]));
    w.on(1).prepare(link, nr::notify as u64, &[0x1_0006, 4], WAIT);
    assert!(w.k.syscall(1).is_none(), "it is stopped before its call is looked at");
    let init = w.init;
    let notification = w.on(0).edit(init, |t| t.notification);
    assert_eq!(w.with(|cx| cx.v.get(cx.v.live(notification).unwrap()).bits), 0);
    assert_eq!(w.state(link), Some(State::Stopped));
}

#[test]
fn a_call_made_as_its_thread_is_sent_home_is_made_there() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, ANY_CORE, 0);
    w.ok(nr::config, &[handle, CONFIG_CORE, 0]);
    assert_eq!(w.k.system.cores[1].wanted, Wanted::Move);
    w.on(1).prepare(link, nr::yield_now as u64, &[], WAIT);
    let after = w.edit(link, |t| t.context.regs.pc);
    assert!(w.k.syscall(1).is_none());
    let (state, core, number, pc) = w.edit(link, |t| (t.state, t.core, t.context.regs.number, t.context.regs.pc));
    assert_eq!(
        (state, core, number, pc),
        (State::Ready, 0, nr::yield_now as u64, after - 4),
        "its call is still to come"
    );
}

#[test]
fn a_thread_that_runs_elsewhere_is_ended_by_its_own_core() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    let free = w.free();
    assert!(once(&mut w, nr::destroy, &[handle]));
    assert!(w.state(link).is_some() && w.free() == free, "nothing of it goes while it runs");
    take_call(&mut w, 1);
    assert!(w.state(link).is_none() && w.free() > free);
    assert!(!once(&mut w, nr::destroy, &[handle]), "it is done");
    let init = w.init;
    assert_eq!(w.answer(init).map(drop), Ok(()));
    assert_eq!(w.call(nr::destroy, &[handle]), Err(Error::ServerDied), "a second one is another call");
}

#[test]
fn a_pool_waits_for_the_cores_that_run_its_threads() {
    let mut w = world_of(4, 900);
    // The first pool leaves init's own tables as large as they will be.
    for _ in 0..2 {
        let free = w.free();
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
        let process = w.ok(nr::create, &[pool, PROCESS as u64]);
        let memory = w.ok(nr::create, &[pool, MEMORY as u64, 20, 0]);
        w.ok(nr::map, &[process, memory, 0x100_0000, 0, 20, 3]);
        for core in 1..4u64 {
            let thread = w.ok(nr::create, &[pool, THREAD as u64, process, 10, 0x3000_0000 + (core << 12)]);
            w.ok(nr::config, &[thread, CONFIG_CORE, core]);
            w.ok(nr::start, &[thread, 0x40_0000, 0x50_0000, 0]);
            take_call(&mut w, core as u8);
            w.ok(nr::close, &[thread]);
        }
        let mut rounds = 0;
        while once(&mut w, nr::destroy, &[pool]) {
            invariants::check(&mut w);
            for core in w.k.system.hw.kicks.clone() {
                take_call(&mut w, core);
            }
            rounds += 1;
            assert!(rounds < 20);
        }
        assert!(rounds >= 3, "one core after the other");
        for handle in [process, memory, pool] {
            w.ok(nr::close, &[handle]);
        }
        assert_eq!(w.free(), free, "every page is back");
    }
}

#[test]
fn mappings_of_a_dying_process_leave_the_tlbs_while_it_still_runs() {
    let mut w = world_of(2, 900);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]);
    w.ok(nr::map, &[process, memory, 0x100_0000, 0, 4, 3]);
    let thread = w.ok(nr::create, &[w.pool, THREAD as u64, process, 10, 0x3000_0000]);
    w.ok(nr::config, &[thread, CONFIG_CORE, 1]);
    w.ok(nr::start, &[thread, 0x40_0000, 0x50_0000, 0]);
    take_call(&mut w, 1);
    assert!(once(&mut w, nr::destroy, &[pool]));
    let before = w.k.system.hw.invalidated;
    w.ok(nr::evict, &[memory, 0, 4, 0]);
    assert!(w.k.system.hw.invalidated >= before + 4, "core 1 could still use them");
}

#[test]
fn a_thread_sends_itself_to_another_core() {
    let mut w = world_of(2, 512);
    let init = w.init;
    w.enter(nr::config as u64, &[MAIN, CONFIG_CORE, 1]);
    assert_eq!((w.current(), w.state(init)), (Link::NONE, Some(State::Ready)));
    take_call(&mut w, 1);
    assert_eq!(w.on(1).current(), init);
    w.ok(nr::config, &[MAIN, CONFIG_CORE, 1]);
    assert_eq!(w.call(nr::config, &[MAIN, CONFIG_CORE, 2]), Err(Error::BadArgument), "that core does not run");
}

#[test]
fn a_running_thread_is_sent_home_by_its_core() {
    let mut w = world_of(3, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    w.ok(nr::config, &[handle, CONFIG_CORE, 2]);
    assert_eq!(w.edit(link, |t| (t.core, t.home)), (1, 2), "on its way");
    take_call(&mut w, 1);
    take_call(&mut w, 2);
    assert_eq!(w.on(2).current(), link);
}

#[test]
fn a_deadline_moves_with_its_thread() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    w.on(1).enter(nr::recv as u64, &[0, 5_000_000]);
    assert_eq!(w.state(link), Some(State::Receiving));
    w.on(0).ok(nr::config, &[handle, CONFIG_CORE, 0]);
    invariants::check(&mut w);
    w.k.system.hw.now = 6_000_000;
    w.k.timer(0);
    assert_eq!(w.state(link), Some(State::Ready));
}

#[test]
fn the_pointer_of_a_running_thread_is_loaded_by_its_core() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    w.ok(nr::config, &[handle, CONFIG_POINTER, 0x1234]);
    let there = &w.k.system.cores[1];
    assert!(there.called && there.pointer_changed && w.k.system.hw.kicks == [1]);
    assert_eq!(w.edit(link, |t| t.context.regs.pointer), 0x1234);
}

#[test]
fn who_is_woken_goes_to_an_idle_core() {
    let mut w = world_of(2, 512);
    let (_, link) = running(&mut w, 1, ANY_CORE, 0);
    let (other, last) = w.thread(OWN, 10, 0x2100_0000);
    w.ok(nr::start, &[other, 0x40_0000, 0x60_0000, 0]);
    assert_eq!((w.state(last), w.k.system.hw.kicks.len()), (Some(State::Ready), 0), "no core is idle");
    assert!(once(w.on(1), nr::stop, &[MAIN]));
    assert_eq!(w.state(link), Some(State::Running));
    assert_eq!(w.k.system.cores[0].wanted, Wanted::Stop);
    take_call(&mut w, 0);
    assert_eq!(w.on(0).current(), last, "core 0 has lost its thread, and runs the one that waited");
}

#[test]
fn a_core_with_nothing_to_run_takes_over_the_most_urgent() {
    let mut w = world_of(2, 512);
    let (handle, link) = running(&mut w, 1, 1, 0);
    w.ok(nr::config, &[handle, 0, 19]);
    take_call(&mut w, 1);
    let threads = [(12, ANY_CORE), (15, ANY_CORE), (17, 0)].map(|(priority, home)| {
        let (thread, place) = w.thread(OWN, priority, 0x2100_0000 + (priority << 12));
        w.ok(nr::config, &[thread, CONFIG_CORE, home]);
        w.ok(nr::start, &[thread, 0x40_0000, 0x60_0000, 0]);
        place
    });
    invariants::check(&mut w);
    assert!(once(&mut w, nr::stop, &[handle]));
    take_call(&mut w, 1);
    assert_eq!((w.state(link), w.on(1).current()), (Some(State::Stopped), threads[1]), "not the one that is at home");
    assert_eq!(w.k.system.cores[1].taken, 1);
}

#[test]
fn who_was_called_to_take_over_and_got_a_thread_of_its_own_passes_it_on() {
    let mut w = world_of(3, 512);
    let [(urgent, here), (pinned, there)] = [(30, 0), (10, 1)].map(|(priority, home)| {
        let (thread, place) = w.thread(OWN, 10, 0x2100_0000 + (priority << 12));
        w.ok(nr::config, &[thread, CONFIG_CORE, home]);
        w.ok(nr::config, &[thread, 0, priority]);
        (thread, place)
    });
    w.enter(nr::start as u64, &[urgent, 0x40_0000, 0x60_0000, 0]);
    assert_eq!((w.current(), &w.k.system.hw.kicks[..]), (here, &[1][..]), "core 1 may take over who was running");
    w.ok(nr::start, &[pinned, 0x40_0000, 0x60_0000, 0]);
    take_call(&mut w, 1);
    assert_eq!(w.on(1).current(), there);
    take_call(&mut w, 2);
    let init = w.init;
    assert_eq!(w.on(2).current(), init);
}

#[test]
fn a_call_brings_its_server_over_and_a_reply_its_caller() {
    let mut w = world_of(2, 512);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (_, server) = running(&mut w, 1, ANY_CORE, 0);
    w.on(1).enter(nr::recv as u64, &[channel, WAIT]);
    let init = w.init;
    let kicks = w.k.system.hw.kicks.len();
    w.on(0).enter(nr::call as u64, &[channel, 8, 1]);
    assert_eq!((w.current(), w.edit(server, |t| t.core)), (server, 0));
    let token = w.answer(server).unwrap()[0];
    w.enter(nr::reply_recv as u64, &[token, channel << 32]);
    assert_eq!((w.current(), w.k.system.hw.kicks.len()), (init, kicks), "no core was called");
    w.on(0);
    invariants::check(&mut w);
}

#[test]
fn pinned_threads_call_across_cores() {
    let mut w = world_of(2, 512);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (_, server) = running(&mut w, 1, 1, 0);
    w.on(1).enter(nr::recv as u64, &[channel, WAIT]);
    let init = w.init;
    w.on(0).ok(nr::config, &[MAIN, CONFIG_CORE, 0]);
    w.enter(nr::call as u64, &[channel, 8, 77]);
    assert_eq!(w.current(), Link::NONE);
    take_call(&mut w, 1);
    assert_eq!(w.on(1).current(), server);
    let got = w.answer(server).unwrap();
    assert_eq!(got[2], 77);
    w.enter(nr::reply_recv as u64, &[got[0], channel << 32]);
    take_call(&mut w, 0);
    assert_eq!(w.on(0).current(), init);
}
