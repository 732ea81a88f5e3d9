//! The manifest: what init starts, and everything that each server and program may reach. The whole authority graph.
//!
//! Written by people as TOML (`boot/manifest.toml`), checked and packed by ramfs-builder, read by init as postcard from
//! the entry [`crate::MANIFEST_NAME`]. The same types serve both, so there is no second description to keep in step.
//!
//! ```toml
//! [[server]]                      # a process that init starts and supervises
//! name = "netd"                   # also its label in the log
//! image = "L/netd"                # the archive's entry; the built program has the last component's name
//! level = 5                       # calls go downhill: to lower levels only
//! class = "server"                # scheduling class
//! pages = 2048                    # its pool, in pages of 4 KiB
//! realtime = 50                   # its commands may have so many % of each core in real time
//! devices = [{ kind = "virtio-net", dma_pages = 512 }]
//! holds = []                      # root objects handed to it
//! provides = ["net"]              # services, which become names
//! needs = [{ name = "SYS", narrow = ["certs r"] }]
//! rights = []                     # on its `process` channel
//! restart = "always"
//! args = []
//!
//! [[name]]                        # a name in every name space that needs it
//! name = "C"
//! service = "fs"
//! narrow = ["SYS:C r"]
//!
//! [[program]]                     # what the shell may start
//! binary = "services"             # the built program
//! images = ["C/services", "C/svc"]   # the second and later ones are aliases
//! rights = ["list", "services"]
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The version of these types; the first byte of the encoding.
pub const VERSION: u8 = 2;
/// The level of the shell and of commands, the highest (`contracts.md` §1).
pub const SHELL_LEVEL: u8 = 7;
/// From this level on a process's memory comes by the pager, which stands below it; the levels before have it from the start.
pub const PAGED_LEVEL: u8 = 5;
/// Servers, at most.
pub const MAX_SERVERS: usize = 32;
/// Bindings in a name space, at most.
pub const MAX_NAMES: usize = 64;
/// Program entries, at most.
pub const MAX_PROGRAMS: usize = 512;
/// Narrowings of one binding, at most.
pub const MAX_NARROWINGS: usize = 4;
/// Bytes of a narrowing, at most.
pub const MAX_NARROWING: usize = 128;
/// The first of the places that programs have for a debugger, and how far apart these are.
pub const FIXED_PLACES: (u64, u64) = (0x5000_0000_0000, 1 << 32);

/// Scheduling classes, the most urgent first. Each has a band of the 64 priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Inference with a deadline; needs a CPU budget.
    RealTime,
    /// Servers that own a device.
    Driver,
    /// Other servers.
    Server,
    /// The shell and what people wait for.
    Interactive,
    /// Jobs.
    Batch,
    /// Only what nobody else wants.
    Idle,
}

impl Class {
    /// The highest priority of the band, the ceiling of a pool of this class; 63 is the most urgent.
    #[must_use]
    pub const fn ceiling(self) -> u8 {
        match self {
            Self::RealTime => 63,
            Self::Driver => 55,
            Self::Server => 47,
            Self::Interactive => 39,
            Self::Batch => 23,
            Self::Idle => 7,
        }
    }
}

/// Kinds of devices that devd hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The serial port: PL011 or 16550.
    Uart,
    /// A virtio console port: the harness's records.
    VirtioConsole,
    /// The network card.
    VirtioNet,
    /// A disk.
    VirtioBlk,
    /// The source of entropy.
    VirtioRng,
}

impl DeviceKind {
    /// The name, as it stands in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uart => "uart",
            Self::VirtioConsole => "virtio-console",
            Self::VirtioNet => "virtio-net",
            Self::VirtioBlk => "virtio-blk",
            Self::VirtioRng => "virtio-rng",
        }
    }
}

/// A device that a server may claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Which kind.
    pub kind: DeviceKind,
    /// How much DMA memory the device may have, in pages of 4 KiB; 1,024 at most.
    pub dma_pages: u32,
}

/// A root object that init hands to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// Device address space, interrupt lines, MSI vectors, I/O ports, DTB or ACPI tables as the named handle `boot`; all
    /// memory for devices as `dma`. Its holder alone may bring entropy. `libsys::roots` reads them.
    Devices,
    /// The time page, writable, as `time`.
    Time,
    /// The boot archive, frozen, as `archive`.
    Archive,
    /// The kernel's log ring and its Interrupt, as `log-ring` and `log-interrupt`.
    LogRing,
    /// The faults of all processes from [`PAGED_LEVEL`] on as `faults`, a page for notes to the next pager as `scratch`, and
    /// what init keeps for pagers, by the protocol `pager`, as `pager`.
    Faults,
}

/// A right on the `process` channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// List all processes.
    List,
    /// Break processes of others.
    Break,
    /// Start, stop and restart services.
    Services,
    /// Power off, reboot.
    Power,
}

/// What happens when a server ends. Delays and limits are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again.
    Always,
    /// It is started again unless it ended with code 0.
    OnFailure,
    /// It stays ended.
    Never,
}

/// A name that a server needs in its name space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// A service, or a `[[name]]`.
    pub name: String,
    /// Further narrowings, applied after the name's own.
    #[serde(default)]
    pub narrow: Vec<String>,
}

