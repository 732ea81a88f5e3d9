//! The options of `scripts/run`. Parsing is pure: it opens no file and takes no port.

use crate::Failure;
use crate::arch::Arch;
use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What `--help` prints; it fits a screen.
pub const USAGE: &str = "\
usage: scripts/run [OPTION]...
Builds the system and boots it in QEMU. With no option: this machine's processor, interactive, network on, a port of
the host (8080 or the next free one) to the web server.

  --arch ARCH           aarch64 or x86_64
  --exec \"COMMANDS\"     run the commands as a script, power off, exit with the code of the one that failed or the last:
                        0 OK, 5 WARN, 10 ERROR, 20 FAIL; 124 time-out, 1 it did not come up or went down, 2 usage
  --with FOLDER         build the packages of FOLDER too and add the rows of its manifest.toml (any number of times)
  --put FILE[=NAME]     hand a file to the guest as RAM:NAME (any number of times)
  --timeout S           give up after S seconds (300 with --exec, else never)
  --quiet               no progress, no log
  --smp N   --mem MIB   cores (1) and memory (256)
  --net MODE            user (default), tap=IFACE or none
  --forward HOST:GUEST  forward a TCP port of the host's loopback (any number of times)
  --pcap FILE           write what the network card sends and receives
  --disk FILE           not yet
  --gui                 a window with a screen and a keyboard
  --gdb                 wait for GDB (scripts/debug starts one)
  --icount              count guest instructions: a virtual nanosecond is an instruction
  --cpu NAME            QEMU's processor model (max)
  --media MEDIUM        boot an image as scripts/image makes it, by firmware: cd or usb
  --firmware NAME       bios (x86_64's) or uefi, for --media
  --machine OPTIONS     options for QEMU's machine: gic-version=2, virtualization=on; or another one: pc
  --qemu \"ARGUMENTS\"    further arguments for QEMU, which blanks separate
  --release   --debug   how it is built (release)
  --help                this text

To leave an interactive run: Ctrl-] then x. Ctrl-C goes to the guest.";

/// The longest script that `--exec` takes, in bytes.
const MAX_EXEC: usize = 64 * 1024;

/// How the guest's network card is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Net {
    /// QEMU's user-mode network.
    User,
    /// A TAP interface of the host.
    Tap(String),
    /// There is no card.
    None,
}

/// What an image is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A CD in a drive.
    Cd,
    /// A USB stick.
    Usb,
}

/// What boots an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// EDK II.
    Uefi,
}

/// A TCP port of the host's loopback that leads to one of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The host's port.
    pub host: u16,
    /// The guest's port.
    pub guest: u16,
}

/// A file of the host and its name in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below `RAM:`.
    pub name: String,
}

/// How programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Optimised.
    Release,
    /// With all checks.
    Debug,
}

