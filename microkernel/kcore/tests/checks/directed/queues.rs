//! Queues by priority: of the callers that wait, and of those to answer.

use abi::calls::{CONFIG_PRIORITY, number as nr};
use kcore::objects::*;

use super::*;
use crate::invariants;
use crate::random::Random;

/// A thread that calls again and again.
struct Caller {
    handle: u64,
    link: ThreadLink,
    priority: u64,
    doing: Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// It came to the end of its priority's queue as this one.
    Waits(u64),
    /// It waits for the answer that this token stands for.
    Taken(u64),
}

/// Who is to be taken next: the most urgent, of those the first.
fn next(callers: &[Caller]) -> Option<usize> {
    let waiting = callers.iter().enumerate().filter_map(|(n, caller)| match caller.doing {
        Doing::Waits(since) => Some((std::cmp::Reverse(caller.priority), since, n)),
        _ => None,
    });
    waiting.min().map(|(_, _, n)| n)
}

#[test]
fn callers_are_taken_by_priority_whoever_comes_and_goes() {
    let mut w = world(900);
    let mut random = Random::new(6);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let mut callers: Vec<Caller> = (0..16)
        .map(|n| {
            let priority = 2 + n % 3;
            let (handle, link) = helper(&mut w, priority, n);
            Caller { handle, link, priority, doing: Doing::Nothing }
        })
        .collect();
    let mut taken = 0;
    for step in 0..3_000 {
        let caller = &mut callers[random.below(16) as usize];
        match (random.below(8), caller.doing) {
            (0..4, Doing::Nothing) => {
                waits(&mut w, caller.link, nr::call, &[channel, 0]);
                caller.doing = Doing::Waits(step);
            }
            (0, Doing::Waits(_) | Doing::Taken(_)) => {
                w.ok(nr::stop, &[caller.handle]);
                w.ok(nr::start, &[caller.handle, 0x40_0000, 0x60_0000, 0]);
                caller.doing = Doing::Nothing;
            }
            (1, doing) => {
                caller.priority = 2 + random.below(4);
                w.ok(nr::config, &[caller.handle, CONFIG_PRIORITY, caller.priority]);
                if let Doing::Waits(_) = doing {
                    caller.doing = Doing::Waits(step);
                }
            }
            (2..4, Doing::Taken(token)) => {
                w.ok(nr::reply, &[token, 0]);
                caller.doing = Doing::Nothing;
            }
            _ => {
                if let Some(first) = next(&callers).filter(|_| random.below(2) == 0) {
                    w.enter(nr::recv as u64, &[channel, WAIT]);
                    let token = w.answer(w.init).unwrap()[0];
                    assert_eq!(token as u32, callers[first].link.raw(), "step {step}");
                    callers[first].doing = Doing::Taken(token);
                    taken += 1;
                }
            }
        }
        invariants::check(&mut w);
    }
    assert!(taken > 100, "{taken} calls were taken");
}
