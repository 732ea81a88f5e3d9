//! Packs the boot archive: a manifest, built programs and files in, one archive out. Same input, same bytes.
//!
//! ```text
//! manifest.toml --source--> Manifest --check--> no problem? --pack--+--> archive
//! other folders' rows --join--^                                     |
//! built programs ----------program::flatten / program::strip--------+
//! boot/sys ----------------files------------------------------------+
//! ```
//!
//! Rules: everything that can be wrong with a manifest is found here, on the host, and named with what would be right;
//! init only reads what was checked. [`graph`] prints who reaches what.
//!
//! Neighbours: the `archive` crate has the format; `scripts/run` calls [`build`] in process.

#![forbid(unsafe_code)]

pub mod check;
pub mod graph;
pub mod join;
mod named;
pub mod pack;
pub mod program;
pub mod source;

use std::fmt;
use std::path::Path;

/// What is to be packed from where.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The manifest, TOML.
    pub manifest: &'a Path,
    /// Folders whose rows are joined to it ([`join`]).
    pub with: &'a [&'a Path],
    /// The folder with the built programs, init among them.
    pub programs: &'a Path,
    /// Folders whose files go into the archive under their relative paths; what comes later replaces what came earlier.
    pub files: &'a [&'a Path],
    /// What to do about programs that were not built.
    pub missing: Missing,
}

/// What to do about programs that the manifest names and that were not built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Refuse.
    Refuse,
    /// Leave them out, and say which.
    LeaveOut,
}

/// A finished archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Programs that were left out.
    pub left_out: Vec<String>,
}

/// One line for people: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// Reads the inputs, checks the manifest, and packs.
///
/// # Errors
/// All problems of the manifest or of a folder's rows at once, or the first of what cannot be read or packed.
pub fn build(inputs: &Inputs<'_>) -> Result<Built, Vec<Problem>> {
    let manifest = source::joined(inputs.manifest, inputs.with)?;
    let problems = check::check(&manifest);
    if !problems.is_empty() {
        return Err(problems);
    }
    pack::pack(&manifest, inputs).map_err(|p| vec![p])
}
