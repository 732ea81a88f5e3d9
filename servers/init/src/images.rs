//! The programs of the boot archive: found by name, parsed once, their code sealed once.

use alloc::collections::BTreeMap;

use archive::{Archive, Kind};
use elfload::{Processor, Program, Segment, Use};
use libsys::{Authority, Error, Memory, abi::PAGE_SIZE};

/// A program that can be loaded.
#[derive(Debug)]
pub struct Image {
    /// How it is laid out.
    pub program: Program,
    /// Its file.
    pub file: &'static [u8],
    /// Where the file starts in the archive, in pages.
    pub first: usize,
    sealed: bool,
}

/// All that were asked for so far.
#[derive(Debug)]
pub struct Images {
    archive: Archive<'static>,
    known: BTreeMap<u32, Image>,
}

impl Images {
    /// None yet.
    pub fn new(archive: Archive<'static>) -> Images {
        Images { archive, known: BTreeMap::new() }
    }

    /// The program of that name, ready to be mapped, and its own name where this is an alias.
    ///
    /// # Errors
    /// `NotFound`; `NotExecutable` for what is no program, or no good one.
    pub fn find(&mut self, name: &str, memory: &Memory, seal: &Authority) -> Result<&Image, Error> {
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
            self.known.insert(index, Image { program, file, first: from / PAGE_SIZE, sealed: false });
        }
        let image = self.known.get_mut(&index).ok_or(Error::Internal)?;
        image.seal(memory, seal)?;
        Ok(image)
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

    /// Where a segment starts in the archive, in pages.
    pub fn pages_before(&self, segment: &Segment) -> usize {
        self.first + segment.offset as usize / PAGE_SIZE
    }
}
