//! One who floods does not keep others from being answered, and fills nothing up. How late they are answered, TIMETEST measures.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::{ANY_CORE, number};
use libsys::abi::message::{CHANNEL_SHIFT, FOREVER, Kind as Received, Tag};
use libsys::abi::{self, Rights, info, user};
use libsys::names::NameSpace;
use libsys::raw::Registers;
use libsys::thread::{self, JoinHandle, Options};
use libsys::{Error, Notification, OwnedHandle, Pool, time, wait_bits};

use crate::checks::{Checks, long, many};
use crate::hard::messages::Echo;
use crate::kernel::{self, POOL, Random, call, create, derive, dup, raw, used};
use crate::threads::{finish, options, pin};

/// Rounds of the one who behaves.
const ROUNDS: u64 = 300;
/// Calls of those who flood, at least.
const FLOOD: u64 = 1_000;
/// How long they may take.
const LIMIT_NS: u64 = 20 * time::SECOND;
/// Notifications.
const BITS: u64 = 20_000;
/// Threads that flood at the same priority as who behaves.
const FLOODERS: usize = 3;
/// Threads that flood below it, by turns; every number up to the last with the long counts.
const CROWDS: [usize; 3] = [1, 8, 64];
/// Calls of the one above them, each.
const CALLS: u64 = 60;
/// Bytes of a flooder's stack.
const STACK: usize = 16 << 10;
/// How long a server works at a call, in turns of a loop.
const WORK: u32 = 300;
/// The word that ends a server here.
const STOP: u64 = u64::MAX;

/// Floods of a server here, of init, of a notification; who waits behind whom.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let echo = Echo::start()?;
    let client = echo.client()?;
    let flood = Flood::start(FLOODERS, options()?, None, move || _ = call(number::call, &[raw(&client), 8, 1]))?;
    let before = time::now_ns();
    // Until the flood has had its turns, too: all these threads have one priority.
    let mut rounds = 0;
    let mut answered = 0;
    let (most, limit) = (many(ROUNDS), many(LIMIT_NS));
    while (rounds < most || flood.count() < many(FLOOD)) && time::now_ns() - before < limit {
        answered += u64::from(echo.ask(rounds) == Ok(rounds));
        rounds += 1;
    }
    let took = time::now_ns() - before;
    let flooded = flood.stop();
    checks.equal("every call beside a flood is answered", answered, rounds);
    checks.holds("in time", took < limit);
    checks.holds("the flood was served too", flooded >= many(FLOOD));
    echo.stop();
    crowds(checks)?;
    inversion(checks)?;
    init(checks)?;
    bits(checks)
}

/// Threads that do the same over and over.
pub struct Flood {
    threads: Vec<JoinHandle>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
}

