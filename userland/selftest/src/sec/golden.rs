//! Every request that there is, made wrong in every way, to every service that this process can open.
//!
//! The requests are those of `protocol`'s golden file: one of each variant. Each is cut at each byte, followed by more bytes,
//! changed byte by byte and at random, given numbers that are too long or too large, and given handles that nobody asked for. Only what is
//! no request is sent, as `protocol` itself says, so nothing happens by chance; and the answer must be `Malformed`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::message::Tag;
use libsys::abi::{Error, user};
use libsys::names::NameSpace;
use libsys::protocol::{Answer, Protocol, Text, ai, child, console, decode, device, fs, names, net, process};
use libsys::raw::{self, Registers};
use libsys::{Channel, Error as LibError, Handles, OwnedHandle, system};

use crate::checks::{Checks, times};
use crate::kernel::{self, POOL, Random, create, raw as value};

/// One request or reply of each variant: `PROTOCOL request N: HEX`.
const GOLDEN: &str = include_str!("../../../../libsys/protocol/tests/golden.txt");
/// What takes the place of a byte.
const BYTES: [u8; 6] = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
/// Numbers that are too long, too large, or both; what they are before says how many bytes follow, or which variant it is.
const NUMBERS: [&[u8]; 4] = [
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];
/// Wrong forms of each request that are sent at least, besides random ones.
const DIRECTED: usize = 64;
/// Random changes of a protocol's requests in each of the two rounds, and how many times as many with the long counts: with the
/// random bytes of `messages` a million.
const RANDOM: u64 = 100;
const RANDOM_LONGER: u64 = 3_750;
/// Pages that a service may have more afterwards: what its heap keeps.
const KEPT: u64 = 8;

/// Each protocol, twice: the second time nothing may grow any more.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    all(checks)?;
    let before = used()?;
    all(checks)?;
    let after = used()?;
    let grown = after.iter().zip(&before).filter(|((_, now), (_, then))| *now > *then + KEPT);
    let grown: Vec<String> = grown.map(|((name, now), (_, then))| format!("{name} {then} -> {now} pages")).collect();
    checks.equal("no service has grown by it", grown, Vec::new());
    Ok(())
}

fn used() -> Result<Vec<(String, u64)>, LibError> {
    Ok(system::services()?.into_iter().map(|service| (service.name.into_string(), service.used.into())).collect())
}

fn all(checks: &mut Checks) -> Result<(), LibError> {
    if let Some(copy) = NameSpace::own().copy()?.into_handle() {
        attack::<names::Service>(checks, &copy);
    }
    let own = libsys::dup(user::PROCESS_CHANNEL, libsys::Rights::CALL)?;
    attack::<process::Service>(checks, &own);
    if let Some(unborn) = unborn()? {
        attack::<child::Service>(checks, &unborn);
    }
    opened::<fs::Service>(checks, "SYS");
    opened::<fs::Service>(checks, "RAM");
    opened::<console::Service>(checks, "console");
    opened::<ai::Service>(checks, "ai");
    opened::<net::Service>(checks, "net");
    opened::<device::Service>(checks, "config");
    Ok(())
}

fn opened<P: Protocol>(checks: &mut Checks, name: &str) {
    match NameSpace::own().open::<P>(name) {
        Ok(channel) => attack::<P>(checks, &channel.into_inner()),
        Err(LibError::NotFound) => {}
        Err(error) => checks.check(format!("{name} opens"), Err(format!("{error}"))),
    }
}

/// The channel of a child that is made and not started.
fn unborn() -> Result<Option<OwnedHandle>, LibError> {
    let channel: Channel<process::Service> = Channel::adopt(libsys::dup(user::PROCESS_CHANNEL, libsys::Rights::CALL)?);
    let pool = libsys::dup(user::OWN_POOL, libsys::Rights::MAKE | libsys::Rights::TRANSFER)?;
    let image = process::Image::Archive(Text::try_from("C/selftest")?);
    let rights = process::Rights::empty();
    let request = process::Request::Create { image, name: Text::cut("unborn"), pages: 256, rights };
    let (_, handles) = channel.call_with(&request, Handles::one(pool))?;
    let [child, _notification] = handles.exactly()?;
    Ok(Some(child))
}

/// The requests of a protocol.
fn golden<P: Protocol>() -> impl Iterator<Item = Vec<u8>> {
    let prefix = format!("{} request ", P::NAME);
    GOLDEN.lines().filter_map(move |line| {
        let (_, hex) = line.strip_prefix(&prefix)?.split_once(": ")?;
        let digit = |c: u8| (c as char).to_digit(16).unwrap_or(0) as u8;
        Some(hex.as_bytes().as_chunks::<2>().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect())
    })
}

