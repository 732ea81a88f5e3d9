//! Deadlines: never early, in order, and none at all where none is wanted.

use alloc::format;

use libsys::{Error, Event, Pool, Receiver, time, wait, wait_bits};

use crate::checks::Checks;

/// How late a wait may end, and how often it is tried: a host that is busy with something else makes one late, not all.
const LATE_NS: u64 = 2 * time::SECOND;
const TRIES: u32 = 20;

/// Short and long ones, past ones, those on a channel.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    for ns in [0, 1, 1_000, 50_000, time::MILLISECOND, 7 * time::MILLISECOND, 60 * time::MILLISECOND] {
        let (mut ended, mut early, mut least) = (true, false, u64::MAX);
        for _ in 0..TRIES {
            let from = time::now_ns();
            let event = wait(from + ns)?;
            let took = time::now_ns() - from;
            (ended, early, least) = (ended && matches!(event, Event::Deadline), early || took < ns, least.min(took));
            if least < ns + LATE_NS {
                break;
            }
        }
        checks.holds(format!("a wait of {ns} ns ends by its deadline"), ended);
        checks.holds(format!("a wait of {ns} ns is not early"), !early);
        checks.holds(format!("a wait of {ns} ns is not always late ({least} ns)"), least < ns + LATE_NS);
    }
    let event = wait(1)?;
    checks.holds("a deadline in the past is a look", matches!(event, Event::Deadline));
    let receiver = Receiver::new(&Pool::own()?)?;
    let from = time::now_ns();
    let event = receiver.recv(from + 5 * time::MILLISECOND)?;
    checks.holds("a receive on a channel has its deadline", matches!(event, Event::Deadline));
    checks.holds("and is not early", time::now_ns() >= from + 5 * time::MILLISECOND);
    let mut before = time::now_ns();
    let steady = (0..10_000).all(|_| {
        let now = time::now_ns();
        core::mem::replace(&mut before, now) <= now
    });
    checks.holds("time never goes back", steady);
    checks.equal("no bit came of all that", wait_bits(1 << 63, 0), 0);
    Ok(())
}