impl Flood {
    /// So many, on one core or any.
    pub fn start(
        threads: usize,
        Options { stack, priority, .. }: Options,
        core: Option<u32>,
        deed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Flood, Error> {
        let mut flood = Flood { threads: Vec::new(), stop: Arc::default(), count: Arc::default() };
        let (pool, deed) = (Pool::own()?, Arc::new(deed));
        for _ in 0..threads {
            let (stop, count, deed) = (flood.stop.clone(), flood.count.clone(), deed.clone());
            let options = Options { stack, priority, done: None };
            let thread = thread::spawn(&pool, options, move || {
                while !stop.load(Ordering::Acquire) {
                    deed();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
            // One that can't be made has the others end.
            match thread.and_then(|thread| thread.thread().set_core(core).map(|()| thread)) {
                Ok(thread) => flood.threads.push(thread),
                Err(error) => {
                    flood.stop();
                    return Err(error);
                }
            }
        }
        Ok(flood)
    }

    /// How often they have done it.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits for their ends; how often they did it.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.threads.into_iter().for_each(finish);
        self.count.load(Ordering::Relaxed)
    }
}

/// Options of threads so much below this process's own priority.
pub fn below(steps: u8) -> Result<Options, Error> {
    let own = options()?;
    Ok(Options { stack: STACK, priority: own.priority.saturating_sub(steps).max(1), done: None })
}

/// A server that tells each caller the how many-th it is.
pub struct Counter {
    client: OwnedHandle,
    thread: JoinHandle,
    served: Arc<AtomicU64>,
}

impl Counter {
    /// On core 0, at a priority below that of all who call it. It serves when this returns: only who has received once inherits from
    /// those who wait.
    pub fn start() -> Result<Counter, Error> {
        let server = create(POOL, info::Kind::Channel, 0, 0, 0)?;
        let (client, _) = derive(POOL, raw(&server), Rights::CALL | Rights::TRANSFER, 1, 0)?;
        let served = Arc::new(AtomicU64::new(0));
        let counts = served.clone();
        let thread = thread::spawn(&Pool::own()?, below(3)?, move || serve(&server, &counts))?;
        thread.thread().set_core(Some(0))?;
        let counter = Counter { client, thread, served };
        counter.ask()?;
        Ok(counter)
    }

    /// A client's end of one's own.
    pub fn client(&self) -> Result<OwnedHandle, abi::Error> {
        dup(raw(&self.client), Rights::all())
    }

    /// Asks; how many others were served from when it was asked until it answered.
    pub fn ask(&self) -> Result<u64, abi::Error> {
        let before = self.served.load(Ordering::Relaxed);
        let number = call(number::call, &[raw(&self.client), 8, 0])?[2];
        Ok(number.saturating_sub(before + 1))
    }

    /// Ends it.
    pub fn stop(self) {
        let _ = call(number::call, &[raw(&self.client), 8, STOP]);
        finish(self.thread);
    }
}

fn serve(server: &OwnedHandle, served: &AtomicU64) {
    let channel = raw(server);
    let receive = Registers { number: number::recv.into(), a0: channel, deadline: FOREVER, ..Registers::default() };
    let mut registers = receive;
    while kernel::with(&mut registers).is_ok() {
        if Tag(registers.a1).kind() != Received::Call {
            registers = receive;
            continue;
        }
        if registers.words[0] == STOP {
            let _ = call(number::reply, &[registers.a0, 8, 0]);
            return;
        }
        (0..WORK).for_each(|turn| _ = core::hint::black_box(turn));
        let (token, count) = (registers.a0, served.fetch_add(1, Ordering::Relaxed) + 1);
        let a1 = 8 | channel << CHANNEL_SHIFT;
        registers =
            Registers { number: number::reply_recv.into(), a0: token, a1, deadline: FOREVER, words: [count; 8] };
    }
}

/// Crowds that call a server without a pause, on its core. Who is above them waits for the one at most that is being served; who is
/// their equal, for each of them once: the queue is by priority, and first come, first served within one.
fn crowds(checks: &mut Checks) -> Result<(), Error> {
    pin(0)?;
    let all: Vec<usize> = if long() { (1..=64).collect() } else { CROWDS.to_vec() };
    for crowd in all {
        let counter = Counter::start()?;
        let (client, mut random, mut most, mut failed) = (counter.client()?, Random(crowd as u64), 0, 0);
        let flood = Flood::start(crowd, below(1)?, Some(0), move || _ = call(number::call, &[raw(&client), 8, 0]))?;
        let during = used(POOL)?;
        for _ in 0..CALLS {
            // Somewhere in what the crowd does.
            wait_bits(0, time::now_ns() + random.next() % (time::MILLISECOND / 5));
            counter.ask().map_or_else(|_| failed += 1, |others| most = others.max(most));
        }
        let after = used(POOL)?;
        checks.equal(format!("{crowd} flooders: memory that a flood takes"), after, during);
        let flooded = flood.stop();
        counter.stop();
        checks.equal(format!("{crowd} flooders: all calls above them are answered"), failed, 0);
        checks.holds(format!("{crowd} flooders: {most} are served before, of {flooded}"), most <= 1 && flooded > CALLS);
    }
    Ok(pin(ANY_CORE)?)
}

/// One in the middle runs without a pause. It does not run while one above waits for one below: that inherits.
fn inversion(checks: &mut Checks) -> Result<(), Error> {
    pin(0)?;
    let counter = Counter::start()?;
    let limit = time::after(LIMIT_NS / 4);
    let middle = Flood::start(1, below(1)?, Some(0), move || {
        // So that this ends, even so.
        if time::now_ns() > limit {
            wait_bits(0, time::after(time::MILLISECOND));
        }
    })?;
    let (mut while_called, mut between) = (0, 0);
    for _ in 0..CALLS {
        let before = middle.count();
        wait_bits(0, time::now_ns() + time::MILLISECOND / 5);
        let called = middle.count();
        counter.ask()?;
        between += called - before;
        while_called += middle.count() - called;
    }
    middle.stop();
    counter.stop();
    pin(ANY_CORE)?;
    checks.equal("turns of one in the middle while one above waits for one below", while_called, 0);
    checks.holds("otherwise it runs", between > CALLS);
    Ok(())
}

/// init is called by another thread of this process without a pause, with messages that mean nothing.
fn init(checks: &mut Checks) -> Result<(), Error> {
    let names = || _ = call(number::call, &[user::NAMES_CHANNEL.raw().into(), 64, u64::MAX, u64::MAX]);
    let flood = Flood::start(1, options()?, None, names)?;
    let before = time::now_ns();
    let (mut rounds, mut answered) = (0, 0);
    let (most, limit) = (many(100), many(LIMIT_NS));
    while (rounds < most || flood.count() < most) && time::now_ns() - before < limit {
        answered += u64::from(NameSpace::own().look("SYS").is_ok());
        rounds += 1;
    }
    let took = time::now_ns() - before;
    flood.stop();
    checks.equal("init answers beside a flood of nonsense", answered, rounds);
    checks.holds("in time", took < limit);
    Ok(())
}

/// Bits do not queue: any number of them costs nothing.
fn bits(checks: &mut Checks) -> Result<(), Error> {
    let own = Notification::own()?;
    let (bell, _grant) = derive(POOL, own.handle().raw().into(), Rights::NOTIFY, 1 << 62, 0)?;
    let before = used(POOL)?;
    for _ in 0..many(BITS) {
        call(number::notify, &[raw(&bell), u64::MAX])?;
    }
    checks.equal(format!("{} notifications take no memory", many(BITS)), used(POOL)?, before);
    checks.equal("and are one", wait_bits(1 << 62, 0), 1 << 62);
    checks.equal("once", wait_bits(1 << 62, 0), 0);
    Ok(())
}
