//! Where the bytes go: standard output, or a file that gets its name when it is whole.

use alloc::{format, string::String};

use command::{About, Failure};
use libsys::{
    Error, Status, fs,
    io::{self, Write},
    net::Peer,
    time,
};

/// Cells of the bar.
const BAR: u64 = 20;

/// Where the bytes go.
pub struct Sink {
    to: Option<File>,
    progress: Option<Progress>,
    done: u64,
}

struct File {
    file: fs::File,
    part: String,
    path: String,
}

struct Progress {
    name: String,
    length: Option<u64>,
    shown: u64,
}

impl Sink {
    /// To a file, or to standard output. `name` is what people read beside the bar.
    pub fn open(to: Option<&str>, name: &str, length: Option<u64>) -> Result<Sink, Failure> {
        let to = match to {
            None => None,
            Some(path) => {
                let part = format!("{path}.part");
                Some(File { file: fs::File::create(&part).about(&part)?, part, path: path.into() })
            }
        };
        // Only where somebody looks, and only where it does not stand between the bytes.
        let watched = to.is_some() && io::stdout().is_terminal();
        let progress = watched.then(|| Progress { name: name.into(), length, shown: 0 });
        Ok(Sink { to, progress, done: 0 })
    }

    /// Bytes of the body.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.to {
            Some(to) => to.file.write_all(bytes).about(&to.path)?,
            None => io::stdout().write_all(bytes)?,
        }
        self.done += bytes.len() as u64;
        if let Some(progress) = &mut self.progress {
            progress.show(self.done, "")?;
        }
        Ok(())
    }

    /// All is there: the file gets its name.
    pub fn finish(self, peer: Option<&Peer>) -> Result<Status, Failure> {
        let Sink { to, progress, done } = self;
        match to {
            None => io::stdout().flush()?,
            Some(File { file, part, path }) => {
                drop(file);
                if fs::exists(&path) {
                    fs::remove(&path).about(&path)?;
                }
                fs::rename(&part, &path).about(&path)?;
            }
        }
        if let Some(mut progress) = progress {
            let peer = peer.map_or(String::new(), |peer| {
                format!("   {}, certificate of \"{}\", valid to {}", peer.version, peer.issuer, day(peer.not_after))
            });
            progress.shown = 0;
            progress.show(done, &format!("{peer}\n"))?;
        }
        Ok(Status::OK)
    }

    /// Something failed: no half file is left.
    pub fn discard(self) {
        if let Some(File { file, part, .. }) = self.to {
            drop(file);
            let _ = fs::remove(&part);
        }
        if self.progress.is_some_and(|progress| progress.shown > 0) {
            let _ = io::stdout().write_all(b"\n");
        }
    }
}

impl Progress {
    /// Ten times a second.
    fn show(&mut self, done: u64, behind: &str) -> Result<(), Error> {
        let now = time::now_ns().max(1);
        if self.shown != 0 && now - self.shown < time::SECOND / 10 {
            return Ok(());
        }
        self.shown = now;
        let text = match self.length.filter(|length| *length > 0) {
            Some(length) => {
                let cells = (done.min(length) * BAR / length) as usize;
                let percent = done.min(length) * 100 / length;
                format!("\r{}   {}   [{:<20}] {percent:>3} %{behind}", self.name, size(done), "#".repeat(cells))
            }
            None => format!("\r{}   {}{behind}", self.name, size(done)),
        };
        io::stdout().write_all(text.as_bytes())?;
        io::stdout().flush()
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
    }
}

/// Seconds since 1970 as a day (Howard Hinnant's days-from-civil, backwards).
fn day(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
