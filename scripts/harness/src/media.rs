//! Images that firmware boots: one file that serves as a CD and as a USB stick.
//!
//! ```text
//! x86_64   ISO 9660 ── /viaether/{kernel,archive.img}, /boot/grub/grub.cfg        BIOS, CD    El Torito: GRUB
//!             └── FAT: EFI/BOOT/BOOTX64.EFI = GRUB                                BIOS, stick MBR: GRUB
//! aarch64  ISO 9660 ── README                                                     UEFI        the FAT, by El Torito or MBR
//!             └── FAT: EFI/BOOT/BOOTAA64.EFI = our loader, VIAETHER/{KERNEL,ARCHIVE.IMG}
//! ```
//!
//! GRUB's own `grub-mkrescue` writes the time into the image, which would make each a different one. So the steps that it takes are
//! done here, with one date for everything: the same system gives the same bytes.

use crate::arch::Arch;
use crate::build::{self, System};
use crate::handover::Scratch;
use crate::project::Project;
use crate::step::Steps;
use crate::{Failure, install};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// GRUB's files, as Debian has them.
const GRUB: &str = "/usr/lib/grub";
/// The date of everything: 2026-01-01, for mtools, GRUB and xorriso.
const DATE: &str = "1767225600";
/// The same as xorriso writes volume dates.
const VOLUME_DATE: &str = "2026010100000000";
/// Size of the FAT that holds GRUB, and what the one with the system needs beyond it, in KiB.
const GRUB_FAT: u64 = 4096;
const FAT_SPARE: u64 = 2048;

/// What GRUB does first: finds the volume, and goes on with its configuration there.
const FIRST_COMMANDS: &str = "search --no-floppy --set=root --file /viaether/kernel\n\
    set prefix=($root)/boot/grub\n\
    configfile /boot/grub/grub.cfg\n";
/// The menu, which Esc shows within a second. GRUB talks at the serial port too, if there is one.
const MENU: &str = "\
set timeout=1
set timeout_style=hidden
if serial --unit=0 --speed=115200; then
  terminal_input --append serial
  terminal_output --append serial
fi
menuentry \"Viaether\" {
  multiboot2 /viaether/kernel log=error
  module2 /viaether/archive.img
}
menuentry \"Viaether, with its whole log\" {
  multiboot2 /viaether/kernel
  module2 /viaether/archive.img
}
";
/// What GRUB needs for that.
const MODULES: &[&str] = &[
    "normal",
    "configfile",
    "search",
    "search_fs_file",
    "iso9660",
    "fat",
    "part_msdos",
    "multiboot2",
    "serial",
    "terminal",
    "test",
    "all_video",
];
const README: &str = "Viaether for aarch64: UEFI boots it from the FAT partition of this medium.\n";

/// Makes sure that what makes images is there.
///
/// # Errors
/// As [`install::programs`].
pub fn install(arch: Arch, steps: &Steps) -> Result<(), Failure> {
    let common: [(&str, &[&str]); 2] = [("xorriso", &["xorriso"]), ("mformat", &["mtools"])];
    install::programs(&common, steps)?;
    match arch {
        Arch::X86_64 => install::programs(
            &[
                ("grub-mkimage", &["grub-common"]),
                ("/usr/lib/grub/i386-pc/boot_hybrid.img", &["grub-pc-bin"]),
                ("/usr/lib/grub/x86_64-efi/moddep.lst", &["grub-efi-amd64-bin"]),
            ],
            steps,
        ),
        Arch::Aarch64 => install::loader(steps),
    }
}

/// Makes the image of a built system, beside it; returns where.
///
/// # Errors
/// What could not be made.
pub fn build(project: &Project, system: &System, arch: Arch, steps: &Steps) -> Result<PathBuf, Failure> {
    let to = system.archive.with_extension("iso");
    let loader = match arch {
        Arch::X86_64 => None,
        Arch::Aarch64 => Some(steps.step("the UEFI loader", || build::loader(project, steps))?),
    };
    let sources = [Some(&system.kernel), Some(&system.archive), loader.as_ref()];
    let program = std::env::current_exe().ok();
    if is_newer(&to, sources.into_iter().flatten().chain(&program)) {
        return Ok(to);
    }
    steps.step("the image", || {
        let scratch = Scratch::new()?;
        match loader {
            None => with_grub(system, &scratch, &to),
            Some(loader) => with_loader(system, &loader, &scratch, &to),
        }
    })?;
    Ok(to)
}

fn is_newer<'a>(file: &Path, mut than: impl Iterator<Item = &'a PathBuf>) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    age(file).is_some_and(|own| than.all(|other| age(other).is_some_and(|other| other < own)))
}

