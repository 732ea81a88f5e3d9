//! A search kept in a folder, to go on with another day.
//!
//! `NAME.states` has 21 bytes a state: the state before, the row, the hash. `NAME.done` says how many of them count, how
//! far the search is, and which test program it is of: another program (another kernel, another alphabet) begins anew.
//! It is renamed into place after the states are written, so that an interrupted search loses a few minutes at most.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::explore::search::Search;

const RECORD: usize = 21;

/// Where a search is kept.
pub struct Kept {
    states: PathBuf,
    done: PathBuf,
    program: u64,
}

impl Kept {
    /// The search of this name in a folder, which is made.
    pub fn new(folder: &Path, name: &str) -> io::Result<Kept> {
        fs::create_dir_all(folder)?;
        let program = fs::read(std::env::current_exe()?)?;
        let program = program
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ *byte as u64).wrapping_mul(0x100_0000_01b3));
        let at = |ending: &str| folder.join(format!("{name}.{ending}"));
        Ok(Kept { states: at("states"), done: at("done"), program })
    }

    /// Gives a new search what was found; false if nothing was, by this program.
    pub fn load(&self, search: &mut Search) -> io::Result<bool> {
        let Ok(text) = fs::read_to_string(&self.done) else { return Ok(false) };
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [program, count, gone_on, transitions] = numbers[..] else { return Ok(false) };
        if program != self.program {
            return Ok(false);
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.states)?;
        file.set_len(count * RECORD as u64)?;
        let mut from = BufReader::new(file);
        for _ in 0..count {
            let mut record = [0; RECORD];
            from.read_exact(&mut record)?;
            let [b0, b1, b2, b3, by, hash @ ..] = record;
            search.add(u128::from_le_bytes(hash), u32::from_le_bytes([b0, b1, b2, b3]), by);
        }
        search.found.clear();
        (search.gone_on, search.transitions) = (gone_on as usize, transitions);
        Ok(true)
    }

    /// Appends what a search has found since the last time; `new` if nothing was kept before.
    pub fn save(&self, search: &mut Search, new: bool) -> io::Result<()> {
        let file =
            if new { File::create(&self.states)? } else { OpenOptions::new().append(true).open(&self.states)? };
        let mut to = BufWriter::new(file);
        for (before, by, hash) in search.found.drain(..) {
            to.write_all(&before.to_le_bytes())?;
            to.write_all(&[by])?;
            to.write_all(&hash.to_le_bytes())?;
        }
        to.into_inner()?.sync_all()?;
        let text = format!("{} {} {} {}\n", self.program, search.states() - 1, search.gone_on, search.transitions);
        let part = self.done.with_extension("part");
        fs::write(&part, text)?;
        fs::rename(part, &self.done)
    }
}
