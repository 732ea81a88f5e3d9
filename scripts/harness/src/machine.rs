//! QEMU's command line for a machine. A pure function, so that both machines' lines are tested.
//!
//! PCI devices stand in slots 2 and up, one each: on aarch64 `virt` the interrupt line is the slot modulo 4, and a line has
//! one driver; on x86_64 `pc` slot 1 is taken.

use crate::arch::Arch;
use crate::options::{Firmware, Forward, Medium, Net};
use std::path::{Path, PathBuf};

/// The guest's port of the web server.
pub const HTTP: u16 = 80;

/// What stands behind the guest's UART.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uart {
    /// The terminal of whoever started us; Ctrl-] is QEMU's key.
    Terminal,
    /// QEMU's stdout, which the harness reads.
    Captured,
    /// A new terminal of the host, which QEMU names on its stdout. What it shows goes to the end of this file as well.
    Own(PathBuf),
}

/// Where QEMU, stopped at the first instruction, waits for a debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gdb {
    /// A port of the host's loopback, to which GDB connects again and again until QEMU listens.
    Port(u16),
    /// A socket that nobody else can listen on.
    Socket(PathBuf),
}

impl Gdb {
    /// What GDB's `target remote` takes.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Port(port) => format!("127.0.0.1:{port}"),
            Self::Socket(path) => path.display().to_string(),
        }
    }
}

/// How programs are run: freely, or counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Virtual time is real time.
    Free,
    /// A virtual nanosecond is an instruction.
    Instructions,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Nothing: the UART is the console.
    None,
    /// A window, and a keyboard in it.
    Window,
}

/// An image that firmware boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub file: PathBuf,
    /// What it is on.
    pub medium: Medium,
    /// What boots it.
    pub firmware: Firmware,
}

/// A machine to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its processor.
    pub arch: Arch,
    /// Model of the processor; `None`: max.
    pub cpu: Option<String>,
    /// Options for, or the name of, QEMU's machine.
    pub machine: Option<String>,
    /// Cores.
    pub smp: u32,
    /// MiB.
    pub mem: u32,
    /// The network card.
    pub net: Net,
    /// Ports forwarded to the guest; for [`Net::User`] only.
    pub forwards: Vec<Forward>,
    /// Where packets are written.
    pub pcap: Option<PathBuf>,
    /// How time goes.
    pub clock: Clock,
    /// Whether and where QEMU waits for a debugger.
    pub gdb: Option<Gdb>,
    /// Screen and keyboard.
    pub display: Display,
    /// The UART.
    pub uart: Uart,
    /// Socket that takes the records of `--exec`.
    pub records: Option<PathBuf>,
    /// An image that firmware boots, instead of kernel, command line and archive.
    pub image: Option<Image>,
    /// Kernel: ELF with a PVH note on x86_64, Linux image on aarch64.
    pub kernel: PathBuf,
    /// The kernel's command line.
    pub command_line: String,
    /// The boot archive.
    pub archive: PathBuf,
    /// fw_cfg entries: name and file.
    pub fw_cfg: Vec<(&'static str, PathBuf)>,
    /// Whatever else QEMU is told.
    pub more: Vec<String>,
}

