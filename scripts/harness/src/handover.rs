//! Files for QEMU that live as long as a run: what fw_cfg hands to the guest, and the socket of the records.

use crate::Failure;
use crate::options::Put;
use archive::files::File;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// All files given to a guest together, at most: 64 MiB.
const MAX_FILES: u64 = 64 << 20;

/// A temporary folder, gone when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Makes a folder.
    ///
    /// # Errors
    /// The host's temporary folder cannot be written.
    pub fn new() -> Result<Self, Failure> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let unique = format!("viaether-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let folder = std::env::temp_dir().join(unique);
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self { folder }),
                // Left behind by a process of the same number, or somebody else's.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Failure::new(format!("{}: {e}", folder.display()))),
            }
        }
    }

    /// Where a file of it is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What the guest is told besides the system itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handover<'a> {
    /// `key=value` lines.
    pub options: Vec<(&'static str, String)>,
    /// The script of `--exec`.
    pub exec: Option<&'a str>,
    /// The files of `--put`.
    pub puts: &'a [Put],
}

impl Handover<'_> {
    /// Writes it as fw_cfg entries: name and file.
    ///
    /// # Errors
    /// [`Failure::usage`] for a file that cannot be handed over.
    pub fn write(&self, scratch: &Scratch) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
        let lines: String = self.options.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let mut entries = vec![("opt/viaether/options", scratch.write("options", lines.as_bytes())?)];
        if let Some(text) = self.exec {
            entries.push(("opt/viaether/exec", scratch.write("exec", text.as_bytes())?));
        }
        if !self.puts.is_empty() {
            entries.push(("opt/viaether/files", scratch.write("files", &pack(self.puts)?)?));
        }
        Ok(entries)
    }
}

fn pack(puts: &[Put]) -> Result<Vec<u8>, Failure> {
    let contents: Vec<Vec<u8>> = puts.iter().map(|p| read(&p.path)).collect::<Result<_, _>>()?;
    if contents.iter().map(|c| c.len() as u64).sum::<u64>() > MAX_FILES {
        return Err(Failure::usage("--put: more than 64 MiB in all"));
    }
    let files: Vec<File<'_>> = puts.iter().zip(&contents).map(|(p, bytes)| File { name: &p.name, bytes }).collect();
    archive::files::write(&files).map_err(|e| Failure::usage(format!("--put: the files cannot be packed: {e}")))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| Failure::usage(format!("--put {}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use archive::files::Files;

    #[test]
    fn options_script_and_files_become_three_entries() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.write("ca.pem", b"certificate").unwrap();
        let puts = [Put { path: path.clone(), name: "ca.pem".into() }, Put { path, name: "b/copy".into() }];
        let options = vec![("hostport", "8080".to_string()), ("exec", "1".to_string())];
        let entries = Handover { options, exec: Some("version"), puts: &puts }.write(&scratch).unwrap();
        let content = |i: usize| fs::read(&entries[i].1).unwrap();
        assert_eq!(content(0), b"hostport=8080\nexec=1\n");
        assert_eq!(content(1), b"version");
        let files = content(2);
        let names: Vec<_> = Files::parse(&files).unwrap().iter().map(|f| (f.name, f.bytes)).collect();
        assert_eq!(names, [("ca.pem", &b"certificate"[..]), ("b/copy", b"certificate")]);
        assert_eq!(entries.iter().map(|e| e.0).collect::<Vec<_>>().len(), 3, "fw_cfg has few slots");
    }

    #[test]
    fn a_missing_file_is_named_and_nothing_is_left_behind() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.folder.clone();
        let puts = [Put { path: "/nonexistent/x".into(), name: "x".into() }];
        let failure = Handover { puts: &puts, ..Handover::default() }.write(&scratch).unwrap_err();
        assert_eq!(failure.status, 2);
        assert!(failure.message.contains("/nonexistent/x"));
        drop(scratch);
        assert!(!folder.exists());
    }
}
