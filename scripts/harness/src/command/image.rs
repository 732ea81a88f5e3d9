//! `scripts/image`: the system as a file that firmware boots.

use crate::arch::Arch;
use crate::options::Profile;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, build, install, media};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/image [OPTION]...
Builds the system and makes an image of it, to be written to a CD or, as it is, to a USB stick:
x86_64 for BIOS and UEFI, by GRUB; aarch64 for UEFI. scripts/run --media boots one in QEMU.

  --arch ARCH           aarch64 or x86_64 (this machine's)
  --output FILE         where it goes (viaether-ARCH.iso)
  --release   --debug   how it is built (release)
  --help                this text";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    arch: Arch,
    output: Option<PathBuf>,
    profile: Profile,
}

/// Runs the command; returns the exit status.
///
/// # Errors
/// What it could not do.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<u8, Failure> {
    let Some(options) = parse(args)? else {
        println!("{USAGE}");
        return Ok(0);
    };
    let (arch, profile) = (options.arch, options.profile);
    let output = options.output.unwrap_or_else(|| format!("viaether-{}.iso", arch.name()).into());
    let steps = Steps::new(Say::Steps);
    let project = Project::find()?;
    install::rust(arch, &steps)?;
    media::install(arch, &steps)?;
    let system = build::system(&project, arch, profile, &[], &steps)?;
    let made = media::build(&project, &system, arch, &steps)?;
    let bytes = fs::copy(&made, &output).map_err(|e| Failure::new(format!("{}: {e}", output.display())))?;
    println!("{}: {} MiB", output.display(), bytes >> 20);
    Ok(0)
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, Failure> {
    let mut options = Options { arch: Arch::host(), output: None, profile: Profile::Release };
    let mut parser = lexopt::Parser::from_args(args);
    let usage = |e: lexopt::Error| Failure::usage(e.to_string());
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("arch") => {
                options.arch = crate::options::arch(&parser.value().and_then(|v| v.string()).map_err(usage)?)?;
            }
            Long("output") => options.output = Some(parser.value().map_err(usage)?.into()),
            Long("release") => options.profile = Profile::Release,
            Long("debug") => options.profile = Profile::Debug,
            Long("help") | Short('h') => return Ok(None),
            _ => return Err(usage(arg.unexpected())),
        }
    }
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let parse = |args: &[&str]| parse(args.iter().map(OsString::from));
        let expected = Options { arch: Arch::Aarch64, output: Some("stick.iso".into()), profile: Profile::Release };
        assert_eq!(parse(&["--arch", "aarch64", "--output", "stick.iso"]), Ok(Some(expected)));
        assert_eq!(parse(&["--help"]), Ok(None));
        assert_eq!(parse(&["--arch", "riscv"]).unwrap_err().status, 2);
        assert_eq!(parse(&["stray"]).unwrap_err().status, 2);
    }
}
