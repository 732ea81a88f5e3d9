//! Global variables: the files in ENV:, and in ENVARC: those that are kept.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::Error;
use libsys::fs::{self, File, Kind};
use shell_lang::fault::{Fault, code};
use shell_lang::host::Keep;

use crate::job::fault;

const NOW: &str = "ENV:";
const FOR_EVER: &str = "ENVARC:";
/// Bytes of a value at most.
const MAX_VALUE: usize = 4096;

/// The value of a variable.
pub fn get(name: &str) -> Option<String> {
    check(name).ok()?;
    let mut file = File::open(&path(NOW, name)).ok()?;
    let mut value = alloc::vec![0; MAX_VALUE];
    let mut length = 0;
    while let Some(room) = value.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read(room).ok()? {
            0 => break,
            count => length += count,
        }
    }
    let text = String::from_utf8_lossy(value.get(..length)?).into_owned();
    // A line end is the file's, not the value's.
    Some(text.strip_suffix('\n').unwrap_or(&text).to_string())
}

/// All names, in order.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(NOW).unwrap_or_default();
    let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
    let mut names: Vec<String> = files.map(|entry| entry.name.to_string()).collect();
    names.sort_by_key(|name| name.to_lowercase());
    names
}

/// Sets a variable.
pub fn set(name: &str, value: &str, keep: Keep) -> Result<(), Fault> {
    check(name)?;
    if value.len() > MAX_VALUE {
        return Err(Fault::new(code::LIMIT, format!("the value of \"{name}\" is longer than {MAX_VALUE} bytes")));
    }
    for place in places(keep) {
        let path = path(place, name);
        fs::write(&path, value.as_bytes()).map_err(fault(&path))?;
    }
    Ok(())
}

/// Removes a variable.
pub fn unset(name: &str, keep: Keep) -> Result<(), Fault> {
    check(name)?;
    for place in places(keep) {
        match fs::remove(&path(place, name)) {
            Err(Error::NotFound) => {
                return Err(Fault::new(code::NOT_FOUND, format!("there is no global variable \"{name}\"")));
            }
            result => result.map_err(fault(name))?,
        }
    }
    Ok(())
}

fn places(keep: Keep) -> &'static [&'static str] {
    match keep {
        Keep::Now => &[NOW],
        // What can't be kept is not set either.
        Keep::Save => &[FOR_EVER, NOW],
    }
}

fn path(place: &str, name: &str) -> String {
    format!("{place}{name}")
}

/// A name is one file: nothing that leads elsewhere.
fn check(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '?' | '!');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(fits) {
        return Err(Fault::new(
            code::INVALID_NAME,
            format!("\"{name}\" is no name: up to 64 letters, digits, _ and -"),
        ));
    }
    Ok(())
}