fn attack<P: Protocol>(checks: &mut Checks, channel: &OwnedHandle) {
    let good: Vec<Vec<u8>> = golden::<P>().collect();
    let (mut count, mut fewest, mut bad) = (0, usize::MAX, Vec::new());
    for request in &good {
        let mut wrong = wrong(request);
        // What is a request after all might do what it says.
        wrong.retain(|bytes| decode::<P::Request>(bytes).is_err());
        count += wrong.len() as u64;
        fewest = fewest.min(wrong.len());
        bad.extend(wrong.iter().filter_map(|bytes| refused::<P>(channel, bytes, 0).err()).take(3));
    }
    let methods = good.len() as u64;
    checks.check(format!("{}: {methods} requests have {count} wrong forms, all refused", P::NAME), told(&bad, count));
    checks.holds(format!("{}: {fewest} of each at least", P::NAME), fewest >= DIRECTED);
    let (changed, bad) = change::<P>(channel, &good);
    checks.check(format!("{}: {changed} requests changed at random, all refused", P::NAME), told(&bad, changed));
    let with_handles = good.iter().filter(|bytes| takes_no_handles(P::NAME, bytes));
    let bad: Vec<String> = with_handles.filter_map(|bytes| refused::<P>(channel, bytes, 3).err()).collect();
    checks.check(format!("{}: requests with three handles are refused", P::NAME), told(&bad, methods));
}

/// Requests with up to four bytes changed at random: how many of them are none any more, and what was said of those.
fn change<P: Protocol>(channel: &OwnedHandle, good: &[Vec<u8>]) -> (u64, Vec<String>) {
    let mut random = Random(8);
    let (mut count, mut bad, mut bytes) = (0, Vec::new(), Vec::new());
    let wanted = times(RANDOM, RANDOM_LONGER);
    // Most are wrong; a protocol of which none can be made so ends all the same.
    for _ in 0..4 * wanted {
        let Some(request) = good.get(random.next() as usize % good.len().max(1)) else { break };
        bytes.clone_from(request);
        for _ in 0..=random.next() % 4 {
            let at = random.next() as usize % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        if decode::<P::Request>(&bytes).is_ok() {
            continue;
        }
        count += 1;
        bad.extend(refused::<P>(channel, &bytes, 0).err().filter(|_| bad.len() < 3));
        if count == wanted {
            break;
        }
    }
    (count, bad)
}

fn told(bad: &[String], count: u64) -> Result<(), String> {
    match bad {
        [] if count > 0 => Ok(()),
        [] => Err("no case".into()),
        some => Err(format!("{} of them: {}", some.len(), some.iter().take(3).cloned().collect::<Vec<_>>().join("; "))),
    }
}

/// Whether a request must be refused when three handles come with it. `give` of a child's channel takes up to four.
fn takes_no_handles(protocol: &str, bytes: &[u8]) -> bool {
    !(protocol == child::Service::NAME && bytes.first() == Some(&0))
}

/// Wrong forms of a good request; some may be requests all the same.
fn wrong(good: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
    for more in 1..=64 {
        let mut longer = good.to_vec();
        longer.resize(good.len() + more, if more % 2 == 0 { 0 } else { 0xff });
        all.push(longer);
    }
    for at in 0..good.len() {
        for byte in BYTES {
            let mut other = good.to_vec();
            other[at] = byte;
            all.push(other);
        }
        for number in NUMBERS {
            let mut other = good[..at].to_vec();
            other.extend_from_slice(number);
            all.push([&other[..], &good[at..]].concat());
            all.push(other);
        }
        // No character begins or goes on like this.
        let mut text = good.to_vec();
        text[at] = 0xc3;
        all.push(text.clone());
        text[at] = 0xf8;
        all.push(text);
    }
    all
}

/// Sends bytes with handles; the answer must be `Malformed`.
fn refused<P: Protocol>(channel: &OwnedHandle, bytes: &[u8], handles: usize) -> Result<(), String> {
    let said = |why: String| format!("{bytes:02x?} with {handles} handles: {why}");
    let (tag, reply) = send(channel, bytes, handles).map_err(|error| said(format!("{error}")))?;
    if tag.bytes() > 64 {
        return Err(said("a long answer".into()));
    }
    match decode::<Answer<P>>(&reply[..tag.bytes()]) {
        Ok(Err(LibError::Malformed)) => Ok(()),
        Ok(Err(error)) => Err(said(format!("{error}"))),
        Ok(Ok(_)) => Err(said("it was understood".into())),
        Err(error) => Err(said(format!("the answer: {error}"))),
    }
}

fn send(channel: &OwnedHandle, bytes: &[u8], handles: usize) -> Result<(Tag, [u8; 64]), Error> {
    let mut values = [0; 4];
    for place in values.iter_mut().take(handles) {
        *place = create(POOL, Kind::Notification, 0, 0, 0)?.into_handle().raw();
    }
    if handles > 0 {
        raw::write_handles(values);
    }
    let tag = Tag::new(bytes.len(), handles).ok_or(Error::BadArgument)?;
    let number = u64::from(number::call) | 4 << 16;
    let mut registers = Registers { number, a0: value(channel), a1: tag.0, ..Registers::default() };
    if bytes.len() > 64 {
        raw::write_payload(bytes);
    } else {
        let mut short = [0; 64];
        short[..bytes.len()].copy_from_slice(bytes);
        registers
            .words
            .iter_mut()
            .zip(short.as_chunks().0)
            .for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    }
    kernel::with(&mut registers)?;
    let mut reply = [0; 64];
    for (chunk, word) in reply.as_chunks_mut().0.iter_mut().zip(registers.words) {
        *chunk = word.to_le_bytes();
    }
    Ok((Tag(registers.a1), reply))
}