/// x86_64: GRUB twice, for BIOS and UEFI.
fn with_grub(system: &System, scratch: &Scratch, to: &Path) -> Result<(), Failure> {
    let commands = scratch.write("first.cfg", FIRST_COMMANDS.as_bytes())?;
    let (bios, efi) = (scratch.path("bios.img"), scratch.path("bootx64.efi"));
    for (format, output, own) in [("i386-pc-eltorito", &bios, &["biosdisk"][..]), ("x86_64-efi", &efi, &[])] {
        let mut grub = Command::new("grub-mkimage");
        grub.args(["-O", format, "-p", "/boot/grub", "-c"]).arg(&commands).arg("-o").arg(output);
        done(grub.args(MODULES).args(own), "grub-mkimage")?;
    }
    let fat = scratch.path("efi.img");
    make_fat(&fat, GRUB_FAT, &[(&efi, "EFI/BOOT/BOOTX64.EFI")])?;
    let menu = scratch.write("grub.cfg", MENU.as_bytes())?;
    let files = [(&menu, "/boot/grub/grub.cfg"), (&bios, "/boot/grub/bios.img")];
    let files =
        files.into_iter().chain([(&system.kernel, "/viaether/kernel"), (&system.archive, "/viaether/archive.img")]);
    let hybrid = format!("{GRUB}/i386-pc/boot_hybrid.img");
    let bios = ["-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
    let more = ["--grub2-boot-info", "--grub2-mbr", &hybrid, "-eltorito-alt-boot"];
    make_iso(to, &fat, files, &[&bios[..], &more].concat())
}

/// aarch64: the FAT alone is what is booted.
fn with_loader(system: &System, loader: &Path, scratch: &Scratch, to: &Path) -> Result<(), Failure> {
    let files = [
        (loader, "EFI/BOOT/BOOTAA64.EFI"),
        (&system.kernel, "VIAETHER/KERNEL"),
        (&system.archive, "VIAETHER/ARCHIVE.IMG"),
    ];
    let size = |path: &Path| fs::metadata(path).map(|data| data.len()).unwrap_or(0);
    let command_line = scratch.write("cmdline", b"log=error\n")?;
    let files = files.into_iter().chain([(command_line.as_path(), "VIAETHER/CMDLINE.TXT")]).collect::<Vec<_>>();
    let fat = scratch.path("efi.img");
    let used: u64 = files.iter().map(|(file, _)| size(file).div_ceil(1024)).sum();
    make_fat(&fat, (used + FAT_SPARE).next_multiple_of(1024), &files)?;
    let readme = scratch.write("readme", README.as_bytes())?;
    make_iso(to, &fat, [(&readme, "/README")].into_iter(), &[])
}

/// A FAT file system of so many KiB, with these files.
fn make_fat(to: &Path, kib: u64, files: &[(&(impl AsRef<Path> + ?Sized), &str)]) -> Result<(), Failure> {
    let sectors = (kib * 2).to_string();
    let mut format = Command::new("mformat");
    format
        .arg("-C")
        .arg("-i")
        .arg(to)
        .args(["-T", &sectors, "-h", "2", "-s", "32", "-N", "56494145", "-v", "VIAETHER", "::"]);
    done(&mut format, "mformat")?;
    let mut made: Vec<&str> = Vec::new();
    for (file, name) in files {
        let folders = name.match_indices('/').map(|(end, _)| &name[..end]);
        for folder in folders {
            if !made.contains(&folder) {
                done(Command::new("mmd").arg("-i").arg(to).arg(format!("::{folder}")), "mmd")?;
                made.push(folder);
            }
        }
        done(Command::new("mcopy").arg("-i").arg(to).arg(file.as_ref()).arg(format!("::{name}")), "mcopy")?;
    }
    Ok(())
}

/// An ISO 9660 volume with these files and with the FAT as its EFI system partition; `boot` are the options before that.
fn make_iso<'a>(
    to: &Path,
    fat: &Path,
    files: impl Iterator<Item = (&'a PathBuf, &'a str)>,
    boot: &[&str],
) -> Result<(), Failure> {
    let beside = to.with_extension(format!("new{}", std::process::id()));
    let mut iso = Command::new("xorriso");
    iso.args(["-as", "mkisofs", "-quiet", "-graft-points", "-R", "-V", "VIAETHER"]);
    iso.arg(format!("--modification-date={VOLUME_DATE}")).args(["--set_all_file_dates", VOLUME_DATE]).args(boot);
    iso.args(["-append_partition", "2", "0xef"]).arg(fat);
    iso.args(["-e", "--interval:appended_partition_2:all::", "-no-emul-boot", "-o"]).arg(&beside);
    for (file, name) in files {
        iso.arg(format!("{name}={}", file.display()));
    }
    done(&mut iso, "xorriso")?;
    fs::rename(&beside, to).map_err(|e| Failure::new(format!("{}: {e}", to.display())))
}

/// Runs a program whose output matters only if it fails.
fn done(command: &mut Command, name: &str) -> Result<(), Failure> {
    command.env("SOURCE_DATE_EPOCH", DATE).env("TZ", "UTC").stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Failure::new(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))),
        Err(e) => Err(Failure::new(format!("{name}: {e}"))),
    }
}
