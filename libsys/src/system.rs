//! What init tells about the system: processes, services, the machine, the log, power.

use alloc::{string::String, vec::Vec};

use abi::boot::{LOG_RECORDS, LogHeader, LogRecord};
use protocol::{
    Error, Text,
    process::{Action, Power, ProcessInfo, Reply, Request, ServiceInfo, SystemInfo},
};

use crate::{Access, Handles, Mapping, Memory, log::Level, pieces, spawn::ask};

/// init's number.
pub const INIT: u32 = 1;

/// All processes that this one may see.
pub fn processes() -> Result<Vec<ProcessInfo>, Error> {
    pieces::by_number(
        |process: &ProcessInfo| process.number,
        |after| match ask(&Request::List { after }, Handles::none())? {
            (Reply::Processes(some), _) => Ok(some),
            _ => Err(Error::Protocol),
        },
    )
}

/// Gives a process's main thread another priority.
pub fn set_priority(number: u32, priority: u8) -> Result<(), Error> {
    ask(&Request::Priority { number, priority }, Handles::none()).map(drop)
}

/// Takes a service back from a process.
pub fn revoke(number: u32, service: &str) -> Result<(), Error> {
    ask(&Request::Revoke { number, service: Text::try_from(service)? }, Handles::none()).map(drop)
}

/// What a process holds, a line each.
pub fn holds(number: u32) -> Result<Vec<String>, Error> {
    let lines = pieces::by_place(usize::from(u16::MAX), |skip| {
        match ask(&Request::Holds { number, skip }, Handles::none())? {
            (Reply::Holds(lines), _) => Ok(lines),
            _ => Err(Error::Protocol),
        }
    })?;
    Ok(lines.into_iter().map(Text::into_string).collect())
}

/// All services.
pub fn services() -> Result<Vec<ServiceInfo>, Error> {
    pieces::by_place(256, |skip| match ask(&Request::Services { skip }, Handles::none())? {
        (Reply::Services(some), _) => Ok(some),
        _ => Err(Error::Protocol),
    })
}

/// Starts, stops or restarts a service.
pub fn service(name: &str, action: Action) -> Result<(), Error> {
    ask(&Request::Service { name: Text::try_from(name)?, action }, Handles::none()).map(drop)
}

/// The machine.
pub fn info() -> Result<SystemInfo, Error> {
    match ask(&Request::System, Handles::none())? {
        (Reply::System(info), _) => Ok(info),
        _ => Err(Error::Protocol),
    }
}

/// Powers off or reboots. Returns only if it may not.
pub fn power(how: Power) -> Error {
    match ask(&Request::Power { how }, Handles::none()) {
        Ok(_) => Error::Internal,
        Err(error) => error,
    }
}

/// Mixes bytes of a device into init's entropy; for devd.
pub fn add_entropy(bytes: &[u8]) -> Result<(), Error> {
    for part in bytes.chunks(64) {
        ask(&Request::Entropy { bytes: protocol::Bytes::new(part)? }, Handles::none())?;
    }
    Ok(())
}

/// The kernel's log, to read.
#[derive(Debug)]
pub struct LogReader {
    mapping: Mapping,
    next: u64,
}

/// A record of the kernel's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 0 at boot.
    pub number: u64,
    /// ns since boot.
    pub time_ns: u64,
    /// Who wrote it; 0 the kernel.
    pub label: u64,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// Bytes of a record; the header takes the first page.
const RECORD: usize = 256;
const _: () = assert!(size_of::<LogRecord>() <= RECORD && size_of::<LogHeader>() == 24);

impl LogReader {
    /// Opens the log, with the right LIST.
    pub fn open() -> Result<LogReader, Error> {
        let (_, handles) = ask(&Request::Log, Handles::none())?;
        let [memory] = handles.exactly()?;
        LogReader::map(&Memory::adopt(memory))
    }

    /// Reads a log ring whose Memory this process has: console, init.
    pub fn map(memory: &Memory) -> Result<LogReader, Error> {
        let mapping = memory.map(Access::READ)?;
        if mapping.len() < abi::PAGE_SIZE + LOG_RECORDS * RECORD {
            return Err(Error::Protocol);
        }
        Ok(LogReader { mapping, next: 0 })
    }

    /// Records written since boot.
    pub fn written(&self) -> u64 {
        let word = self.mapping.double(core::mem::offset_of!(LogHeader, written));
        word.map_or(0, |word| word.load(core::sync::atomic::Ordering::Acquire))
    }

    /// Goes on behind what was written so far.
    pub fn skip_to_end(&mut self) {
        self.next = self.written();
    }

    /// The next record; none if all were read. Those overwritten meanwhile are passed over: numbers show it.
    pub fn next_record(&mut self) -> Option<Record> {
        loop {
            let written = self.written();
            if self.next >= written {
                return None;
            }
            self.next = self.next.max(written.saturating_sub(LOG_RECORDS as u64));
            let number = self.next;
            self.next += 1;
            if let Some(record) = self.load(number) {
                return Some(record);
            }
        }
    }

    fn load(&self, number: u64) -> Option<Record> {
        let mut raw = [0; RECORD];
        let slot = number as usize % LOG_RECORDS;
        self.mapping.read(abi::PAGE_SIZE + slot * RECORD, &mut raw).ok()?;
        // While it was copied, it may have been overwritten.
        if self.written().saturating_sub(number) > LOG_RECORDS as u64 {
            return None;
        }
        decode(&raw, number)
    }
}

fn decode(raw: &[u8; RECORD], number: u64) -> Option<Record> {
    let double = |at: usize| raw.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let word = |at: usize| raw.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    if word(core::mem::offset_of!(LogRecord, number))? != number as u32 {
        return None;
    }
    let length = usize::from(*raw.get(core::mem::offset_of!(LogRecord, length))?);
    let start = core::mem::offset_of!(LogRecord, text);
    let text = raw.get(start..start + length)?;
    let level = match raw.get(core::mem::offset_of!(LogRecord, level))? {
        0 => Level::Error,
        1 => Level::Warning,
        2 => Level::Notice,
        _ => Level::Detail,
    };
    Some(Record {
        number,
        time_ns: double(core::mem::offset_of!(LogRecord, time))?,
        label: double(core::mem::offset_of!(LogRecord, label))?,
        level,
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_foreign_bytes_refused() {
        let mut raw = [0; RECORD];
        raw[..8].copy_from_slice(&77_u64.to_le_bytes());
        raw[8] = 3;
        let at = |field: usize| field;
        raw[at(core::mem::offset_of!(LogRecord, level))] = 1;
        raw[at(core::mem::offset_of!(LogRecord, length))] = 5;
        raw[at(core::mem::offset_of!(LogRecord, number))] = 9;
        raw[at(core::mem::offset_of!(LogRecord, text))..][..5].copy_from_slice(b"hello");
        let record = decode(&raw, 9).unwrap();
        assert_eq!((record.time_ns, record.label, record.level), (77, 3, Level::Warning));
        assert_eq!(record.text, "hello");
        assert_eq!(decode(&raw, 10), None, "overwritten by another");
        raw[core::mem::offset_of!(LogRecord, length)] = 255;
        assert_eq!(decode(&raw, 9), None, "longer than the record");
    }
}
