//! The volumes, and what they are made from.

use alloc::vec::Vec;

use archive::Archive;
use archive::files::Files;
use libsys::device::Devices;
use libsys::{Frozen, Memory, Pool, Result, env, log, time};
use vfs::session::Mounted;
use vfs::{ArchiveFs, FileSystem, New, RamFs};

/// Bytes of the files that the host gave, at most.
const MAX_GIVEN: usize = 64 << 20;
/// Pages of the pool that are not RAM:'s: programs, sessions, windows of the server itself.
const OWN_PAGES: u64 = 1024;
/// Directories that RAM: starts with, for assigns.
const DIRECTORIES: [&str; 2] = ["T", "ENV"];

/// A volume.
pub struct Volume {
    /// Its name, without the colon.
    pub name: &'static str,
    pub mounted: Mounted<'static>,
    /// The Memory it lies in, if its files can be mapped in place.
    pub memory: Option<Memory>,
}

/// `RAM:` and `SYS:`.
pub fn mount() -> Result<Vec<Volume>> {
    let mut all = Vec::new();
    all.push(Volume { name: "RAM", mounted: Mounted::new(ram()?), memory: None });
    let memory = Memory::adopt(env::take_handle("archive")?);
    let bytes = Frozen::map(&memory)?.leak();
    match Archive::parse(bytes).map(|archive| ArchiveFs::new("SYS", 2, archive)) {
        Ok(Ok(fs)) => all.push(Volume { name: "SYS", mounted: Mounted::new(fs), memory: Some(memory) }),
        Ok(Err(error)) => log!(Error, "fsd: SYS: can't be mounted: {error}"),
        Err(error) => log!(Error, "fsd: SYS: can't be mounted: {error}"),
    }
    Ok(all)
}

/// An empty RAM: of a quarter of the memory, with what the host gave.
fn ram() -> Result<RamFs> {
    let figures = libsys::system_figures()?;
    let pool = Pool::own()?.info()?;
    let pages = (figures.pages / 4).min(pool.pages.saturating_sub(OWN_PAGES));
    let now = time::utc_ns().unwrap_or(0);
    // Generations grow with each start of fsd, so that what was opened before is Stale, not another file.
    let mut ram = RamFs::new("RAM", 1, pages, env::number(), now);
    let root = ram.root();
    for name in DIRECTORIES {
        ram.create(root, name, New::Directory, now)?;
    }
    if let Err(error) = take_given(&mut ram, now) {
        log!(Warning, "fsd: files from the host: {error}");
    }
    Ok(ram)
}

/// Puts the files that the host gave into RAM:.
fn take_given(ram: &mut RamFs, now: u64) -> Result<()> {
    let given = match Devices::open_named("config")?.file("files", MAX_GIVEN) {
        Ok(given) => given,
        Err(libsys::Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    if given.is_empty() {
        return Ok(());
    }
    let files = Files::parse(&given).map_err(|_| libsys::Error::Corrupt)?;
    for file in files.iter() {
        if let Err(error) = put(ram, file.name, file.bytes, now) {
            log!(Error, "fsd: {} from the host has no place in RAM:: {error}", file.name);
        }
    }
    Ok(())
}

/// Writes a file, and makes the directories on the way to it.
fn put(ram: &mut RamFs, path: &str, bytes: &[u8], now: u64) -> Result<()> {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = ram.root();
    for directory in directories.split('/').filter(|part| !part.is_empty()) {
        folder = match ram.look_up(folder, directory) {
            Err(libsys::Error::NotFound) => ram.create(folder, directory, New::Directory, now)?,
            found => found?,
        };
    }
    let node = ram.create(folder, name, New::File, now)?;
    ram.write(node, 0, bytes, now)?;
    Ok(())
}
