//! The programs of the boot archive: found by name, parsed once, their code sealed once.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use archive::manifest::{Manifest, Program as Named};
use archive::{Archive, Kind};
use elfload::{Processor, Program, Segment, Use};
use libsys::protocol::process::Rights;
use libsys::{Authority, Error, Memory, abi::PAGE_SIZE};
use symbols::Symbols;

use crate::services::rights;

/// A program that can be loaded.
#[derive(Debug)]
pub struct Image {
    /// How it is laid out.
    pub program: Program,
    /// Its file.
    pub file: &'static [u8],
    /// Where the file starts in the archive, in pages.
    pub first: usize,
    /// The names of its functions, for traces.
    pub symbols: Option<Symbols<'static>>,
    /// Where the segment with these names goes, from the program's base.
    pub names: Option<u64>,
    sealed: bool,
}

/// All that were asked for so far.
#[derive(Debug)]
pub struct Images {
    archive: Archive<'static>,
    known: BTreeMap<u32, Image>,
    /// What names lead to, as the archive spells them.
    names: BTreeMap<String, Found>,
    /// What the manifest's programs ask init for.
    asks: Vec<(String, Rights)>,
}

/// A name that was looked up.
#[derive(Debug, Clone, Copy)]
struct Found {
    index: u32,
    rights: Rights,
}

impl Images {
    /// None yet.
    pub fn new(archive: Archive<'static>, manifest: &Manifest) -> Images {
        let asks = |program: &Named| {
            let rights = rights(&program.rights);
            program.images.iter().map(move |image| (image.clone(), rights)).collect::<Vec<_>>()
        };
        let asks = manifest.programs.iter().flat_map(asks).collect();
        Images { archive, known: BTreeMap::new(), names: BTreeMap::new(), asks }
    }

    /// The program of that name, ready to be mapped, and what it may ask init for at most.
    ///
    /// # Errors
    /// `NotFound`; `NotExecutable` for what is no program, or no good one.
    pub fn find(&mut self, name: &str, memory: &Memory, seal: &Authority) -> Result<(&Image, Rights), Error> {
        let found = match self.names.get(name) {
            Some(found) => *found,
            None => self.read(name)?,
        };
        let image = self.known.get_mut(&found.index).ok_or(Error::Internal)?;
        image.seal(memory, seal)?;
        Ok((image, found.rights))
    }

    /// Looks a program up in the archive and checks it.
    fn read(&mut self, name: &str) -> Result<Found, Error> {
        let entry = self.archive.find(name).ok_or(Error::NotFound)?;
        if entry.kind != Kind::Program {
            return Err(Error::NotExecutable);
        }
        let index = entry.alias_of.unwrap_or(entry.index);
        if !self.known.contains_key(&index) {
            let from = usize::try_from(entry.offset).map_err(|_| Error::NotExecutable)?;
            let length = usize::try_from(entry.length).map_err(|_| Error::NotExecutable)?;
            let file = self.archive.bytes().get(from..).and_then(|rest| rest.get(..length)).ok_or(Error::Corrupt)?;
            let processor = Processor::own().ok_or(Error::Unsupported)?;
            let program = Program::parse(file, processor).map_err(|why| {
                libsys::log!(Warning, "{name} can't be run: {why}");
                Error::NotExecutable
            })?;
            let symbols = Symbols::parse(symbols::program::in_file(file));
            let names = symbols::program::place(file).map(|place| place.address);
            self.known.insert(index, Image { program, file, first: from / PAGE_SIZE, symbols, names, sealed: false });
        }
        let asked = self.asks.iter().find(|(image, _)| image.eq_ignore_ascii_case(name));
        let found = Found { index, rights: asked.map_or(Rights::empty(), |(_, rights)| *rights) };
        if name == entry.name {
            self.names.insert(name.into(), found);
        }
        Ok(found)
    }
}

impl Image {
    /// Has its code be code; once.
    fn seal(&mut self, memory: &Memory, seal: &Authority) -> Result<(), Error> {
        if self.sealed {
            return Ok(());
        }
        for segment in self.program.segments.iter().filter(|s| s.usage == Use::ReadExecute) {
            memory.seal(self.pages_before(segment), segment.pages() as usize, seal)?;
        }
        self.sealed = true;
        Ok(())
    }

    /// Whether a segment is nothing but the names of its functions.
    pub fn has_names_in(&self, segment: &Segment) -> bool {
        segment.usage == Use::Read && self.names == Some(segment.address)
    }

    /// Where a segment starts in the archive, in pages.
    pub fn pages_before(&self, segment: &Segment) -> usize {
        self.first + segment.offset as usize / PAGE_SIZE
    }
}
