//! The console server: the serial port and the harness's port as terminals, and the log on the serial port.
//!
//! ```text
//!  UART ──bytes──► Discipline ──► readers (calls answered when there is something)
//!    ▲                 └ Ctrl-C ► doorbell of the foreground session
//!    └── output queue ◄── writers, echo, log
//!  harness port ◄── records ◄── writers of the terminal `harness`
//! ```
//!
//! One thread, one `recv`: calls, interrupts, the log's bit and the readers' deadlines. A reader or writer that has to
//! wait leaves its token here.
#![no_std]
#![no_main]

extern crate alloc;

mod log;
mod port;
mod serial;
mod service;
mod session;
mod terminal;

use libsys::log::Level;
use libsys::names::bits;
use libsys::{Error, Event, Notification, Result, log as write_log};

use service::Server;

libsys::entry!(main);

/// The notification bits of the serial port, the harness's port and the log.
const SERIAL_BIT: u64 = bits::INTERRUPT;
const PORT_BIT: u64 = bits::INTERRUPT << 1;
const LOG_BIT: u64 = bits::INTERRUPT << 2;

fn main() -> Result<()> {
    let notification = Notification::own()?;
    let devices = libsys::device::Devices::open()?;
    let harnessed = devices.option("exec")?.is_some();
    let serial = serial::Serial::claim(&devices, &notification, SERIAL_BIT);
    let serial = match serial.map_err(|error| devices.cause(error)) {
        Ok(serial) => Some(serial),
        // devd died meanwhile: its next instance gives the port to the console's next.
        Err(error @ (Error::ServerDied | Error::Stale)) => return Err(error),
        Err(error) => {
            write_log!(Warning, "console: no serial port: {error}");
            None
        }
    };
    let port = match harnessed {
        true => Some(port::Port::claim(&devices, &notification, PORT_BIT)?),
        false => None,
    };
    // As the kernel did until now: see `choose_log` there.
    let shown = devices.option("log")?.and_then(|name| Level::from_name(&name));
    let log = log::Log::open(&notification, LOG_BIT, shown.unwrap_or(Level::Detail)).ok();
    let mut server = Server::new(notification, serial, port, log)?;
    server.admit();
    loop {
        match server.desk.receiver.recv(server.deadline())? {
            Event::Call(call) => server.call(call),
            Event::Bits(set) => {
                if set & SERIAL_BIT != 0 {
                    server.serial_interrupt();
                }
                if set & PORT_BIT != 0 {
                    server.port_interrupt();
                }
                if set & LOG_BIT != 0 {
                    server.log_written();
                }
                if set & bits::WORK != 0 {
                    server.admit();
                }
            }
            Event::Closed(badge) => server.close(badge),
            Event::Deadline => {}
            Event::Fault(_) => {}
        }
        server.settle();
    }
}
