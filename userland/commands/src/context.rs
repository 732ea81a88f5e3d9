//! What several commands need: names, patterns, sources.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use libsys::io::{self, Read, Write};
use libsys::protocol::fs::Kind;
use libsys::{Error, fs};

pub use command::{About, Failure, Outcome};

/// Which of [`ALIASES`] the command was called by, from 1.
static ALIAS: AtomicUsize = AtomicUsize::new(0);

/// Runs a command while [`is_alias`] knows which name it was called by.
pub fn with_alias<T>(name: &str, run: impl FnOnce() -> T) -> T {
    ALIAS.store(alias_number(name), Ordering::Relaxed);
    run()
}

/// Names whose manner differs from the command's own.
const ALIASES: [&str; 4] = ["ls", "uname", "b3sum", "free"];

fn alias_number(name: &str) -> usize {
    ALIASES.iter().position(|alias| alias.eq_ignore_ascii_case(name)).map_or(0, |at| at + 1)
}

/// Whether the command was called by this alias.
pub fn is_alias(name: &str) -> bool {
    alias_number(name) != 0 && ALIAS.load(Ordering::Relaxed) == alias_number(name)
}

/// Whether a path is a directory.
pub fn is_directory(path: &str) -> bool {
    fs::stat(path).is_ok_and(|stat| stat.kind == Kind::Directory)
}

/// The last component of a path.
pub fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(path)
}

/// Files named by arguments: patterns are replaced by what they match, an argument that matches nothing is itself.
pub fn expand(arguments: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for argument in arguments {
        if !pattern::is_pattern(file_name(argument)) || fs::exists(argument) {
            all.push(argument.clone());
            continue;
        }
        let (dir, last) = fs::path::parent(argument);
        let matcher = pattern::Pattern::new(last)
            .map_err(|_| Failure::new(Error::BadTemplate, alloc::format!("{last}: not a pattern")))?;
        let before = all.len();
        for entry in fs::read_dir(dir).about(argument)? {
            if matcher.matches(&entry.name) {
                all.push(fs::path::join(dir, &entry.name));
            }
        }
        if all.len() == before {
            return Err(Failure::new(Error::NotFound, alloc::format!("{argument}: nothing matches")));
        }
    }
    Ok(all)
}

/// A source of bytes: a file, or standard input for `-` and for none.
pub enum Source {
    File(fs::File),
    Input(io::Stdin),
}

impl Source {
    pub fn open(name: Option<&str>) -> Result<Source, Failure> {
        match name {
            None | Some("-") => Ok(Source::Input(io::stdin())),
            Some(path) if is_directory(path) => {
                Err(Failure::new(Error::WrongType, alloc::format!("{path}: a directory, not a file")))
            }
            Some(path) => Ok(Source::File(fs::File::open(path).about(path)?)),
        }
    }
}

impl Read for Source {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        match self {
            Source::File(file) => file.read(to),
            Source::Input(input) => input.read(to),
        }
    }
}

/// Where output goes: to a file, or to standard output for none.
pub fn output(name: Option<&str>) -> Result<Box<dyn Write>, Failure> {
    Ok(match name {
        Some(path) => Box::new(fs::File::create(path).about(path)?),
        None => Box::new(io::stdout()),
    })
}

/// Runs something on each source: the files, or standard input if there are none.
pub fn each_source(
    names: &[String],
    mut run: impl FnMut(Option<&str>, Source) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if names.is_empty() {
        return run(None, Source::open(None)?);
    }
    for name in expand(names)? {
        run(Some(&name), Source::open(Some(&name))?)?;
    }
    Ok(())
}
