//! A note to the next pager, on a page that init keeps.
//!
//! Pages that are replaced are gone for a moment: between taking the shared ones away and mapping the process's own. A pager
//! that dies just then would leave pages behind that look as if they had never been used. So it notes before what it is about
//! to map; the next one does so.

use libsys::{Access, Error, Mapping, Memory, device_fence, env};

/// What is about to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// In which process.
    pub process: u32,
    /// Where.
    pub address: u64,
    /// Of which Memory.
    pub identity: u64,
    /// Which page of it first.
    pub page: u64,
    /// How many.
    pub pages: u64,
}

/// The page.
#[derive(Debug)]
pub struct Notes(Mapping);

impl Notes {
    /// As it was left.
    pub fn open() -> Result<Notes, Error> {
        let memory = Memory::from(env::take_handle("scratch")?);
        Ok(Notes(memory.map_part(0, 1, Access::READ | Access::WRITE)?))
    }

    /// The note, if there is one.
    pub fn read(&self) -> Option<Note> {
        let word = |at: usize| self.0.double(8 * at).map_or(0, |word| word.load(core::sync::atomic::Ordering::Acquire));
        let process = u32::try_from(word(0)).ok().filter(|process| *process != 0)?;
        Some(Note { process, address: word(1), identity: word(2), page: word(3), pages: word(4) })
    }

    /// Leaves a note; it counts once all of it is there.
    pub fn write(&self, note: Note) -> Result<(), Error> {
        use core::sync::atomic::Ordering::{Relaxed, Release};
        self.0.double(8)?.store(note.address, Relaxed);
        self.0.double(16)?.store(note.identity, Relaxed);
        self.0.double(24)?.store(note.page, Relaxed);
        self.0.double(32)?.store(note.pages, Relaxed);
        self.0.double(0)?.store(note.process.into(), Release);
        device_fence();
        Ok(())
    }

    /// It is done.
    pub fn clear(&self) -> Result<(), Error> {
        self.0.double(0)?.store(0, core::sync::atomic::Ordering::Release);
        Ok(())
    }
}
