//! `device`: devd's service: finding devices, claiming them, their registers, interrupts and DMA memory.
//!
//! Which devices a client sees follows from its narrowings (`virtio-net`, `uart`). A claimed device is reset when its
//! claimer's session closes, and only then its DMA memory is used again. Nothing here waits; a reset takes ≤ 10 ms.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Idempotent, List, Protocol, Text};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "device";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

/// Bytes of a file in a reply.
pub const FILE_PART: usize = 4000;

/// What drivers send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Devices with ids above `after`: `Devices`. Idempotent.
    List {
        /// 0 at first.
        after: u32,
    },
    /// Takes a device: `Claimed`. `InUse`, `NotFound`, `Denied`. Not idempotent.
    Claim {
        /// The device.
        id: u32,
    },
    /// Gives it back: it is reset. Not idempotent.
    Release {
        /// The device.
        id: u32,
    },
    /// A claimed device's registers: `Done` with a Memory (READ, WRITE) or IoPorts. Idempotent.
    Region {
        /// The device.
        id: u32,
        /// Index into `Claimed::regions`.
        index: u8,
    },
    /// A claimed device's interrupt: `Done` with an Interrupt. `NotFound`. Idempotent.
    Interrupt {
        /// The device.
        id: u32,
        /// From 0.
        index: u8,
    },
    /// Reads configuration space as it stood at the claim: `Bytes`. Idempotent.
    Configuration {
        /// The device.
        id: u32,
        /// First byte.
        offset: u16,
        /// Bytes, at most 256.
        length: u16,
    },
    /// Writes configuration space, where devd allows it: `Denied` elsewhere. Idempotent.
    Configure {
        /// The device.
        id: u32,
        /// First byte, a multiple of `size`.
        offset: u16,
        /// 1, 2 or 4.
        size: u8,
        /// What to write.
        value: u32,
    },
    /// Memory for the device: `Dma` with a Memory (READ, WRITE). `Quota` beyond the manifest's bound. Not idempotent.
    Dma {
        /// The device.
        id: u32,
        /// Pages, contiguous.
        pages: u32,
    },
    /// Resets a claimed device; its DMA memory stays claimed. Not idempotent.
    Reset {
        /// The device.
        id: u32,
    },
    /// The value of a `key=value` option, of the command line or of fw_cfg: `Option`. Idempotent.
    Option {
        /// The key.
        key: Text<64>,
    },
    /// A part of a file that the host gave (`exec`, `files`): `File`. Idempotent.
    File {
        /// Its name after `opt/viaether/`.
        name: Text<48>,
        /// First byte; the part is at most [`FILE_PART`] bytes.
        offset: u32,
    },
    /// Sets the clock. Right of the binding. Idempotent.
    SetClock {
        /// ns since 1970.
        utc_ns: u64,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        !matches!(self, Claim { .. } | Release { .. } | Dma { .. } | Reset { .. })
    }
}

/// What devd answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Devices, ascending; fewer than 16 is the end.
    Devices(List<Info, 16>),
    /// The device is the client's.
    Claimed(Claimed),
    /// Bytes of configuration space.
    Bytes(Bytes<256>),
    /// Memory for the device.
    Dma {
        /// The address the device uses for its first byte.
        address: u64,
    },
    /// An option's value, or none.
    Option(Option<Text<255>>),
    /// A part of a file.
    File {
        /// Bytes of the whole file.
        size: u32,
        /// The part; empty at the end.
        bytes: Bytes<FILE_PART>,
    },
}

/// Where a device sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bus {
    /// PCI: bus, device, function of segment 0, identity.
    Pci {
        /// Bus.
        bus: u8,
        /// Device.
        device: u8,
        /// Function.
        function: u8,
        /// Vendor.
        vendor: u16,
        /// Device identity.
        product: u16,
        /// Class, subclass, interface.
        class: u32,
        /// Subsystem identity.
        subsystem: u16,
    },
    /// virtio over MMIO: physical address of its registers, virtio's device identity.
    VirtioMmio {
        /// Address.
        address: u64,
        /// Identity.
        product: u32,
    },
    /// Of the board: its first register or port.
    Board {
        /// Address or port.
        address: u64,
    },
}

/// A device in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// To name it by.
    pub id: u32,
    /// What it is: `virtio-net`, `virtio-blk`, `virtio-rng`, `virtio-console`, `pl011`, `16550`, `pl031`, `cmos`, `fw_cfg`, `pci`.
    pub kind: Text<24>,
    /// What people see: `virtio-net@00:02.0`.
    pub name: Text<48>,
    /// Where it sits.
    pub bus: Bus,
    /// The process that claimed it, or 0.
    pub claimed_by: u32,
    /// How many interrupts that process has of it, and of what kind.
    pub interrupts: u8,
    /// See `interrupts`.
    pub messages: Messages,
}

/// What a claimed device has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Its registers; `Region` gives handles.
    pub regions: List<Region, 8>,
    /// Interrupts; `Interrupt` gives handles. MSI-X vectors are set up, one an interrupt.
    pub interrupts: u8,
    /// Whether the interrupts are MSI-X messages.
    pub messages: Messages,
    /// DMA pages it may have.
    pub dma_pages: u32,
    /// For a UART: its clock in Hz, or 0.
    pub clock_hz: u32,
}

/// How a device interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Messages {
    /// By a line.
    Line,
    /// By MSI-X: the driver names vector = interrupt index in the device's own registers.
    MsiX,
}

/// A range of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The PCI base address register, or 0.
    pub bar: u8,
    /// What it is.
    pub kind: RegionKind,
    /// Where it starts in its first page (memory), or 0.
    pub offset: u16,
    /// Bytes or ports.
    pub length: u64,
}

/// What a range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegionKind {
    /// Memory-mapped registers.
    Memory,
    /// x86_64 I/O ports.
    Ports,
}