impl Machine {
    /// The arguments for [`Arch::qemu`].
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut line = Line(Vec::new());
        line.pair("-M", self.model());
        line.pair("-cpu", self.processor());
        line.pair("-smp", self.smp);
        line.pair("-m", format!("{}M", self.mem));
        line.pair("-accel", "tcg");
        for flag in ["-nodefaults", "-no-reboot"] {
            line.word(flag);
        }
        if self.clock == Clock::Instructions {
            line.pair("-icount", "shift=0");
        }
        match &self.image {
            Some(image) => self.image(image, &mut line),
            None => {
                line.pair("-kernel", self.kernel.display());
                line.pair("-initrd", self.archive.display());
                if !self.command_line.is_empty() {
                    line.pair("-append", &self.command_line);
                }
            }
        }
        for (name, file) in &self.fw_cfg {
            line.pair("-fw_cfg", format!("name={name},file={}", path(file)));
        }
        self.uart(&mut line);
        self.network(&mut line);
        if let Some(socket) = &self.records {
            line.pair("-chardev", format!("socket,id=records,path={}", path(socket)));
            line.pair("-device", "virtio-serial-pci,id=serial,addr=0x3,max_ports=1,disable-legacy=on");
            line.pair("-device", "virtconsole,bus=serial.0,chardev=records");
        }
        line.pair("-device", "virtio-rng-pci,addr=0x4,disable-legacy=on");
        match self.display {
            Display::None => line.pair("-display", "none"),
            Display::Window => {
                line.pair("-display", "gtk");
                line.pair("-device", "ramfb");
                line.pair("-device", "virtio-keyboard-pci,addr=0x5,disable-legacy=on");
            }
        }
        if let Some(gdb) = &self.gdb {
            line.word("-S");
            let place = match gdb {
                Gdb::Port(_) => format!("tcp:{}", gdb.target()),
                Gdb::Socket(file) => format!("unix:{},server=on,wait=off", path(file)),
            };
            line.pair("-gdb", place);
        }
        line.0.extend(self.more.iter().cloned());
        line.0
    }

    /// `-M`: the extra options come after the base, unless they begin with another machine's name.
    fn model(&self) -> String {
        let extra = self.machine.as_deref().unwrap_or("");
        let first = extra.split(',').next().unwrap_or("");
        if !first.is_empty() && !first.contains('=') {
            return extra.to_string();
        }
        let base = match self.arch {
            Arch::X86_64 => "q35",
            Arch::Aarch64 if extra.contains("gic-version=") => "virt",
            Arch::Aarch64 => "virt,gic-version=3",
        };
        if extra.is_empty() { base.to_string() } else { format!("{base},{extra}") }
    }

    /// `-cpu`. Counted on x86_64, each iteration of a `rep` instruction is one: without fast string operations the count
    /// says what code does.
    fn processor(&self) -> String {
        match (&self.cpu, self.arch, self.clock) {
            (Some(cpu), ..) => cpu.clone(),
            (None, Arch::X86_64, Clock::Instructions) => "max,-erms,-fsrm".into(),
            (None, ..) => "max".into(),
        }
    }

    /// Firmware, and the drive. What the firmware remembers is forgotten with the run.
    fn image(&self, image: &Image, line: &mut Line) {
        if image.firmware == Firmware::Uefi {
            let [code, variables] = self.arch.uefi();
            line.pair("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"));
            line.pair("-drive", format!("if=pflash,unit=1,format=raw,snapshot=on,file={variables}"));
        }
        let kind = if image.medium == Medium::Cd { "cdrom" } else { "disk" };
        line.pair("-drive", format!("if=none,id=image,format=raw,media={kind},readonly=on,file={}", path(&image.file)));
        match (image.medium, self.arch) {
            (Medium::Cd, Arch::X86_64) => line.pair("-device", "ide-cd,drive=image,bootindex=0"),
            (Medium::Cd, Arch::Aarch64) => {
                line.pair("-device", "virtio-scsi-pci,id=scsi,addr=0x6,disable-legacy=on");
                line.pair("-device", "scsi-cd,bus=scsi.0,drive=image,bootindex=0");
            }
            (Medium::Usb, _) => {
                line.pair("-device", "qemu-xhci,id=usb,addr=0x6");
                line.pair("-device", "usb-storage,bus=usb.0,drive=image,bootindex=0");
            }
        }
    }

    fn uart(&self, line: &mut Line) {
        let device = match &self.uart {
            Uart::Terminal => {
                line.pair("-serial", "mon:stdio");
                line.pair("-echr", "0x1d");
                return;
            }
            Uart::Captured => "stdio,id=uart,signal=off".to_string(),
            Uart::Own(log) => format!("pty,id=uart,logfile={},logappend=on", path(log)),
        };
        line.pair("-monitor", "none");
        line.pair("-chardev", device);
        line.pair("-serial", "chardev:uart");
    }

    fn network(&self, line: &mut Line) {
        let netdev = match &self.net {
            Net::None => return,
            Net::Tap(interface) => format!("tap,id=net0,ifname={interface},script=no,downscript=no"),
            Net::User => {
                let forward = |f: &Forward| format!(",hostfwd=tcp:127.0.0.1:{}-:{}", f.host, f.guest);
                format!("user,id=net0{}", self.forwards.iter().map(forward).collect::<String>())
            }
        };
        line.pair("-netdev", netdev);
        // No boot ROM: nothing boots from the network, and its package need not be there.
        line.pair("-device", "virtio-net-pci,netdev=net0,addr=0x2,disable-legacy=on,romfile=");
        if let Some(file) = &self.pcap {
            line.pair("-object", format!("filter-dump,id=pcap,netdev=net0,file={}", path(file)));
        }
    }
}

