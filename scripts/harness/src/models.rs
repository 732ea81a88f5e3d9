//! The files of the boot archive that are made: models from their ONNX sources, and the data their self-test needs.
//!
//! ```text
//! servers/aid/models/digits_mlp.onnx --mkmodel--> models/digits.waymodel
//!                    digits_mlp.logits ---------> models/digits.logits      (what ONNX Runtime says of every picture)
//!                    digits.samples ------------> models/digits.samples
//!                    samples/*.pgm -------------> samples/*.pgm
//! ```
//!
//! Converting proves a model with the loader and the known answers, so it is done again only when an input changed: a
//! stamp beside the files holds the inputs' digest.

use crate::Failure;
use crate::project::Project;
use mkmodel::Options;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use waymodel::manifest::{Kind, Pre};

/// Registered name and source's stem.
const MODELS: [(&str, &str); 2] = [("digits", "digits_mlp"), ("digits-cnn", "digits_cnn")];
/// Counted up when conversion gives other bytes for the same input.
const CONVERTER: u32 = 1;

/// Makes what is missing or old; returns the folder, whose paths are those in the archive.
///
/// # Errors
/// A source that cannot be read or converted.
pub fn files(project: &Project) -> Result<PathBuf, Failure> {
    let from = project.root.join("servers/aid/models");
    let folder = project.target.join("system/files");
    let stamp = project.target.join("system/files.stamp");
    let inputs = Inputs::read(&from)?;
    let digest = format!("{:016x}\n", inputs.digest());
    if fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(folder);
    }
    if folder.is_dir() {
        fs::remove_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
    }
    for (name, bytes) in inputs.outputs()? {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(|e| failed(&path, &e))?;
    }
    fs::write(&stamp, digest).map_err(|e| failed(&stamp, &e))?;
    Ok(folder)
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {why}", path.display()))
}

/// All inputs by name, in the order of their names.
struct Inputs(Vec<(String, Vec<u8>)>);

impl Inputs {
    fn read(folder: &Path) -> Result<Inputs, Failure> {
        let mut all = Vec::new();
        for (within, keep) in [("", [".onnx", ".logits", ".samples", "NOTICE"].as_slice()), ("samples/", &[".pgm"])] {
            let folder = folder.join(within);
            for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, &e))? {
                let path = entry.map_err(|e| failed(&folder, &e))?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if keep.iter().any(|end| name.ends_with(end)) {
                    all.push((format!("{within}{name}"), fs::read(&path).map_err(|e| failed(&path, &e))?));
                }
            }
        }
        all.sort();
        Ok(Inputs(all))
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (CONVERTER, MODELS, &self.0).hash(&mut hasher);
        hasher.finish()
    }

    fn get(&self, name: &str) -> Result<&[u8], Failure> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, bytes)| &bytes[..]).ok_or_else(|| Failure::new(format!("servers/aid/models/{name} is missing")))
    }

    /// What goes into the archive, by path.
    fn outputs(&self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let mut all = vec![
            ("models/digits.samples".to_string(), self.get("digits.samples")?.to_vec()),
            ("models/NOTICE".to_string(), self.get("NOTICE")?.to_vec()),
        ];
        for (name, source) in MODELS {
            let file = format!("{source}.onnx");
            let model = mkmodel::convert(self.get(&file)?, &self.options(name, &file)?)
                .map_err(|problems| Failure::new(format!("servers/aid/models/{file}: {problems}")))?;
            all.push((format!("models/{name}.waymodel"), model));
            all.push((format!("models/{name}.logits"), self.get(&format!("{source}.logits"))?.to_vec()));
        }
        all.extend(self.0.iter().filter(|(name, _)| name.ends_with(".pgm")).cloned());
        Ok(all)
    }

    fn options(&self, name: &str, source: &str) -> Result<Options, Failure> {
        Ok(Options {
            name: name.into(),
            kind: Kind::Classify,
            pre: Pre::Image { width: 8, height: 8, channels: 1, scale: 1.0, bias: 0.0, invert: false },
            licence: "MIT OR Apache-2.0".into(),
            notice: String::from_utf8_lossy(self.get("NOTICE")?).into_owned(),
            source: source.into(),
            ..Options::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_gets_models_that_load_and_pictures_that_they_take() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let inputs = Inputs::read(&root.join("servers/aid/models")).unwrap();
        let outputs = inputs.outputs().unwrap();
        for (name, _) in MODELS {
            let path = format!("models/{name}.waymodel");
            let (_, file) = outputs.iter().find(|(known, _)| *known == path).unwrap();
            assert_eq!(waymodel::Model::load(file).unwrap().manifest().name, name);
        }
        let (_, seven) = outputs.iter().find(|(name, _)| name == "samples/seven.pgm").unwrap();
        assert_eq!(waymodel::pgm::Picture::parse(seven).unwrap().width, 8);
    }
}
