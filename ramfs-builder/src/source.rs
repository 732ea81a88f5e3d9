//! Reading the manifest's TOML. Unknown keys and values are refused with their line.

use crate::Problem;
use crate::join::{FILE, Rows, join};
use archive::manifest::Manifest;
use std::path::Path;

/// Reads and parses a manifest file; servers come out in the order of start.
///
/// # Errors
/// That it cannot be read, or what in it cannot be understood, with the line.
pub fn read(path: &Path) -> Result<Manifest, Problem> {
    let text = std::fs::read_to_string(path).map_err(|e| Problem(format!("{}: {e}", path.display())))?;
    parse(&text).map_err(|Problem(p)| Problem(format!("{}: {p}", path.display())))
}

/// Reads a manifest file and joins the rows of other folders to it, one after the other.
///
/// # Errors
/// What cannot be read or understood, or all that a folder's rows collide with.
pub fn joined(path: &Path, with: &[impl AsRef<Path>]) -> Result<Manifest, Vec<Problem>> {
    let mut manifest = read(path).map_err(|p| vec![p])?;
    for folder in with {
        let folder = folder.as_ref();
        let rows = Rows::read(folder).map_err(|p| vec![p])?;
        join(&mut manifest, rows, &folder.join(FILE).display().to_string())?;
    }
    Ok(manifest)
}

/// Parses a manifest.
///
/// # Errors
/// What cannot be understood, with the line.
pub fn parse(text: &str) -> Result<Manifest, Problem> {
    let mut manifest: Manifest = toml::from_str(text).map_err(|e| Problem(e.to_string().trim_end().to_string()))?;
    manifest.servers.sort_by_key(|s| s.level);
    Ok(manifest)
}
