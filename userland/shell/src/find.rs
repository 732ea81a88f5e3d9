//! What a command name stands for.
//!
//! A name with a colon or slash is that path. Others are looked for in the current directory, along the path, in C:, and
//! last as a directory of the current one.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::fs::{self, File, Kind, Protection};
use shell_lang::host::Found;
use shell_lang::path::join;

use crate::names;

/// Where commands are.
const COMMANDS: &str = "C:";
/// What a keyed script begins with.
const KEY: &[u8; 4] = b".KEY";

/// Finds a command.
pub fn find(name: &str, cwd: &str, path: &[String]) -> Found {
    let explicit = name.contains([':', '/']);
    let mut places: Vec<&str> = alloc::vec![cwd];
    if !explicit {
        places.extend(path.iter().map(String::as_str));
        places.push(COMMANDS);
    }
    let mut directory = None;
    for (index, place) in places.into_iter().enumerate() {
        let Ok(path) = join(place, name).and_then(|path| names::textual(&path)) else { continue };
        let Ok(stat) = fs::stat(&path) else { continue };
        match stat.kind {
            Kind::Directory if index == 0 => directory = Some(path),
            Kind::Directory | Kind::Link => {}
            Kind::File if stat.protection.contains(Protection::SCRIPT) => return Found::Script(path),
            Kind::File if names::in_archive(&path).is_some() => return Found::Program(path),
            Kind::File if is_keyed(&path) => return Found::Script(path),
            // A file that was named by its path is meant, even if it can't be run.
            Kind::File if explicit => return Found::Program(path),
            Kind::File => {}
        }
    }
    directory.map_or(Found::Nothing, Found::Directory)
}

fn is_keyed(path: &str) -> bool {
    let mut head = [0; KEY.len()];
    let read = File::open(path).and_then(|mut file| file.read(&mut head));
    read == Ok(KEY.len()) && head.eq_ignore_ascii_case(KEY)
}