/// Everything `scripts/run` can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of the command line
pub struct Options {
    /// `--arch`
    pub arch: Arch,
    /// `--smp`
    pub smp: u32,
    /// `--mem`, MiB
    pub mem: u32,
    /// `--forward`
    pub forwards: Vec<Forward>,
    /// `--net`
    pub net: Net,
    /// `--pcap`
    pub pcap: Option<PathBuf>,
    /// `--with`
    pub with: Vec<PathBuf>,
    /// `--put`
    pub puts: Vec<Put>,
    /// `--gui`
    pub gui: bool,
    /// `--gdb`
    pub gdb: bool,
    /// `--icount`
    pub icount: bool,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--release`, `--debug`
    pub profile: Profile,
    /// `--quiet`
    pub quiet: bool,
    /// `--exec`
    pub exec: Option<String>,
    /// `--cpu`
    pub cpu: Option<String>,
    /// `--machine`
    pub machine: Option<String>,
    /// `--qemu`
    pub qemu: Vec<String>,
    /// `--media`; `None`: QEMU loads the kernel itself
    pub media: Option<Medium>,
    /// `--firmware`
    pub firmware: Option<Firmware>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            arch: Arch::host(),
            smp: 1,
            mem: 256,
            forwards: Vec::new(),
            net: Net::User,
            pcap: None,
            with: Vec::new(),
            puts: Vec::new(),
            gui: false,
            gdb: false,
            icount: false,
            timeout: None,
            profile: Profile::Release,
            quiet: false,
            exec: None,
            cpu: None,
            machine: None,
            qemu: Vec::new(),
            media: None,
            firmware: None,
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A run.
    Run(Box<Options>),
    /// The help text.
    Help,
}

/// Parses the arguments after the command's name.
///
/// # Errors
/// [`Failure::usage`]: what was not understood, and what would be right.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Request, Failure> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("arch") => options.arch = arch(&text(&mut parser)?)?,
            Long("smp") => options.smp = number(&mut parser, "--smp", 1, 64)?,
            Long("mem") => options.mem = number(&mut parser, "--mem", 16, 16384)?,
            Long("timeout") => {
                options.timeout = Some(Duration::from_secs(number(&mut parser, "--timeout", 1, 86400)?.into()));
            }
            Long("forward") => options.forwards.push(forward(&text(&mut parser)?)?),
            Long("net") => options.net = net(&text(&mut parser)?)?,
            Long("pcap") => options.pcap = Some(parser.value().map_err(usage)?.into()),
            Long("with") => options.with.push(parser.value().map_err(usage)?.into()),
            Long("put") => options.puts.push(put(&text(&mut parser)?)?),
            Long("exec") => options.exec = Some(exec(text(&mut parser)?)?),
            Long("cpu") => options.cpu = Some(text(&mut parser)?),
            Long("machine") => options.machine = Some(text(&mut parser)?),
            Long("qemu") => options.qemu.extend(text(&mut parser)?.split_whitespace().map(str::to_string)),
            Long("media") => options.media = Some(medium(&text(&mut parser)?)?),
            Long("firmware") => options.firmware = Some(firmware(&text(&mut parser)?)?),
            Long("disk") => return Err(Failure::usage("--disk: not yet; there are no disks so far")),
            Long("gui") => options.gui = true,
            Long("gdb") => options.gdb = true,
            Long("icount") => options.icount = true,
            Long("quiet") => options.quiet = true,
            Long("release") => options.profile = Profile::Release,
            Long("debug") => options.profile = Profile::Debug,
            Long("help") | Short('h') => return Ok(Request::Help),
            _ => return Err(usage(arg.unexpected())),
        }
    }
    check(&options)?;
    Ok(Request::Run(Box::new(options)))
}

/// What does not go together.
fn check(options: &Options) -> Result<(), Failure> {
    if options.firmware.is_some() && options.media.is_none() {
        return Err(Failure::usage("--firmware: without firmware QEMU loads the kernel; give --media cd or usb too"));
    }
    if options.firmware == Some(Firmware::Bios) && options.arch == Arch::Aarch64 {
        return Err(Failure::usage("--firmware bios: aarch64 has UEFI alone"));
    }
    if options.net == Net::None && options.pcap.is_some() {
        return Err(Failure::usage("--pcap: with --net none there is no card"));
    }
    if options.net != Net::User && !options.forwards.is_empty() {
        return Err(Failure::usage("--forward: for --net user alone"));
    }
    without_media(options)
}

/// GDB is not for images.
///
/// # Errors
/// [`Failure::usage`] if both are asked for.
pub fn without_media(options: &Options) -> Result<(), Failure> {
    if options.media.is_some() && options.gdb {
        return Err(Failure::usage("GDB: not with --media; firmware and boot loader would be stopped in first"));
    }
    Ok(())
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::usage(error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, Failure> {
    parser.value().and_then(|v| v.string()).map_err(usage)
}

fn number(parser: &mut lexopt::Parser, option: &str, least: u32, most: u32) -> Result<u32, Failure> {
    let value = text(parser)?;
    match value.parse() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(Failure::usage(format!("{option} {value}: give a number from {least} to {most}"))),
    }
}

/// A processor by its name.
///
/// # Errors
/// [`Failure::usage`] for another word.
pub fn arch(name: &str) -> Result<Arch, Failure> {
    Arch::from_name(name).ok_or_else(|| Failure::usage(format!("--arch {name}: give aarch64 or x86_64")))
}

fn medium(value: &str) -> Result<Medium, Failure> {
    match value {
        "cd" => Ok(Medium::Cd),
        "usb" => Ok(Medium::Usb),
        _ => Err(Failure::usage(format!("--media {value}: give cd or usb"))),
    }
}

fn firmware(value: &str) -> Result<Firmware, Failure> {
    match value {
        "bios" => Ok(Firmware::Bios),
        "uefi" => Ok(Firmware::Uefi),
        _ => Err(Failure::usage(format!("--firmware {value}: give bios or uefi"))),
    }
}

fn forward(value: &str) -> Result<Forward, Failure> {
    let ports = value.split_once(':').and_then(|(h, g)| Some((h.parse().ok()?, g.parse().ok()?)));
    match ports {
        Some((host, guest)) if host != 0 && guest != 0 => Ok(Forward { host, guest }),
        _ => Err(Failure::usage(format!("--forward {value}: give two ports, such as 2222:22"))),
    }
}

fn net(value: &str) -> Result<Net, Failure> {
    match value {
        "user" => Ok(Net::User),
        "none" => Ok(Net::None),
        _ => match value.strip_prefix("tap=") {
            Some(name) if !name.is_empty() && !name.contains(',') => Ok(Net::Tap(name.to_string())),
            _ => Err(Failure::usage(format!("--net {value}: give user, tap=IFACE or none"))),
        },
    }
}

fn put(value: &str) -> Result<Put, Failure> {
    let (path, name) = match value.rsplit_once('=') {
        Some((path, name)) => (PathBuf::from(path), name.to_string()),
        None => {
            let path = PathBuf::from(value);
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            (path, name)
        }
    };
    if archive::name::check(&name) {
        Ok(Put { path, name })
    } else {
        Err(Failure::usage(format!("--put {value}: \"{name}\" is no name below RAM:; give FILE=NAME")))
    }
}

fn exec(text: String) -> Result<String, Failure> {
    if text.len() > MAX_EXEC {
        return Err(Failure::usage("--exec: more than 64 KiB; hand a script over by --put and EXECUTE it"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        match parse(args) {
            Ok(Request::Run(options)) => *options,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn with_no_option_it_is_an_ordinary_interactive_run() {
        let options = options(&[]);
        assert_eq!(options, Options::default());
        assert_eq!((options.exec, options.timeout, options.net), (None, None, Net::User));
    }

    #[test]
    fn every_option_is_understood() {
        let o = options(&[
            "--arch=aarch64",
            "--smp",
            "4",
            "--mem",
            "64",
            "--forward",
            "2222:22",
            "--net",
            "user",
            "--pcap",
            "a.pcap",
            "--with",
            "docs/examples/tally",
            "--put",
            "dir/ca.pem",
            "--put=x=y.txt",
            "--gui",
            "--gdb",
            "--icount",
            "--timeout",
            "20",
            "--debug",
            "--quiet",
            "--exec",
            "version; avail",
            "--cpu",
            "cortex-a72",
            "--machine",
            "gic-version=2",
        ]);
        assert_eq!((o.arch, o.smp, o.mem), (Arch::Aarch64, 4, 64));
        assert_eq!(o.forwards, [Forward { host: 2222, guest: 22 }]);
        assert_eq!(o.net, Net::User);
        assert_eq!(options(&["--net", "tap=tap0"]).net, Net::Tap("tap0".into()));
        assert_eq!(o.with, [PathBuf::from("docs/examples/tally")]);
        let put = |path: &str, name: &str| Put { path: path.into(), name: name.into() };
        assert_eq!(o.puts, [put("dir/ca.pem", "ca.pem"), put("x", "y.txt")]);
        assert!(o.gui && o.gdb && o.icount && o.quiet);
        assert_eq!((o.timeout, o.profile), (Some(Duration::from_secs(20)), Profile::Debug));
        assert_eq!(o.exec.as_deref(), Some("version; avail"));
        let image = options(&["--media=usb", "--firmware", "uefi", "--qemu", "-dtb x.dtb"]);
        assert_eq!(image.qemu, ["-dtb", "x.dtb"]);
        assert_eq!((image.media, image.firmware), (Some(Medium::Usb), Some(Firmware::Uefi)));
        assert_eq!((o.cpu.as_deref(), o.machine.as_deref()), (Some("cortex-a72"), Some("gic-version=2")));
    }

    #[test]
    fn mistakes_are_usage_errors_that_name_the_option() {
        for (args, said) in [
            (vec!["--frobnicate"], "--frobnicate"),
            (vec!["stray"], "stray"),
            (vec!["--arch", "riscv"], "aarch64 or x86_64"),
            (vec!["--smp", "0"], "--smp 0"),
            (vec!["--mem"], "--mem"),
            (vec!["--forward", "22"], "two ports"),
            (vec!["--net", "bridge"], "user, tap=IFACE or none"),
            (vec!["--put", ".."], "no name below RAM:"),
            (vec!["--disk", "x.img"], "not yet"),
            (vec!["--timeout", "soon"], "--timeout soon"),
            (vec!["--media", "floppy"], "cd or usb"),
            (vec!["--media", "cd", "--firmware", "u-boot"], "bios or uefi"),
            (vec!["--firmware", "uefi"], "--media"),
            (vec!["--media", "cd", "--firmware", "bios", "--arch", "aarch64"], "UEFI alone"),
            (vec!["--media", "cd", "--gdb"], "not with --media"),
            (vec!["--net", "none", "--pcap", "a.pcap"], "no card"),
            (vec!["--net", "tap=tap0", "--forward", "2222:22"], "--net user"),
        ] {
            let failure = parse(&args).unwrap_err();
            assert_eq!(failure.status, 2, "{args:?}");
            assert!(failure.message.contains(said), "{args:?}: {failure}");
        }
        assert_eq!(parse(["--help"]), Ok(Request::Help));
    }

    #[test]
    fn the_help_fits_a_screen() {
        assert!(USAGE.lines().count() <= 35);
        assert!(USAGE.lines().all(|l| l.len() <= 120));
    }
}
