//! Bits: set, merged, taken once, by thread and by deadline.

use libsys::thread;
use libsys::{Error, Notification, Pool, time, wait_bits};

use crate::checks::Checks;
use crate::threads::{finish, options};

const LOW: u64 = 1 << 58;
const HIGH: u64 = 1 << 59;

/// Between this thread and itself, and between threads.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let (own, pool) = (Notification::own()?, Pool::own()?);
    own.notify(LOW)?;
    own.notify(HIGH)?;
    own.notify(LOW)?;
    checks.equal("bits merge", wait_bits(LOW | HIGH, 0), LOW | HIGH);
    checks.equal("and are taken once", wait_bits(LOW | HIGH, 0), 0);
    own.notify(LOW | HIGH)?;
    checks.equal("one waits for those it names", wait_bits(HIGH, 0), HIGH);
    checks.equal("the others stay", wait_bits(LOW, 0), LOW);
    let (bell, grant) = own.doorbell(&pool, LOW, HIGH)?;
    bell.ring()?;
    checks.equal("a doorbell rings", wait_bits(LOW | HIGH, 0), LOW);
    drop(bell);
    checks.equal("its end is told by the close bits", wait_bits(LOW | HIGH, 0), HIGH);
    drop(grant);
    let (bell, _grant) = own.doorbell(&pool, LOW, HIGH)?;
    let thread = thread::spawn(&pool, options()?, move || {
        for _ in 0..3 {
            wait_bits(0, time::now_ns() + 2 * time::MILLISECOND);
            let _ = bell.ring();
        }
    })?;
    let mut rung = 0;
    while wait_bits(LOW, time::now_ns() + time::SECOND) == LOW {
        rung += 1;
        if wait_bits(HIGH, 0) == HIGH {
            break;
        }
    }
    checks.holds("another thread's rings wake this one", (1..=3).contains(&rung));
    finish(thread);
    Ok(())
}