struct Line(Vec<String>);

impl Line {
    fn word(&mut self, word: &str) {
        self.0.push(word.to_string());
    }

    fn pair(&mut self, option: &str, value: impl ToString) {
        self.0.push(option.to_string());
        self.0.push(value.to_string());
    }
}

/// A path in a comma-separated option: commas are doubled.
fn path(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(arch: Arch) -> Machine {
        Machine {
            arch,
            cpu: None,
            machine: None,
            smp: 1,
            mem: 256,
            net: Net::User,
            forwards: vec![Forward { host: 8080, guest: 80 }],
            pcap: None,
            clock: Clock::Free,
            gdb: None,
            display: Display::None,
            uart: Uart::Captured,
            records: Some("/tmp/r.sock".into()),
            image: None,
            kernel: "kernel".into(),
            command_line: String::new(),
            archive: "archive.img".into(),
            fw_cfg: vec![("opt/viaether/options", "options".into())],
            more: Vec::new(),
        }
    }

    fn line(machine: &Machine) -> String {
        machine.arguments().join(" ")
    }

    const REST: &str = "-smp 1 -m 256M -accel tcg -nodefaults -no-reboot -kernel kernel -initrd archive.img \
        -fw_cfg name=opt/viaether/options,file=options -monitor none -chardev stdio,id=uart,signal=off \
        -serial chardev:uart -netdev user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80 \
        -device virtio-net-pci,netdev=net0,addr=0x2,disable-legacy=on,romfile= \
        -chardev socket,id=records,path=/tmp/r.sock \
        -device virtio-serial-pci,id=serial,addr=0x3,max_ports=1,disable-legacy=on \
        -device virtconsole,bus=serial.0,chardev=records -device virtio-rng-pci,addr=0x4,disable-legacy=on \
        -display none";

    #[test]
    fn the_ordinary_machines() {
        assert_eq!(line(&machine(Arch::X86_64)), format!("-M q35 -cpu max {REST}"));
        assert_eq!(line(&machine(Arch::Aarch64)), format!("-M virt,gic-version=3 -cpu max {REST}"));
    }

    #[test]
    fn machines_of_the_tests() {
        let of = |arch, cpu: Option<&str>, extra: Option<&str>| Machine {
            cpu: cpu.map(Into::into),
            machine: extra.map(Into::into),
            ..machine(arch)
        };
        let older = of(Arch::Aarch64, Some("cortex-a72"), Some("gic-version=2,virtualization=on"));
        assert!(line(&older).starts_with("-M virt,gic-version=2,virtualization=on -cpu cortex-a72 "));
        let el2 = of(Arch::Aarch64, None, Some("virtualization=on"));
        assert!(line(&el2).starts_with("-M virt,gic-version=3,virtualization=on -cpu max "));
        assert!(line(&of(Arch::X86_64, None, Some("pc"))).starts_with("-M pc -cpu max "));
    }

    #[test]
    fn counting_changes_clock_and_processor() {
        let counted = |arch| line(&Machine { clock: Clock::Instructions, ..machine(arch) });
        assert!(counted(Arch::X86_64).contains("-cpu max,-erms,-fsrm "));
        assert!(counted(Arch::Aarch64).contains("-cpu max "));
        assert!(counted(Arch::Aarch64).contains("-icount shift=0"));
        assert!(!line(&machine(Arch::Aarch64)).contains("icount"));
    }

    #[test]
    fn an_interactive_machine_leaves_control_c_to_the_guest() {
        let interactive = Machine { uart: Uart::Terminal, records: None, ..machine(Arch::X86_64) };
        let line = line(&interactive);
        assert!(line.contains("-serial mon:stdio -echr 0x1d"));
        assert!(!line.contains("records") && !line.contains("virtconsole"));
    }

    #[test]
    fn a_machine_may_have_a_terminal_of_its_own() {
        let own = Machine { uart: Uart::Own("/tmp/a,b.log".into()), ..machine(Arch::Aarch64) };
        let line = line(&own);
        assert!(line.contains("-chardev pty,id=uart,logfile=/tmp/a,,b.log,logappend=on -serial chardev:uart"));
        assert!(!line.contains("stdio"));
    }

    #[test]
    fn networks() {
        let tap = Machine { net: Net::Tap("tap0".into()), pcap: Some("a,b.pcap".into()), ..machine(Arch::X86_64) };
        assert!(line(&tap).contains("-netdev tap,id=net0,ifname=tap0,script=no,downscript=no"));
        assert!(line(&tap).contains("-object filter-dump,id=pcap,netdev=net0,file=a,,b.pcap"));
        let none = Machine { net: Net::None, pcap: Some("x".into()), ..machine(Arch::X86_64) };
        assert!(!line(&none).contains("net0"));
    }

    #[test]
    fn gdb_finds_a_stopped_machine() {
        for (gdb, place) in [
            (Gdb::Port(1234), "tcp:127.0.0.1:1234"),
            (Gdb::Socket("/tmp/g.sock".into()), "unix:/tmp/g.sock,server=on,wait=off"),
        ] {
            let stopped = Machine { gdb: Some(gdb), ..machine(Arch::Aarch64) };
            assert!(line(&stopped).ends_with(&format!("-S -gdb {place}")));
        }
    }

    #[test]
    fn firmware_boots_an_image() {
        let of = |arch, medium, firmware| {
            let image = Some(Image { file: "a.iso".into(), medium, firmware });
            line(&Machine { image, ..machine(arch) })
        };
        let drive = |kind| format!("-drive if=none,id=image,format=raw,media={kind},readonly=on,file=a.iso -device ");
        let bios = of(Arch::X86_64, Medium::Cd, Firmware::Bios);
        assert!(bios.contains(&(drive("cdrom") + "ide-cd,drive=image")) && !bios.contains("pflash"));
        let stick = of(Arch::X86_64, Medium::Usb, Firmware::Uefi);
        assert!(stick.contains(&(drive("disk") + "qemu-xhci")) && stick.contains("OVMF_CODE_4M.fd"));
        let arm = of(Arch::Aarch64, Medium::Cd, Firmware::Uefi);
        assert!(arm.contains("scsi-cd,bus=scsi.0,drive=image") && arm.contains("AAVMF_VARS.fd"));
        assert!([bios, stick, arm].iter().all(|line| !line.contains("-kernel") && !line.contains("-initrd")));
    }

    #[test]
    fn each_pci_device_has_a_line_of_its_own() {
        let all = Machine { display: Display::Window, ..machine(Arch::Aarch64) };
        let slots: Vec<u32> = line(&all)
            .split("addr=0x")
            .skip(1)
            .map(|rest| rest.chars().next().and_then(|c| c.to_digit(16)).unwrap())
            .collect();
        let mut lines: Vec<u32> = slots.iter().map(|s| s % 4).collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), slots.len());
    }
}
