//! Round trips between two processes, and a process's whole life.

use libsys::abi::Rights;
use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::message::Tag;
use libsys::protocol::process::Signal;
use libsys::raw::{self as door, Registers};
use libsys::spawn::{Command, Prepared};
use libsys::{Error, Notification, OwnedHandle, Pool, wait_bits};

use crate::kernel::{create, derive, message, raw, short, use_vectors};
use crate::peer::{ECHO, ECHO_BY_VECTORS, PING, WORD};
use crate::{least, list, tell};

/// Pages of a peer's pool.
const PAGES: u32 = 256;
/// The bit that a pong sets here.
const PONG: u64 = 1 << 58;

fn peer(part: &str) -> Command {
    Command::new("C/kbench").arg(WORD).arg(part).pages(PAGES)
}

/// By which of the kernel's ways a call goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The short one.
    Fast,
    /// The one that does everything: the server receives by a handle behind a Grant, so the short one gives up.
    General,
}

/// Calls that are answered with what they brought.
pub fn calls() -> Result<(), Error> {
    with_echo(Path::Fast, ECHO, |client| {
        tell("call-4w", least(500, || call(client, 32))?);
        tell("call-8w", least(500, || call(client, 64))?);
        door::write_payload(&[0x5a; 512]);
        tell("call-512", least(500, || call(client, 512))?);
        Ok(())
    })?;
    with_echo(Path::General, ECHO, |client| {
        tell("call-8w-general", least(500, || call(client, 64))?);
        Ok(())
    })?;
    with_echo(Path::Fast, ECHO_BY_VECTORS, |client| {
        tell("call-fpu", least(500, || vector_call(client))?);
        Ok(())
    })
}

/// A call of four words between two that use vector registers.
fn vector_call(client: &OwnedHandle) -> Result<(), Error> {
    use_vectors();
    call(client, 32)
}

/// A call between two stops.
pub fn list_call(path: Path, bytes: usize) -> Result<(), Error> {
    with_echo(path, ECHO, |client| list::between(|| call(client, bytes)))
}

/// A call with vector registers in use, between two stops.
pub fn list_vector_call() -> Result<(), Error> {
    with_echo(Path::Fast, ECHO_BY_VECTORS, |client| list::between(|| vector_call(client)))
}

/// Does something with the client's end of a channel whose calls a peer answers.
fn with_echo(path: Path, part: &str, work: impl FnOnce(&OwnedHandle) -> Result<(), Error>) -> Result<(), Error> {
    let channel = create(Kind::Channel, 0, 0, 0)?;
    let client = derive(&channel, Rights::CALL, 1)?;
    let (server, kept) = match path {
        Path::Fast => (channel, None),
        Path::General => (derive(&channel, Rights::RECV | Rights::TRANSFER, 0)?, Some(channel)),
    };
    let child = peer(part).handle("channel", server).spawn(&Pool::own()?)?;
    // The first one waits until the peer is there.
    call(&client, 8)?;
    work(&client)?;
    drop((client, kept));
    child.wait()?;
    Ok(())
}

#[inline(always)]
fn call(client: &OwnedHandle, bytes: usize) -> Result<(), Error> {
    let tag = Tag::new(bytes, 0).ok_or(Error::Internal)?;
    let (number, a0, a1) = (u64::from(number::call), raw(client), tag.0);
    let mut registers = Registers { number, a0, a1, deadline: 0, words: [0; 8] };
    Ok(message(&mut registers)?)
}

/// Bits there and back.
pub fn notify() -> Result<(), Error> {
    with_pong(|round| {
        tell("notify", least(500, round)?);
        Ok(())
    })
}

/// The same between two stops.
pub fn list_notify() -> Result<(), Error> {
    with_pong(|round| list::between(round))
}

/// Does something with a round of bits to a peer and back.
fn with_pong(work: impl FnOnce(&dyn Fn() -> Result<(), Error>) -> Result<(), Error>) -> Result<(), Error> {
    let (pool, own) = (Pool::own()?, Notification::own()?);
    let (bell, _grant) = own.doorbell(&pool, PONG, 0)?;
    let prepared: Prepared = peer("notify").handle("bell", bell).prepare(&pool)?;
    let (ping, _cell) = prepared.notification().doorbell(&pool, PING, 0)?;
    let child = prepared.start()?;
    let round = || -> Result<(), Error> {
        short(number::notify, [ping.handle().raw().into(), u64::MAX, 0, 0, 0, 0])?;
        wait_bits(PONG, u64::MAX);
        Ok(())
    };
    round()?;
    work(&round)?;
    child.send(Signal::Force)?;
    child.wait()?;
    Ok(())
}

/// A process that does nothing: made, run, over, and its end taken.
pub fn spawn() -> Result<(), Error> {
    let pool = Pool::own()?;
    let cost = least(5, || whole_life(&pool))?;
    tell("spawn", cost);
    Ok(())
}

/// A process's whole life between two stops.
pub fn list_spawn() -> Result<(), Error> {
    let pool = Pool::own()?;
    list::between(|| whole_life(&pool))
}

fn whole_life(pool: &Pool) -> Result<(), Error> {
    peer("exit").spawn(pool)?.wait().map(drop)
}
