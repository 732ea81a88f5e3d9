//! Joining rows of other folders to the manifest: servers, names and programs that are built into the system without being
//! part of it, such as one that somebody develops elsewhere.
//!
//! ```toml
//! # FOLDER/manifest.toml: rows as in boot/manifest.toml, all of them new, and
//! [[add]]                         # what a server that is there already gets
//! server = "shell"
//! needs = [{ name = "tally" }]
//! ```
//!
//! Rules: a folder adds; it changes nothing that is there but for the names that servers have. What it names must be new,
//! so that no row means something else because of another folder. What the whole must be like is [`crate::check`]'s
//! business.

use crate::Problem;
use crate::pack::INIT_BINARY;
use archive::manifest::{Binding, Manifest, Need, Program, Server};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// The file with a folder's rows.
pub const FILE: &str = "manifest.toml";

/// The rows of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// New servers.
    #[serde(rename = "server", default)]
    pub servers: Vec<Server>,
    /// New names.
    #[serde(rename = "name", default)]
    pub names: Vec<Binding>,
    /// New programs.
    #[serde(rename = "program", default)]
    pub programs: Vec<Program>,
    /// What servers that are there already get.
    #[serde(rename = "add", default)]
    pub more: Vec<More>,
}

/// What a server gets besides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct More {
    /// The server's name.
    pub server: String,
    /// Names in its name space.
    pub needs: Vec<Need>,
}

impl Rows {
    /// Reads a folder's rows.
    ///
    /// # Errors
    /// That its file cannot be read, or what in it cannot be understood, with the line.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let failed = |e: &dyn std::fmt::Display| Problem(format!("{}: {e}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|e| failed(&e))?;
        toml::from_str(&text).map_err(|e| failed(&e.to_string().trim_end()))
    }

    /// The built programs that it names.
    #[must_use]
    pub fn binaries(&self) -> BTreeSet<String> {
        let [.., (_, binaries)] = names(&self.servers, &self.names, &self.programs);
        binaries
    }
}

/// Adds the rows of a folder, which problems call `from`, to a manifest. Servers stay in the order of start.
///
/// # Errors
/// Everything that is there already, or to which something is to be added and that is not there; then the manifest is as
/// it was.
pub fn join(manifest: &mut Manifest, rows: Rows, from: &str) -> Result<(), Vec<Problem>> {
    let problems: Vec<Problem> = taken(manifest, &rows).into_iter().chain(misplaced(manifest, &rows)).collect();
    if !problems.is_empty() {
        return Err(problems.into_iter().map(|Problem(p)| Problem(format!("{from}: {p}"))).collect());
    }
    manifest.servers.extend(rows.servers);
    manifest.servers.sort_by_key(|s| s.level);
    manifest.names.extend(rows.names);
    manifest.programs.extend(rows.programs);
    for more in rows.more {
        if let Some(server) = manifest.servers.iter_mut().find(|s| s.name == more.server) {
            server.needs.extend(more.needs);
        }
    }
    Ok(())
}

/// Names of the rows that the manifest has.
fn taken(manifest: &Manifest, rows: &Rows) -> Vec<Problem> {
    let there = names(&manifest.servers, &manifest.names, &manifest.programs);
    let new = names(&rows.servers, &rows.names, &rows.programs);
    let mut problems = Vec::new();
    for ((what, there), (_, new)) in there.into_iter().zip(new) {
        let mut there: BTreeSet<String> = there.iter().map(|name| name.to_ascii_lowercase()).collect();
        if what == "program" {
            there.insert(INIT_BINARY.into());
        }
        for name in new.iter().filter(|name| there.contains(&name.to_ascii_lowercase())) {
            problems.push(Problem(format!("the system has a {what} {name} already; take another name")));
        }
    }
    problems
}

/// What rows name, by what it is.
fn names(servers: &[Server], bindings: &[Binding], programs: &[Program]) -> [(&'static str, BTreeSet<String>); 4] {
    let services = servers.iter().flat_map(|s| s.provides.clone());
    let images = servers.iter().map(|s| s.image.clone());
    let binaries = servers.iter().map(Server::binary);
    [
        ("server", servers.iter().map(|s| s.name.clone()).collect()),
        ("name", services.chain(bindings.iter().map(|b| b.name.clone())).collect()),
        ("file", images.chain(programs.iter().flat_map(|p| p.images.clone())).collect()),
        ("program", binaries.chain(programs.iter().map(|p| p.binary.clone())).collect()),
    ]
}

/// `[[add]]` rows that cannot be added.
fn misplaced(manifest: &Manifest, rows: &Rows) -> Vec<Problem> {
    let mut problems = Vec::new();
    let all: Vec<&Server> = manifest.servers.iter().chain(&rows.servers).collect();
    for more in &rows.more {
        let Some(server) = all.iter().find(|s| s.name == more.server) else {
            let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
            let names = names.join(", ");
            problems.push(Problem(format!("[[add]]: there is no server {}; there are {names}", more.server)));
            continue;
        };
        for need in more.needs.iter().filter(|n| server.needs.iter().any(|s| s.name.eq_ignore_ascii_case(&n.name))) {
            problems.push(Problem(format!("[[add]]: server {} needs {} already", server.name, need.name)));
        }
    }
    problems
}