/// A process that init starts and supervises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Unique; its label.
    pub name: String,
    /// Its program's entry in the archive.
    pub image: String,
    /// 2 to 7; init is 1.
    pub level: u8,
    /// Scheduling class.
    pub class: Class,
    /// Its pool, in pages of 4 KiB.
    pub pages: u32,
    /// What of each core it may give to real-time programs and to those with a CPU budget, in per cent: it gets a pool for
    /// them, with an eighth of its pages.
    #[serde(default)]
    pub realtime: u8,
    /// Devices it may claim: its name space then has `device`, narrowed to `KIND=DMA-PAGES` for each, such as
    /// `uart=0 virtio-console=64`.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Root objects it is given.
    #[serde(default)]
    pub holds: Vec<Root>,
    /// Services it provides.
    #[serde(default)]
    pub provides: Vec<String>,
    /// Names in its name space.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Rights on its `process` channel.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// What happens when it ends.
    pub restart: Restart,
    /// Arguments after its name.
    #[serde(default)]
    pub args: Vec<String>,
}

/// A name beside the services themselves: an assign, such as `C:`. Several with one name are a multi-assign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Without its colon.
    pub name: String,
    /// What is asked for it.
    pub service: String,
    /// Texts that only the service reads.
    #[serde(default)]
    pub narrow: Vec<String>,
}

/// A program that processes may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The name of the built program.
    pub binary: String,
    /// Its entry in the archive, and aliases of it.
    pub images: Vec<String>,
    /// What it may have on its `process` channel, if its spawner has it too.
    #[serde(default)]
    pub rights: Vec<Right>,
}

/// The whole manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// In the order of start: by level, then as written.
    #[serde(rename = "server", default)]
    pub servers: Vec<Server>,
    /// Names beside the services.
    #[serde(rename = "name", default)]
    pub names: Vec<Binding>,
    /// Programs.
    #[serde(rename = "program", default)]
    pub programs: Vec<Program>,
}

impl Server {
    /// Whether it is given the faults of the others, to make their memory appear.
    #[must_use]
    pub fn is_pager(&self) -> bool {
        self.holds.contains(&Root::Faults)
    }

    /// Whether nobody could start a service by hand without it: who may order that, where the order is typed, where its program
    /// comes from, and what has the program's memory appear.
    #[must_use]
    pub fn is_needed_to_order(&self) -> bool {
        let here = |name: &String| name == "console" || name == "fs";
        self.is_pager() || self.rights.contains(&Right::Services) || self.provides.iter().any(here)
    }

    /// The name of its built program: that of its image, without folders.
    #[must_use]
    pub fn binary(&self) -> String {
        self.image.rsplit('/').next().unwrap_or(&self.image).to_ascii_lowercase()
    }
}

impl Manifest {
    /// The bytes of the archive's entry.
    ///
    /// # Errors
    /// Postcard's; none is possible for these types while memory lasts.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut out = alloc::vec![VERSION];
        out.append(&mut postcard::to_allocvec(self)?);
        Ok(out)
    }

    /// Reads the archive's entry. `None`: another version, malformed, or bytes left over. What was packed has been
    /// checked; init still looks names up and does not trust that they exist.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, body) = bytes.split_first()?;
        let (manifest, rest) = postcard::take_from_bytes::<Self>(body).ok()?;
        let small = manifest.servers.len() <= MAX_SERVERS
            && manifest.names.len() <= MAX_NAMES
            && manifest.programs.len() <= MAX_PROGRAMS;
        (version == VERSION && rest.is_empty() && small).then_some(manifest)
    }

    /// The server of that name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|s| s.name == name)
    }

    /// The server that provides `service`.
    #[must_use]
    pub fn provider(&self, service: &str) -> Option<&Server> {
        self.servers.iter().find(|s| s.provides.iter().any(|p| p.eq_ignore_ascii_case(service)))
    }

    /// The services behind a name: of its bindings, or the service of that name itself.
    pub fn services_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let bound = self.names.iter().filter(move |b| b.name.eq_ignore_ascii_case(name)).map(|b| b.service.as_str());
        let itself = self.provider(name).map(|_| name);
        bound.chain(itself)
    }

    /// Where a program is placed for a debugger, which knows one address of each and nothing of address spaces.
    #[must_use]
    pub fn fixed_place(&self, image: &str) -> Option<u64> {
        let server = self.servers.iter().position(|s| s.image.eq_ignore_ascii_case(image));
        let number = server.or_else(|| Some(self.servers.len() + self.program_number(image)?))?;
        Some(FIXED_PLACES.0 + number as u64 * FIXED_PLACES.1)
    }

    /// The rights that the image asks for; none if the manifest does not name it.
    #[must_use]
    pub fn rights_of(&self, image: &str) -> &[Right] {
        self.program_number(image).and_then(|number| self.programs.get(number)).map_or(&[], |p| &p.rights)
    }

    fn program_number(&self, image: &str) -> Option<usize> {
        self.programs.iter().position(|p| p.images.iter().any(|i| i.eq_ignore_ascii_case(image)))
    }
}
