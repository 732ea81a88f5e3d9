//! Folders of `--with`: servers and commands that are built into the system for one run without being part of it.
//!
//! A folder has packages with programs, itself and directly below it, and a `manifest.toml` with their rows
//! ([`ramfs_builder::join`]). It may lie in the repository, its packages members of the workspace, or anywhere else.
//!
//! Rules: all programs of a system lie in one folder, so none may have the name of another; every program that a row names
//! is made by a package of the same folder, so what runs is what was just built.

use crate::Failure;
use crate::project::{Package, Project};
use ramfs_builder::join::Rows;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages of all folders, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guests {
    /// Members of the system's workspace.
    pub members: Vec<Package>,
    /// Packages of other workspaces.
    pub others: Vec<Package>,
}

/// Finds the packages of the folders.
///
/// # Errors
/// A folder that is not fit to join: [`Failure::usage`].
pub fn guests(project: &Project, folders: &[PathBuf]) -> Result<Guests, Failure> {
    let mut guests = Guests::default();
    if folders.is_empty() {
        return Ok(guests);
    }
    let mut taken: BTreeSet<String> = project.user_packages()?.into_iter().flat_map(|p| p.programs).collect();
    let members: Vec<PathBuf> = project.members()?.iter().map(|member| project.root.join(member)).collect();
    for folder in folders {
        let rows = Rows::read(folder).map_err(|problem| Failure::usage(format!("--with: {problem}")))?;
        let packages = packages(folder)?;
        let made: BTreeSet<String> = packages.iter().flat_map(|p| p.programs.clone()).collect();
        let bad = |text: String| Err(Failure::usage(format!("--with {}: {text}", folder.display())));
        if let Some(program) = rows.binaries().difference(&made).next() {
            let made = made.iter().cloned().collect::<Vec<_>>().join(", ");
            return bad(format!("its manifest names the program {program}, its packages make: {made}"));
        }
        if let Some(program) = made.iter().find(|program| !taken.insert((*program).clone())) {
            return bad(format!("there is a program {program} already; give it another name"));
        }
        for package in packages {
            let list = if members.contains(&package.folder) { &mut guests.members } else { &mut guests.others };
            list.push(package);
        }
    }
    Ok(guests)
}

/// The packages with programs in a folder and directly below it.
fn packages(folder: &Path) -> Result<Vec<Package>, Failure> {
    let failed = |e: std::io::Error| Failure::usage(format!("--with {}: {e}", folder.display()));
    let folder = folder.canonicalize().map_err(failed)?;
    let mut below: Vec<PathBuf> = fs::read_dir(&folder).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
    below.sort();
    let mut packages = Vec::new();
    for folder in std::iter::once(folder).chain(below).filter(|folder| folder.join("Cargo.toml").is_file()) {
        packages.extend(Package::in_folder(&folder)?);
    }
    Ok(packages)
}

/// How the boot archive of a system with these folders is called, beside that of the system itself.
#[must_use]
pub fn archive_name(folders: &[PathBuf]) -> String {
    let names = folders.iter().filter_map(|folder| folder.canonicalize().ok()?.file_name().map(|n| n.to_os_string()));
    let names: String = names.map(|name| format!("+{}", name.to_string_lossy())).collect();
    format!("archive{names}.img")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::Scratch;

    /// A folder with a package `name` in `below`, whose programs are `bins`, and these rows.
    fn folder(scratch: &Scratch, below: &str, name: &str, bins: &[&str], rows: &str) -> PathBuf {
        let folder = scratch.path("guest");
        let package = folder.join(below);
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("src/main.rs"), "").unwrap();
        let bins: String = bins.iter().map(|bin| format!("[[bin]]\nname = \"{bin}\"\n")).collect();
        fs::write(package.join("Cargo.toml"), format!("[package]\nname = \"{name}\"\n{bins}")).unwrap();
        fs::write(folder.join("manifest.toml"), rows).unwrap();
        folder
    }

    const ROW: &str = "[[program]]\nbinary = \"hello\"\nimages = [\"C/hello\"]\n";

    #[test]
    fn packages_of_the_workspace_and_others_are_told_apart() {
        let project = Project::find().unwrap();
        let scratch = Scratch::new().unwrap();
        let folders = [project.root.join("docs/examples/tally"), folder(&scratch, "x", "hello", &[], ROW)];
        let guests = guests(&project, &folders).unwrap();
        let names = |packages: &[Package]| packages.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&guests.members), ["tally-command", "tallyd"], "the library is built with them");
        assert_eq!(names(&guests.others), ["hello"]);
        assert_eq!(archive_name(&folders), "archive+tally+guest.img");
        assert_eq!(archive_name(&[]), "archive.img");
    }

    #[test]
    fn what_cannot_join_is_named() {
        let project = Project::find().unwrap();
        for (name, bins, rows, said) in [
            ("hello", &[][..], "[[program]]\nbinary = \"hallo\"\nimages = [\"C/x\"]\n", "names the program hallo"),
            ("hello", &["netd"], "", "there is a program netd already"),
            ("hello", &[], "[[server]]\nname = 3\n", "manifest.toml"),
            ("hello", &[], "[[add]]\nserver = \"shell\"\nrights = []\n", "unknown field `rights`"),
        ] {
            let scratch = Scratch::new().unwrap();
            let failure = guests(&project, &[folder(&scratch, "", name, bins, rows)]).unwrap_err();
            assert_eq!(failure.status, 2, "{failure}");
            assert!(failure.message.contains(said), "{failure}");
        }
        let failure = guests(&project, &["/nonexistent".into()]).unwrap_err();
        assert!(failure.message.contains("/nonexistent/manifest.toml"), "{failure}");
    }
}
