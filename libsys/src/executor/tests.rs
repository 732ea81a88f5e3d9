use std::{collections::VecDeque, vec, vec::Vec};

use super::*;

/// A kernel that plays events back; a deadline moves its clock.
#[derive(Default)]
struct Script {
    now: Cell<u64>,
    events: RefCell<VecDeque<(u64, Event)>>,
    waits: RefCell<Vec<u64>>,
}

impl Script {
    fn new(events: impl IntoIterator<Item = (u64, Event)>) -> Script {
        Script { events: RefCell::new(events.into_iter().collect()), ..Script::default() }
    }
}

impl Kernel for Script {
    fn now_ns(&self) -> u64 {
        self.now.get()
    }

    fn receive(&self, deadline: u64) -> Result<Event, Error> {
        self.waits.borrow_mut().push(deadline);
        let mut events = self.events.borrow_mut();
        match events.front() {
            Some((at, _)) if *at <= deadline => {
                let (at, event) = events.pop_front().unwrap();
                self.now.set(self.now.get().max(at));
                Ok(event)
            }
            _ if deadline != u64::MAX => {
                self.now.set(deadline);
                Ok(Event::Deadline)
            }
            // Nothing will ever happen.
            _ => Err(Error::TimedOut),
        }
    }
}

fn log() -> (Rc<RefCell<Vec<u64>>>, impl Fn(u64) + Clone) {
    let log = Rc::new(RefCell::new(Vec::new()));
    let write = log.clone();
    (log, move |entry| write.borrow_mut().push(entry))
}

#[test]
fn timers_fire_in_order_and_set_the_deadline() {
    let executor = Executor::new(Script::default());
    let (log, write) = log();
    for ns in [30, 10, 20, 10] {
        let (spawner, write) = (executor.spawner(), write.clone());
        executor.spawner().spawn(async move {
            spawner.sleep(ns).await;
            write(spawner.now_ns());
        });
    }
    assert_eq!(executor.run(|_, _| {}), Err(Error::TimedOut));
    assert_eq!(*log.borrow(), [10, 10, 20, 30]);
    assert_eq!(*executor.kernel().waits.borrow(), [10, 20, 30, u64::MAX]);
    assert_eq!(executor.spawner().task_count(), 0);
}

#[test]
fn bits_go_to_all_who_wait_and_are_kept_for_who_comes_later() {
    let executor = Executor::new(Script::new([(5, Event::Bits(0b1011)), (6, Event::Bits(0b1))]));
    let (log, write) = log();
    for mask in [0b0001, 0b0011] {
        let (spawner, write) = (executor.spawner(), write.clone());
        executor.spawner().spawn(async move { write(spawner.bits(mask).await) });
    }
    let (spawner, late) = (executor.spawner(), write.clone());
    executor.spawner().spawn(async move {
        spawner.sleep(100).await;
        late(spawner.bits(0b1001).await);
    });
    let _ = executor.run(|_, _| {});
    assert_eq!(*log.borrow(), [0b0001, 0b0011, 0b1001]);
}

#[test]
fn bits_told_to_a_dropped_wait_are_not_lost() {
    let executor = Executor::new(Script::new([(5, Event::Bits(0b11)), (6, Event::Bits(0b100))]));
    let (log, write) = log();
    let spawner = executor.spawner();
    executor.spawner().spawn(async move {
        // Both are told at once; the second of the two is dropped with its bit.
        let first = select(spawner.bits(0b01), spawner.bits(0b10)).await;
        assert_eq!(first, Either::First(0b01));
        write(spawner.bits(0b10).await);
    });
    let _ = executor.run(|_, _| {});
    assert_eq!(*log.borrow(), [0b10]);
}

#[test]
fn a_timeout_drops_what_it_waited_for() {
    let executor = Executor::new(Script::new([(50, Event::Bits(1))]));
    let spawner = executor.spawner();
    let result = executor.block_on(async move {
        let late = spawner.timeout(40, spawner.bits(1)).await;
        let in_time = spawner.timeout(60, spawner.bits(1)).await;
        (late, in_time, spawner.now_ns())
    });
    assert_eq!(result, Ok((Err(Error::TimedOut), Ok(1), 50)));
}

#[test]
fn join_waits_for_both_and_signals_wake_all() {
    let executor = Executor::new(Script::default());
    let (spawner, signal) = (executor.spawner(), Signal::new());
    let (log, write) = log();
    for name in [1, 2] {
        let (signal, write) = (signal.clone(), write.clone());
        executor.spawner().spawn(async move {
            signal.wait().await;
            write(name);
        });
    }
    let ends = executor.block_on(async move {
        let slow = async { spawner.sleep(20).await };
        let fast = async {
            spawner.sleep(10).await;
            signal.signal();
        };
        join(slow, fast).await;
        spawner.now_ns()
    });
    assert_eq!(ends, Ok(20));
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn closed_ends_reach_the_server_and_cancel_a_task() {
    let executor = Executor::new(Script::new([(5, Event::Closed(7))]));
    let (log, write) = log();
    struct Noted<F: Fn(u64)>(F);
    impl<F: Fn(u64)> Drop for Noted<F> {
        fn drop(&mut self) {
            (self.0)(99);
        }
    }
    let (spawner, noted) = (executor.spawner(), Noted(write.clone()));
    let task = executor.spawner().spawn(async move {
        let _noted = noted;
        spawner.sleep(1000).await;
        unreachable!("cancelled before");
    });
    let _ = executor.run(|event, spawner| match event {
        Event::Closed(badge) => {
            write(badge);
            spawner.cancel(task);
            spawner.cancel(task);
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(*log.borrow(), [7, 99]);
    assert_eq!(*executor.kernel().waits.borrow(), vec![1000, u64::MAX], "the timer went with the task");
}

#[test]
fn a_task_may_cancel_itself_and_spawn_others() {
    let executor = Executor::new(Script::default());
    let (log, write) = log();
    let spawner = executor.spawner();
    let own = Rc::new(Cell::new(None));
    let me = own.clone();
    let task = executor.spawner().spawn(async move {
        write(1);
        let inner = write.clone();
        spawner.spawn(async move { inner(2) });
        if let Some(task) = me.get() {
            spawner.cancel(task);
        }
        spawner.yield_now().await;
        write(3);
    });
    own.set(Some(task));
    let _ = executor.run(|_, _| {});
    assert_eq!(*log.borrow(), [1, 2]);
    assert_eq!(executor.spawner().task_count(), 0);
}

#[test]
fn ten_thousand_tasks_use_their_slots_again() {
    let executor = Executor::new(Script::default());
    let spawner = executor.spawner();
    let count = Rc::new(Cell::new(0));
    let counter = count.clone();
    let result = executor.block_on(async move {
        for round in 0..100_u64 {
            for i in 0..100_u64 {
                let (spawner, counter) = (spawner.clone(), counter.clone());
                spawner.clone().spawn(async move {
                    spawner.sleep(i % 7).await;
                    counter.set(counter.get() + 1);
                });
            }
            spawner.sleep(10 + round % 3).await;
            assert_eq!(spawner.task_count(), 1);
        }
    });
    assert_eq!(result, Ok(()));
    assert_eq!(count.get(), 10_000);
}
