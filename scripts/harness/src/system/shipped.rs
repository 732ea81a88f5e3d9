//! What is in the system that was built: all that `boot/manifest.toml` names and `boot/sys` has, and nothing else.

use archive::{Archive, MANIFEST_NAME, manifest::Manifest};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Compares the names in a boot archive with those that the manifest and the folders of files give it.
///
/// # Errors
/// What is missing or too much.
pub fn check(archive: &[u8], manifest: &Manifest, files: &[&Path]) -> Result<(), String> {
    let archive = Archive::parse(archive).map_err(|e| e.to_string())?;
    let there: BTreeSet<String> = archive.entries().map(|entry| entry.name.to_ascii_lowercase()).collect();
    let images = manifest.servers.iter().map(|server| &server.image);
    let images = images.chain(manifest.programs.iter().flat_map(|program| &program.images)).cloned();
    let mut named: BTreeSet<String> = images.chain(["L/init".into(), MANIFEST_NAME.into()]).collect();
    for folder in files {
        walk(folder, "", &mut named).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let named: BTreeSet<String> = named.iter().map(|name| name.to_ascii_lowercase()).collect();
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let (missing, foreign) = (list(named.difference(&there).collect()), list(there.difference(&named).collect()));
    match (missing.is_empty(), foreign.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("the boot archive lacks {missing}")),
        (_, false) => Err(format!("the boot archive has what nothing names: {foreign}")),
    }
}

fn walk(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.insert(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::Scratch;
    use archive::Rights;
    use archive::write::{Content, InitImage, InitSegment, Item, write};
    use ramfs_builder::source;

    const MANIFEST: &str = "[[program]]\nbinary = \"list\"\nimages = [\"C/list\", \"C/ls\"]\n";

    fn archive(names: &[&str]) -> Vec<u8> {
        let segment = InitSegment {
            address: archive::INIT_BASE,
            memory_length: 4096,
            rights: Rights::ReadExecute,
            bytes: vec![0; 16],
        };
        let init = InitImage { name: "L/init".into(), entry: archive::INIT_BASE, segments: vec![segment] };
        let file = |name: &&str| Item { name: (*name).into(), content: Content::File(vec![1], Default::default()) };
        let mut items: Vec<Item> = names.iter().map(file).collect();
        items.push(Item { name: MANIFEST_NAME.into(), content: Content::Manifest(vec![1]) });
        write(&init, &items).unwrap()
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let manifest = source::parse(MANIFEST).unwrap();
        let scratch = Scratch::new().unwrap();
        fs::create_dir_all(scratch.path("sys/S")).unwrap();
        fs::write(scratch.path("sys/S/Startup-Sequence"), "").unwrap();
        let sys = scratch.path("sys");
        let check = |names: &[&str]| check(&archive(names), &manifest, &[&sys]);
        assert_eq!(check(&["C/list", "C/ls", "S/startup-sequence"]), Ok(()));
        assert!(check(&["C/list", "S/Startup-Sequence"]).unwrap_err().contains("lacks c/ls"));
        let foreign = check(&["C/list", "C/ls", "C/tally", "S/Startup-Sequence"]).unwrap_err();
        assert!(foreign.contains("nothing names: c/tally"), "{foreign}");
    }
}
