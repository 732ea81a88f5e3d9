//! Where things are: the repository, the target folder, the user programs' packages.

use crate::Failure;
use crate::arch::Arch;
use crate::options::Profile;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository and its target folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The repository's root.
    pub root: PathBuf,
    /// `target`, or what `CARGO_TARGET_DIR` says. Kernel and user programs are built in folders of it, so that their
    /// environment (`RUSTC_BOOTSTRAP`) never makes cargo build a host crate again.
    pub target: PathBuf,
}

/// A package that is built for the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Cargo's name of it.
    pub name: String,
    /// The names of its programs.
    pub programs: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
}

impl Package {
    /// The package in a folder, if it has programs.
    ///
    /// # Errors
    /// Its `Cargo.toml` cannot be read, or names none.
    pub fn in_folder(folder: &Path) -> Result<Option<Self>, Failure> {
        if !folder.join("src/main.rs").is_file() && !folder.join("src/bin").is_dir() {
            return Ok(None);
        }
        let path = folder.join("Cargo.toml");
        let manifest = read_toml(&path)?;
        let name = manifest.get("package").and_then(name_of);
        let name = name.ok_or_else(|| Failure::new(format!("{}: the package has no name", path.display())))?;
        let programs = manifest.get("bin").and_then(toml::Value::as_array);
        let programs: Vec<String> = programs.into_iter().flatten().filter_map(name_of).collect();
        let programs = if programs.is_empty() { vec![name.clone()] } else { programs };
        Ok(Some(Self { name, programs, folder: folder.to_path_buf() }))
    }
}

impl Project {
    /// The project this harness was built from.
    ///
    /// # Errors
    /// It has been moved away.
    pub fn find() -> Result<Self, Failure> {
        let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let crate_folder = crate_folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = crate_folder.join("../..");
        let root = root.canonicalize().map_err(|e| Failure::new(format!("{}: {e}", root.display())))?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).map_err(|e| Failure::new(format!("CARGO_TARGET_DIR: {e}")))?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Cargo's target folder for the kernel.
    #[must_use]
    pub fn kernel_target(&self) -> PathBuf {
        self.target.join("kernel")
    }

    /// Cargo's target folder for user programs.
    #[must_use]
    pub fn user_target(&self) -> PathBuf {
        self.target.join("user")
    }

    /// The built kernel: an ELF file with symbols.
    #[must_use]
    pub fn kernel(&self, arch: Arch, profile: Profile) -> PathBuf {
        self.kernel_target().join(arch.kernel_target()).join(folder(profile)).join("viaether")
    }

    /// The folder of the built user programs.
    #[must_use]
    pub fn programs(&self, arch: Arch, profile: Profile) -> PathBuf {
        self.user_target().join(arch.user_target()).join(user_folder(profile))
    }

    /// The folder for what is made from these: kernel image and boot archive.
    #[must_use]
    pub fn system(&self, arch: Arch, profile: Profile) -> PathBuf {
        self.target.join("system").join(arch.name()).join(folder(profile))
    }

    /// The target specification of user programs.
    #[must_use]
    pub fn specification(&self, arch: Arch) -> PathBuf {
        self.root.join("boot/targets").join(format!("{}.json", arch.user_target()))
    }

    /// The packages whose programs go into the boot archive: members of the workspace directly below `servers/` and
    /// `userland/` that have programs. What lies deeper is a library or a host tool.
    ///
    /// # Errors
    /// A `Cargo.toml` cannot be read.
    pub fn user_packages(&self) -> Result<Vec<Package>, Failure> {
        let mut packages = Vec::new();
        for member in self.members()?.iter().filter(|member| is_user_folder(member)) {
            packages.extend(Package::in_folder(&self.root.join(member))?);
        }
        Ok(packages)
    }

    /// The folders of the workspace's members, as its `Cargo.toml` names them.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn members(&self) -> Result<Vec<String>, Failure> {
        let manifest = self.manifest()?;
        let members = manifest.get("workspace").and_then(|w| w.get("members")).and_then(toml::Value::as_array);
        Ok(members.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_string).collect())
    }

    /// The root `Cargo.toml`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn manifest(&self) -> Result<toml::Table, Failure> {
        read_toml(&self.root.join("Cargo.toml"))
    }
}

/// The profile of servers and commands (root Cargo.toml): like release, but quicker to build.
pub const USER_PROFILE: &str = "user";

/// Cargo's folder of servers and commands.
fn user_folder(profile: Profile) -> &'static str {
    match profile {
        Profile::Release => USER_PROFILE,
        Profile::Debug => "debug",
    }
}

/// Cargo's folder of a profile.
fn folder(profile: Profile) -> &'static str {
    match profile {
        Profile::Release => "release",
        Profile::Debug => "debug",
    }
}

fn is_user_folder(member: &str) -> bool {
    let mut parts = member.split('/');
    matches!(parts.next(), Some("servers" | "userland")) && parts.next().is_some() && parts.next().is_none()
}

fn name_of(table: &toml::Value) -> Option<String> {
    table.get("name").and_then(toml::Value::as_str).map(str::to_string)
}

fn read_toml(path: &Path) -> Result<toml::Table, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", path.display()));
    fs::read_to_string(path).map_err(|e| failed(&e))?.parse().map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_programs_are_directly_below_servers_and_userland() {
        for (member, is) in [
            ("servers/netd", true),
            ("userland/shell", true),
            ("servers/netd/tcpip", false),
            ("servers/aid/mkmodel", false),
            ("microkernel/kernel", false),
            ("servers", false),
        ] {
            assert_eq!(is_user_folder(member), is, "{member}");
        }
    }

    #[test]
    fn the_project_is_found_and_its_packages_are_named() {
        let project = Project::find().unwrap();
        assert!(project.specification(Arch::Aarch64).is_file());
        assert!(project.specification(Arch::X86_64).is_file());
        project.user_packages().unwrap();
    }
}
