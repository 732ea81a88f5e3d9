//! Files and figures, as `site` wants them.

use alloc::format;
use core::cell::{Cell, RefCell};

use http::HttpDate;
use libsys::fs::{self, File, Kind};
use libsys::{Error, Result, net, system, time};
use site::status::Figures;
use site::{Backend, Opened, Version};

/// Figures are asked for so often at most, however many look at them.
const FRESH: u64 = 500 * time::MILLISECOND;

#[cfg(target_arch = "aarch64")]
const PROCESSOR: &str = "aarch64";
#[cfg(target_arch = "x86_64")]
const PROCESSOR: &str = "x86_64";

/// The system as httpd sees it.
pub struct System {
    last: RefCell<Option<Figures>>,
    network: Cell<Sight>,
}

/// Whether the network's state may be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Open,
    Denied,
}

impl System {
    /// Asks nobody yet.
    pub fn new() -> System {
        System { last: RefCell::new(None), network: Cell::new(Sight::Open) }
    }

    fn look(&self, now: u64) -> Figures {
        let mut figures = Figures {
            uptime_ns: now,
            utc: time::utc_ns().ok().map(|ns| ns / time::SECOND),
            processor: PROCESSOR.into(),
            system: system::info().ok(),
            processes: system::processes().unwrap_or_default(),
            services: system::services().unwrap_or_default(),
            ..Figures::default()
        };
        if self.network.get() == Sight::Open {
            match net::interfaces() {
                Ok(interfaces) => figures.interfaces = interfaces,
                Err(Error::Denied) => self.network.set(Sight::Denied),
                Err(_) => {}
            }
            figures.counters = net::counters().unwrap_or_default();
        }
        figures
    }
}

impl Backend for System {
    type File = File;

    fn open(&self, path: &str) -> Result<Opened<File>> {
        let path = format!("SYS:{path}");
        match fs::stat(&path)?.kind {
            Kind::Directory => return Ok(Opened::Folder),
            Kind::File | Kind::Link => {}
        }
        let file = File::open(&path)?;
        let stat = file.stat();
        let version = Version { inode: stat.inode, generation: stat.generation, modified_ns: stat.modified };
        let length = stat.size;
        Ok(Opened::File { file, length, version })
    }

    fn read_at(&self, file: &mut File, at: u64, to: &mut [u8]) -> Result<usize> {
        file.read_at(at, to)
    }

    fn figures(&self) -> Figures {
        let now = time::now_ns();
        let mut last = self.last.borrow_mut();
        match &*last {
            Some(figures) if now.saturating_sub(figures.uptime_ns) < FRESH => figures.clone(),
            _ => last.insert(self.look(now)).clone(),
        }
    }

    fn now_ns(&self) -> u64 {
        time::now_ns()
    }

    fn date(&self) -> Option<HttpDate> {
        time::utc_ns().ok().map(|ns| HttpDate(ns / time::SECOND))
    }
}
