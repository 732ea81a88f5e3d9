//! Collecting what goes into the archive.

use crate::program;
use crate::{Built, Inputs, Missing, Problem};
use archive::manifest::Manifest;
use archive::program::{Processor, ProgramError};
use archive::write::{Content, Item};
use archive::{EntryFlags, MANIFEST_NAME};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// init in the archive.
const INIT_NAME: &str = "L/init";
/// Its program is packed by itself, named by no row.
pub(crate) const INIT_BINARY: &str = "init";
/// Files below it are scripts that run by name.
const SCRIPTS: &str = "S/";

/// Packs what a checked manifest names.
///
/// # Errors
/// The first file that cannot be read or is unfit.
pub fn pack(manifest: &Manifest, inputs: &Inputs<'_>) -> Result<Built, Problem> {
    let init_path = inputs.programs.join(INIT_BINARY);
    let (processor, init) = program::flatten(INIT_NAME, &read(&init_path)?)
        .map_err(|why| Problem(format!("{}: {why}", init_path.display())))?;
    let mut programs = Programs { inputs, processor, left_out: Vec::new(), items: Vec::new(), packed: BTreeMap::new() };
    let mut packed = manifest.clone();
    packed.servers.clear();
    packed.programs.clear();
    for server in &manifest.servers {
        let binary = server.binary();
        if programs.add(&binary, std::slice::from_ref(&server.image))? {
            packed.servers.push(server.clone());
        }
    }
    for program in &manifest.programs {
        if programs.add(&program.binary, &program.images)? {
            packed.programs.push(program.clone());
        }
    }
    let (mut items, left_out) = (programs.items, programs.left_out);
    let encoded = packed.encode().map_err(|e| Problem(format!("the manifest cannot be packed: {e}")))?;
    items.push(Item { name: MANIFEST_NAME.into(), content: Content::Manifest(encoded) });
    items.extend(files(inputs.files)?);
    let bytes = archive::write::write(&init, &items).map_err(|e| Problem(explain(e, &items)))?;
    Ok(Built { bytes, left_out })
}

struct Programs<'a> {
    inputs: &'a Inputs<'a>,
    processor: Processor,
    left_out: Vec<String>,
    items: Vec<Item>,
    /// Built programs that are in already, by the entry they are in: a binary is packed once, whatever it is called.
    packed: BTreeMap<String, String>,
}

impl Programs<'_> {
    /// Adds a built program under its names; false if it was not built and may be left out.
    fn add(&mut self, binary: &str, images: &[String]) -> Result<bool, Problem> {
        let path = self.inputs.programs.join(binary);
        let Some((first, aliases)) = images.split_first() else { return Ok(false) };
        if let Some(first) = self.packed.get(binary) {
            let alias = |name: &String| Item { name: name.clone(), content: Content::Alias(first.clone()) };
            self.items.extend(images.iter().map(alias));
            return Ok(true);
        }
        if !path.is_file() {
            if self.inputs.missing == Missing::LeaveOut {
                self.left_out.push(binary.to_string());
                return Ok(false);
            }
            return Err(Problem(format!("{first}: its program {} was not built", path.display())));
        }
        let unfit = |why: &dyn std::fmt::Display| Problem(format!("{}: {why}", path.display()));
        let (processor, bytes) = program::strip(&read(&path)?).map_err(|e: ProgramError| unfit(&e))?;
        if processor != self.processor {
            return Err(unfit(&format!("it is for {processor:?}, init for {:?}", self.processor)));
        }
        self.items.push(Item { name: first.clone(), content: Content::Program(bytes) });
        self.packed.insert(binary.to_string(), first.clone());
        for alias in aliases {
            self.items.push(Item { name: alias.clone(), content: Content::Alias(first.clone()) });
        }
        Ok(true)
    }
}

/// The files below all folders, by relative path. A path in a later folder replaces the same path in an earlier one.
fn files(folders: &[&Path]) -> Result<Vec<Item>, Problem> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        walk(folder, "", &mut found)?;
    }
    let item = |(name, path): (String, PathBuf)| {
        let flags = EntryFlags { script: name.starts_with(SCRIPTS) };
        Ok(Item { name, content: Content::File(read(&path)?, flags) })
    };
    found.into_iter().map(item).collect()
}

fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> Result<(), Problem> {
    let failed = |e: std::io::Error| Problem(format!("{}: {e}", folder.display()));
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            walk(&path, &format!("{name}/"), found)?;
        } else if archive::name::check(&name) {
            found.insert(name, path);
        } else {
            return Err(Problem(format!("{}: names in the archive are printable ASCII", path.display())));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|e| Problem(format!("{}: {e}", path.display())))
}

/// Names the culprit where the writer only knows that there is one.
fn explain(error: archive::ArchiveError, items: &[Item]) -> String {
    let mut names: Vec<String> = items.iter().map(|i| i.name.to_ascii_lowercase()).collect();
    names.sort();
    match names.windows(2).find(|w| w[0] == w[1]) {
        Some(pair) => format!("{}: there are two of that name", pair[0]),
        None => format!("the archive cannot be written: {error}"),
    }
}
