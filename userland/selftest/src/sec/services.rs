//! Taking all of what a service gives to one: it is refused in the end, others are served meanwhile, and it comes back.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::fs::{self, File};
use libsys::names::{NameSpace, bits};
use libsys::net::{Address, Endpoint, Network, TcpListener};
use libsys::protocol::session::{Attach, MIN_WINDOW};
use libsys::protocol::{Id, Protocol, Text, ai, console, device, fs as files, names, net};
use libsys::{Channel, Error, Handles, Notification, OwnedHandle, Pool, Receiver, system};

use crate::checks::{Checks, many};
use crate::child;
use crate::threads::next_call;

/// Rounds of taking all. A heap that comes page by page has grown to its size after the first two: what has not been given
/// back yet when the next round begins lies beside it.
const ROUNDS: u64 = 3;
/// What is taken at most: more than any limit.
const MOST: usize = 2_000;
/// Pages that a service may have more after a round than after the one before.
const KEPT: u32 = 4;
/// Handles that are kept longer than what they were of.
const KEPT_HANDLES: usize = 20;
/// Refusals that say the truth.
const REFUSALS: &[Error] = &[Error::Limit, Error::TableFull, Error::PoolEmpty, Error::Quota, Error::NoMemory];

/// Sessions of every service, name spaces, open files, sockets.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    take(checks, "sessions of fs", || open::<files::Service>("SYS"));
    take(checks, "sessions of net", || open::<net::Service>("net"));
    take(checks, "sessions of ai", || open::<ai::Service>("ai"));
    take(checks, "sessions of console", || open::<console::Service>("console"));
    take(checks, "sessions of config", || open::<device::Service>("config"));
    // A job's are counted together, so a child would have none either.
    let look = || NameSpace::own().look("SYS").map(drop);
    take_beside(checks, "name spaces", || NameSpace::own().copy(), look);
    take(checks, "open files", || File::open("SYS:S/Startup-Sequence"));
    let network = Network::open()?;
    let any = Endpoint { address: Address::V4([127, 0, 0, 1]), port: 0 };
    take(checks, "listeners", || TcpListener::bind(&network, any, 1, None));
    kept(checks)?;
    names_of_the_dead(checks)
}

/// A process hands out a copy of its names and ends.
fn names_of_the_dead(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let receiver = Receiver::new(&pool)?;
    let (channel, _grant) = receiver.client(&pool, 1)?;
    let child = child::command("lend-names", child::PAGES);
    let child = child.handle("to", channel).spawn(&pool)?;
    let call = next_call(&receiver)?;
    let [names] = call.handles.exactly()?;
    let names: Channel<names::Service> = Channel::adopt(names);
    let list = || names.call(&names::Request::List { skip: 0 }).map(drop);
    checks.equal("names that a process lends", list(), Ok(()));
    call.token.reply::<names::Service>(Ok(names::Reply::Done));
    let end = child.wait()?;
    checks.equal("it ends", (end.code, end.reason), (0, 0));
    checks.equal("they lead nowhere then", list(), Err(Error::NotFound));
    Ok(())
}

/// The other side of [`names_of_the_dead`].
pub fn lend_names() -> Result<(), Error> {
    let to: Channel<names::Service> = Channel::adopt(libsys::env::take_handle("to")?);
    let copy = NameSpace::own().copy()?.into_handle().ok_or(Error::BadHandle)?;
    to.call_with(&names::Request::List { skip: 0 }, Handles::one(copy)).map(drop)
}

/// What a client may keep beside its session, or longer, is paid by the pool that it hands over.
fn kept(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?.create(child::room(1_000)? as usize, 1)?;
    let result = paid(checks, &pool);
    // What services have of it goes, too.
    pool.destroy()?;
    result
}

