//! KLOG, and the log as other commands show it.

use alloc::collections::VecDeque;
use alloc::string::String;

use libsys::io::{self, Write};
use libsys::log::Level;
use libsys::system::{LogReader, Record};
use libsys::{Error, Status, println, time};
use readargs::Args;

use crate::context::{Failure, Outcome};

/// How long FOLLOW sleeps: the ring's interrupt is console's.
const NAP_NS: u64 = 200_000_000;

/// KLOG.
pub fn klog(args: &Args) -> Outcome {
    let worst = match args.string("LEVEL") {
        None => Level::Detail,
        Some(name) => Level::from_name(name).ok_or_else(|| {
            Failure::new(Error::BadArgument, alloc::format!("{name}: not ERROR, WARNING, NOTICE or DETAIL"))
        })?,
    };
    let mut most = args.within("LINES", 0..=u64::MAX)?.map_or(usize::MAX, |count| count as usize);
    let mut reader = LogReader::open()?;
    loop {
        newest(&mut reader, most, |record| record.level <= worst)
            .iter()
            .for_each(|record| println!("{}", line(record)));
        if !args.switch("FOLLOW") {
            return Ok(Status::OK);
        }
        most = usize::MAX;
        io::stdout().flush()?;
        libsys::wait_bits(0, time::after(NAP_NS));
    }
}

/// The newest of the wanted records that were not read yet, the oldest first.
pub fn newest(reader: &mut LogReader, most: usize, wanted: impl Fn(&Record) -> bool) -> VecDeque<Record> {
    let mut records = VecDeque::new();
    while let Some(record) = reader.next_record() {
        if wanted(&record) {
            records.push_back(record);
            if records.len() > most {
                records.pop_front();
            }
        }
    }
    records
}

/// A record as a line, without what could steer the terminal.
pub fn line(record: &Record) -> String {
    let ms = record.time_ns / 1_000_000;
    let text: String = record.text.chars().map(|c| if c.is_control() { '.' } else { c }).collect();
    alloc::format!("[{:5}.{:03}] {:?} {}: {text}", ms / 1000, ms % 1000, record.level, record.label)
}
