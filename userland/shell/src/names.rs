//! The name space as the shell sees it: volumes and assigns, programs of the archive, and names that are texts.
//!
//! A name bound by `ASSIGN ... DEFER` or `PATH` is a text that only a shell understands. DEFER is bound to its directory
//! when it is first used; PATH is put in the place of the name each time. So commands never see either: arguments that
//! begin with such a name are looked at before they are handed over.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use libsys::fs::{self, Volume};
use libsys::names::NameSpace;
use libsys::protocol::names::{Binding, Entry, Place as Position};
use shell_lang::fault::{Fault, code};
use shell_lang::path;
use shell_lang::place::Place;

use crate::job::fault;

/// The service behind volumes.
pub const FILES: &str = "fs";
/// The volume that the boot archive is.
const ARCHIVE: &str = "SYS";
/// Names that lead to names, at most.
const MAX_TEXTS: usize = 8;

/// Whether a name may be bound to a text. Without one, nothing has to be looked up.
static TEXTS: AtomicBool = AtomicBool::new(false);

/// Remembers that a name was bound to a text.
pub fn note_text() {
    TEXTS.store(true, Ordering::Relaxed);
}

/// Looks whether the name space that this shell was given has texts.
pub fn look_for_texts() {
    let is_text = |binding: &Binding| !matches!(binding, Binding::Service { .. });
    let has = NameSpace::own().list().is_ok_and(|names| names.iter().any(|entry| entry.bindings.iter().any(is_text)));
    TEXTS.store(has, Ordering::Relaxed);
}

/// All names that are volumes or assigns.
pub fn directories() -> Vec<Entry> {
    let mut all = NameSpace::own().list().unwrap_or_default();
    all.retain(|entry| !entry.name.eq_ignore_ascii_case(FILES) && entry.bindings.iter().all(is_directory));
    all
}

/// Whether a binding leads to files.
pub fn is_directory(binding: &Binding) -> bool {
    match binding {
        Binding::Service { service, .. } => service.eq_ignore_ascii_case(FILES),
        Binding::Defer(_) | Binding::Path(_) => true,
    }
}

/// The directory that a binding is.
pub fn place(binding: &Binding) -> Option<Place> {
    match binding {
        Binding::Service { narrowings, .. } if is_directory(binding) => Place::of(narrowings),
        _ => None,
    }
}

/// A path whose name is no text any more.
///
/// # Errors
/// The directory that a DEFER or PATH names is not there; names that lead to each other.
pub fn textual(joined: &str) -> Result<String, Fault> {
    let mut joined = joined.to_string();
    if !TEXTS.load(Ordering::Relaxed) {
        return Ok(joined);
    }
    for _ in 0..MAX_TEXTS {
        let (Some(name), rest) = path::split(&joined) else { return Ok(joined) };
        let Ok(entry) = NameSpace::own().look(name) else { return Ok(joined) };
        match entry.bindings.first() {
            Some(Binding::Path(target)) => joined = path::join(target, rest)?,
            Some(Binding::Defer(target)) => bind(name, target, Position::Replace)?,
            _ => return Ok(joined),
        }
    }
    Err(Fault::new(code::LOOP, alloc::format!("\"{joined}\": this assign leads to itself")))
}

/// An argument, as a command is to get it.
pub fn argument(word: &str) -> Result<Option<String>, Fault> {
    if !TEXTS.load(Ordering::Relaxed) || path::split(word).0.is_none_or(str::is_empty) {
        return Ok(None);
    }
    let other = textual(word)?;
    Ok((other != word).then_some(other))
}

/// Binds a name to an existing directory.
///
/// # Errors
/// It is not there or no directory; a bound of the name space.
pub fn bind(name: &str, target: &str, position: Position) -> Result<(), Fault> {
    let stat = fs::stat(target).map_err(fault(target))?;
    if stat.kind != fs::Kind::Directory {
        return Err(Fault::new(code::WRONG_TYPE, alloc::format!("\"{target}\" is a file, no directory")));
    }
    NameSpace::own().assign(name, target, position).map_err(fault(name))?;
    Volume::forget(name);
    Ok(())
}

/// The path in the boot archive of what stands at a joined path.
///
/// # Errors
/// `NotExecutable`: it does not lie in the archive. Programs from elsewhere do not run until they can be signed.
pub fn archive_path(joined: &str) -> Result<String, Fault> {
    in_archive(joined).ok_or_else(|| {
        let text =
            alloc::format!("\"{joined}\" can't be run: only programs of the boot archive (SYS:) are trusted so far");
        Fault::new(code::NOT_EXECUTABLE, text)
    })
}

/// As [`archive_path`], where that is no fault.
pub fn in_archive(joined: &str) -> Option<String> {
    let (name, rest) = path::split(joined);
    let entry = NameSpace::own().look(name?).ok()?;
    let mut paths = entry.bindings.iter().filter_map(place).filter(|place| place.volume.eq_ignore_ascii_case(ARCHIVE));
    let all: Vec<String> = paths
        .by_ref()
        .map(|mut place| {
            place.enter(rest);
            place.path
        })
        .collect();
    match all.as_slice() {
        [only] if entry.bindings.len() == 1 => Some(only.clone()),
        several => several.iter().find(|path| fs::exists(&alloc::format!("{ARCHIVE}:{path}"))).cloned(),
    }
}
