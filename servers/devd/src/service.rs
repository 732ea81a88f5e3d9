//! The service `device`, which `config` speaks too: who may ask for what.

use libsys::{
    Error, Handles,
    protocol::{
        Bytes, List, Text,
        device::{FILE_PART, Reply, Request},
    },
};
use machine::{options, permit::Permit};

use crate::hall::Hall;

/// A session.
#[derive(Debug)]
pub struct Session {
    /// What it may do.
    pub permit: Permit,
    /// The client's process number.
    pub client: u32,
}

/// Answers a request of a session.
pub fn answer(hall: &mut Hall, session: &Session, badge: u64, request: Request) -> Result<(Reply, Handles), Error> {
    let reply = match request {
        Request::List { after } => list(hall, session, after)?,
        Request::Claim { id } => claim(hall, session, badge, id)?,
        Request::Release { id } => hall.release(id, badge)?,
        Request::Region { id, index } => return hall.region(id, badge, index),
        Request::Interrupt { id, index } => return hall.interrupt(id, badge, index),
        Request::Configuration { id, offset, length } => hall.configuration(id, badge, offset, length)?,
        Request::Configure { id, offset, size, value } => hall.configure(id, badge, offset, size, value)?,
        Request::Dma { id, pages } => return hall.take_dma(id, badge, pages),
        Request::Reset { id } => hall.reset(id, badge)?,
        Request::Option { key } => Reply::Option(option(hall, &key).map(Text::cut)),
        Request::File { name, offset } => file(hall, &name, offset)?,
        Request::SetClock { utc_ns } => set_clock(hall, session, utc_ns)?,
    };
    Ok((reply, Handles::none()))
}

fn list(hall: &Hall, session: &Session, after: u32) -> Result<Reply, Error> {
    let mut some = List::default();
    let seen = hall.devices.iter().filter(|device| device.id > after && session.permit.sees(device.permit()));
    for device in seen {
        if some.push(device.info()).is_err() {
            break;
        }
    }
    Ok(Reply::Devices(some))
}

fn claim(hall: &mut Hall, session: &Session, badge: u64, id: u32) -> Result<Reply, Error> {
    let device = hall.device(id)?;
    let pages = session.permit.dma_pages(device.permit()).ok_or(Error::Denied)?;
    let name = device.name.clone();
    let reply = hall.claim(id, badge, session.client, pages)?;
    libsys::log!(Detail, "{name} goes to process {}", session.client);
    Ok(reply)
}

fn option<'a>(hall: &'a Hall, key: &str) -> Option<&'a str> {
    let line = options::in_command_line(&hall.command_line, key);
    line.or_else(|| hall.firmware.as_ref().and_then(|firmware| firmware.option(key)))
}

fn file(hall: &mut Hall, name: &str, offset: u32) -> Result<Reply, Error> {
    let (Some(firmware), Some(dma)) = (&mut hall.firmware, &hall.dma) else { return Err(Error::NotFound) };
    let (size, bytes) = firmware.part(dma, name, offset, FILE_PART)?;
    Ok(Reply::File { size, bytes: Bytes::new(bytes)? })
}

fn set_clock(hall: &Hall, session: &Session, utc_ns: u64) -> Result<Reply, Error> {
    if !session.permit.clock {
        return Err(Error::Denied);
    }
    hall.time.as_ref().ok_or(Error::NoClock)?.set(utc_ns)?;
    Ok(Reply::Done)
}
