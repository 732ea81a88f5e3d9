//! How late an answer comes while others ask without a pause, or keep what they asked for: in instructions, beside the idle time.

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::calls::number;
use libsys::abi::user;
use libsys::fs;
use libsys::names::NameSpace;
use libsys::net::Network;
use libsys::protocol::{Id, Text, fs as files, net};
use libsys::{Channel, Error, time, wait_bits};

use crate::checks::Checks;
use crate::kernel::{Random, call, raw};
use crate::sec::deaf::Deaf;
use crate::sec::floods::{Counter, Flood, below};
use crate::threads::options;

/// Threads that ask without a pause.
const CROWD: usize = 64;
/// Answers that are timed, and those of a thread that has no priority over the crowd.
const ANSWERS: u64 = 200;
const EQUAL_ANSWERS: u64 = 6_000;
/// How much later than when nobody else asks 99 of a hundred answers may be.
const LATER: u64 = 10;
/// A time slice.
const SLICE: u64 = 5 * time::MILLISECOND;

/// Times of answers.
struct Times(Vec<u64>);

impl Times {
    /// So many, with pauses in which others get on, of 0.5 ms at most.
    fn of(count: u64, pauses: bool, mut ask: impl FnMut() -> Result<(), Error>) -> Result<Times, Error> {
        let (mut times, mut random) = (Vec::new(), Random(count));
        for _ in 0..count {
            if pauses {
                wait_bits(0, time::now_ns() + random.next() % (time::MILLISECOND / 2));
            }
            let before = time::now_ns();
            ask()?;
            times.push(time::now_ns() - before);
        }
        times.sort_unstable();
        Ok(Times(times))
    }

    /// What so many of a hundred are not above.
    fn percent(&self, percent: usize) -> u64 {
        self.0.get((self.0.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
    }

    fn told(&self) -> alloc::string::String {
        format!("{} (99 of 100: {}, all: {})", self.percent(50), self.percent(99), self.percent(100))
    }
}

/// 64 threads at one server, and one above them; then one beside them.
pub fn floods(checks: &mut Checks) -> Result<(), Error> {
    let counter = Counter::start()?;
    let client = counter.client()?;
    beside(checks, "a server", move || _ = call(number::call, &[raw(&client), 8, 0]), || Ok(counter.ask().map(drop)?))?;
    let client = counter.client()?;
    let ask = || Ok(counter.ask().map(drop)?);
    let idle = Times::of(EQUAL_ANSWERS, false, ask)?;
    let flood = Flood::start(CROWD, options()?, Some(0), move || _ = call(number::call, &[raw(&client), 8, 0]))?;
    let ask = || Ok(counter.ask().map(drop)?);
    let during = Times::of(EQUAL_ANSWERS, false, ask)?;
    let flooded = flood.stop();
    counter.stop();
    let name = format!("{CROWD} equals at a server, {flooded} calls: {}, idle {}", during.told(), idle.told());
    // It has some 2,400 answers a time slice. Then all others have theirs, and at the end of each of these it may get one more.
    let worst = during.percent(100) <= (CROWD as u64 + 1) * (SLICE + idle.percent(99));
    checks.holds(name, during.percent(95) <= LATER * idle.percent(99) && worst && flooded > ANSWERS);
    let nonsense = || _ = call(number::call, &[user::NAMES_CHANNEL.raw().into(), 64, u64::MAX, u64::MAX]);
    beside(checks, "init", nonsense, || NameSpace::own().look("SYS").map(drop))?;
    let session = NameSpace::own().open::<files::Service>("SYS")?;
    let stat = move || {
        _ = session.call(&files::Request::Stat { dir: Id::ROOT, path: Text::cut("S"), flags: files::Open::empty() })
    };
    beside(checks, "fsd", stat, || fs::stat("SYS:S").map(drop))?;
    let session: Channel<net::Service> = NameSpace::own().open("net")?;
    let own: Channel<net::Service> = NameSpace::own().open("net")?;
    let ask = move || _ = session.call(&net::Request::Interfaces);
    beside(checks, "netd", ask, || own.call(&net::Request::Interfaces).map(drop))
}

/// A crowd below this thread does one thing, this one another.
fn beside(
    checks: &mut Checks,
    what: &str,
    crowd: impl Fn() + Send + Sync + 'static,
    mut ask: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let idle = Times::of(ANSWERS, true, &mut ask)?;
    let flood = Flood::start(CROWD, below(1)?, Some(0), crowd)?;
    let during = Times::of(ANSWERS, true, &mut ask)?;
    let flooded = flood.stop();
    let name = format!("{CROWD} at {what}, {flooded} calls: {}, idle {}", during.told(), idle.told());
    checks.holds(name, during.percent(99) <= LATER * idle.percent(99) && flooded > ANSWERS);
    Ok(())
}

/// Connections whose ends never read.
pub fn deaf(checks: &mut Checks) -> Result<(), Error> {
    let network = Network::open()?;
    let own: Channel<net::Service> = NameSpace::own().open("net")?;
    let mut ask = || own.call(&net::Request::Interfaces).map(drop);
    let idle = Times::of(ANSWERS, true, &mut ask)?;
    let deaf = Deaf::new(&network)?;
    let during = Times::of(ANSWERS, true, &mut ask)?;
    let name = format!("netd beside {} bytes that nobody reads: {}, idle {}", deaf.bytes, during.told(), idle.told());
    checks.holds(name, during.percent(99) <= LATER * idle.percent(99));
    Ok(())
}