fn paid(checks: &mut Checks, pool: &Pool) -> Result<(), Error> {
    let objects = || pool.info().map(|info| info.objects);
    let before = objects()?;
    let bells: Result<Vec<OwnedHandle>, Error> = (0..KEPT_HANDLES).map(|_| doorbell_of_closed(pool)).collect();
    let bells = bells?;
    let fs = open::<files::Service>("SYS")?;
    let (dir, path) = (Id::ROOT, Text::try_from("S/Startup-Sequence")?);
    let request = files::Request::Open { dir, path, flags: files::Open::empty(), rights: files::Rights::READ };
    // This call is answered after the sessions were closed, so their windows are gone.
    let files::Reply::Opened { id, .. } = fs.call(&request)? else { return Err(Error::Protocol) };
    checks.equal("doorbells of sessions that were closed", objects()? - before, bells.len() as u64);
    drop(bells);
    let map = files::Request::Map { id, offset: 0, length: 1 };
    let mut maps = Vec::new();
    for _ in 0..KEPT_HANDLES {
        maps.push(fs.call_with(&map, Handles::one(pool.lend()?))?.1);
    }
    checks.equal("parts of files", objects()? - before, maps.len() as u64);
    drop(maps);
    let (ai, load) = (open::<ai::Service>("ai")?, ai::Request::LoadBegin { bytes: 4096 });
    let mut loads = Vec::new();
    let refusal = loop {
        match ai.call_with(&load, Handles::one(pool.lend()?)) {
            Ok((_, memory)) => loads.push(memory),
            Err(error) => break error,
        }
        if loads.len() == MOST {
            break Error::Internal;
        }
    };
    checks.equal(format!("{} models on the way, then refused", loads.len()), refusal, Error::Limit);
    checks.equal("each a Memory and a Grant", objects()? - before, 2 * loads.len() as u64);
    Ok(())
}

/// The server's doorbell of a session that is over.
fn doorbell_of_closed(pool: &Pool) -> Result<OwnedHandle, Error> {
    let fs = open::<files::Service>("SYS")?;
    let pair = bits::take_pair();
    let (bell, _grant) = Notification::own()?.doorbell(&Pool::own()?, pair.event, pair.gone)?;
    let attach = files::Request::Attach(Attach { window: MIN_WINDOW, slots: 0 });
    let (_, mut handles) = fs.call_with(&attach, Handles::two(pool.lend()?, bell))?;
    bits::give_pair(pair);
    handles.take(0)
}

fn open<P: Protocol>(name: &str) -> Result<Channel<P>, Error> {
    NameSpace::own().open(name)
}

/// Beside a child that is served.
fn take<T>(checks: &mut Checks, what: &str, one: impl FnMut() -> Result<T, Error>) {
    take_beside(checks, what, one, || match child::doing("victim")? {
        end if end.code == 0 => Ok(()),
        end => Err(Error::from_code(end.reason).unwrap_or(Error::Internal)),
    });
}

/// Takes until it is refused; has another served; gives all back; again.
fn take_beside<T>(
    checks: &mut Checks,
    what: &str,
    mut one: impl FnMut() -> Result<T, Error>,
    victim: impl Fn() -> Result<(), Error>,
) {
    let mut last = None;
    for round in 0..many(ROUNDS) {
        let mut all = Vec::new();
        let refusal = loop {
            match one() {
                Ok(more) => all.push(more),
                Err(error) => break error,
            }
            if all.len() == MOST {
                break Error::Internal;
            }
        };
        let taken = all.len();
        let told = if REFUSALS.contains(&refusal) { Ok(()) } else { Err(format!("{refusal} after {taken}")) };
        checks.check(format!("{what}, round {round}: {taken}, then refused"), told);
        checks.check(format!("{what}: somebody else is served"), victim().map_err(|error| format!("{error}")));
        drop(all);
        checks.check(format!("{what}: there are some again"), one().map(drop).map_err(|error| format!("{error}")));
        let now = used();
        let grown = |(name, pages): &(String, u32)| {
            let before = last.iter().flatten().find(|(known, _): &&(String, u32)| known == name);
            before.filter(|(_, before)| *pages > before + KEPT).map(|(_, before)| format!("{name} {before} -> {pages}"))
        };
        let grown: Vec<String> = if round < 2 { Vec::new() } else { now.iter().filter_map(grown).collect() };
        checks.equal(format!("{what}, round {round}: no service grows by it"), grown, Vec::new());
        last = Some(now);
    }
}

/// Pages of the services.
fn used() -> Vec<(String, u32)> {
    let services = system::services().unwrap_or_default();
    services.into_iter().map(|service| (service.name.into_string(), service.used)).collect()
}

/// The victim: everything is there for it.
pub fn victim() -> Result<(), Error> {
    open::<net::Service>("net")?.call(&net::Request::Interfaces)?;
    open::<ai::Service>("ai")?.call(&ai::Request::Limits)?;
    drop(open::<console::Service>("console")?);
    drop(open::<device::Service>("config")?);
    drop(NameSpace::own().copy()?);
    if fs::read_dir("SYS:S")?.is_empty() { Err(Error::NotFound) } else { Ok(()) }
}
