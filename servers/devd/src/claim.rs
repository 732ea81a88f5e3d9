//! What a driver has of its device, and taking it back.
//!
//! ```text
//!          ┌──────────────── claim ────────────────┐
//! free ────┤ regions, interrupts planned,          ├──► claimed ── Region, Interrupt, Dma: handles behind Grants
//!          │ messages set up, bus mastering on     │        │
//!          └───────────────────────────────────────┘        │ Release, or the session's end
//!   ▲                                                       ▼
//!   └── DMA zeroed, free ◄── device reset ◄── mastering off ◄── Grants revoked: no handle, no mapping is left
//! ```

use alloc::vec::Vec;

use libsys::{
    Error, Grant, Interrupt, OwnedHandle, Pool, Rights,
    abi::PAGE_SIZE,
    protocol::{
        List,
        device::{Claimed, Messages, Region, RegionKind},
    },
};
use pci::{Function, Msix};

use crate::{bus::Bus, dma::Part};

/// Handles that a driver may ask for, of one device.
const MAX_HANDLES: usize = 256;

/// Registers of a device: what the driver is told, and where they are.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What the driver is told.
    pub region: Region,
    /// Physical address, or first port.
    pub start: u64,
}

/// A claimed device.
pub struct Claim {
    /// The session.
    pub badge: u64,
    /// The client's process number.
    pub client: u32,
    /// Its registers.
    pub plans: Vec<Plan>,
    /// Its interrupts.
    pub interrupts: Vec<Interrupt>,
    /// How it interrupts.
    pub messages: Messages,
    /// Which messages it has, as they are numbered in the root.
    pub vectors: Option<(usize, usize)>,
    /// Which line.
    pub line: Option<u32>,
    /// DMA pages it may still have.
    pub dma_left: u32,
    /// Its DMA memory.
    pub dma: Vec<Part>,
    /// Configuration space at the claim.
    pub snapshot: Vec<u8>,
    /// The clock of a serial port in Hz.
    pub clock_hz: u32,
    grants: Vec<Grant>,
}

impl Claim {
    /// A claim with nothing in it yet.
    pub fn new(badge: u64, client: u32, dma_pages: u32) -> Claim {
        Claim {
            badge,
            client,
            plans: Vec::new(),
            interrupts: Vec::new(),
            messages: Messages::Line,
            vectors: None,
            line: None,
            dma_left: dma_pages,
            dma: Vec::new(),
            snapshot: Vec::new(),
            clock_hz: 0,
            grants: Vec::new(),
        }
    }

    /// For the driver.
    pub fn describe(&self) -> Result<Claimed, Error> {
        let regions: Vec<Region> = self.plans.iter().map(|plan| plan.region).collect();
        Ok(Claimed {
            regions: List::new(regions)?,
            interrupts: self.interrupts.len() as u8,
            messages: self.messages,
            dma_pages: self.dma_left,
            clock_hz: self.clock_hz,
        })
    }

    /// A handle for the driver that can be taken back.
    pub fn lend(&mut self, pool: &Pool, object: &OwnedHandle, rights: Rights) -> Result<OwnedHandle, Error> {
        if self.grants.len() >= MAX_HANDLES {
            return Err(Error::Limit);
        }
        let (handle, grant) = Grant::derive(pool, object, rights | Rights::TRANSFER)?;
        self.grants.push(grant);
        Ok(handle)
    }

    /// Takes back all that was lent: the driver has no register, no interrupt and no DMA memory mapped or in its hands.
    pub fn revoke(&mut self) {
        for grant in self.grants.drain(..) {
            if let Err(error) = grant.revoke() {
                libsys::log!(Error, "taking a device back: {error}");
            }
        }
    }
}

/// A function's registers: its memory up to the pages that have the MSI-X table or the pending bits (who writes those sends
/// messages anywhere), and its ports.
pub fn pci_plans(bus: &Bus, function: &Function, msix: Option<&Msix>) -> Vec<Plan> {
    let mut plans = Vec::new();
    for bar in &function.bars {
        if !bar.is_memory() {
            if bar.address != 0 && cfg!(target_arch = "x86_64") {
                let kind = RegionKind::Ports;
                let region = Region { bar: bar.index, kind, offset: 0, length: bar.size };
                plans.push(Plan { region, start: bar.address });
            }
            continue;
        }
        let Some(start) = bus.address(bar) else { continue };
        let table = msix.filter(|m| m.table_bar == bar.index).map(|m| m.table_offset);
        let pending = msix.filter(|m| m.pending_bar == bar.index).map(|m| m.pending_offset);
        let page = PAGE_SIZE as u64;
        let first = table.into_iter().chain(pending).min().map(u64::from);
        let length = first.map_or(bar.size, |first| (first / page * page).min(bar.size));
        if length > 0 {
            let offset = (start % page) as u16;
            let region = Region { bar: bar.index, kind: RegionKind::Memory, offset, length };
            plans.push(Plan { region, start });
        }
    }
    plans.truncate(8);
    plans
}

/// Registers of a device of the board.
pub fn memory_plan(start: u64, length: u64) -> Plan {
    let offset = (start % PAGE_SIZE as u64) as u16;
    Plan { region: Region { bar: 0, kind: RegionKind::Memory, offset, length }, start }
}
