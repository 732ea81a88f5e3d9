//! Entropy of virtio-rng for init. devd is the device's driver for a moment, then it is reset and free again.

use alloc::{rc::Rc, vec::Vec};

use libsys::{Access, Error, device::Registers, time};
use pci::{Address, config::Snapshot, virtio::structures};
use virtio_hal::{Mmio, PciTransport, Structures, Transport, entropy, virtio_drivers::transport::DeviceType};

use crate::{devices::Source, hall::Hall};

/// What a session of devd's own would be called.
const OWN: u64 = u64::MAX;
/// Queues, a buffer, and what the share keeps for copies.
const PAGES: usize = 8;
/// How long a device may take. A host with entropy answers within microseconds.
const PATIENCE_NS: u64 = 200 * time::MILLISECOND;

/// Asks every free virtio-rng, and tells init what they said.
pub fn feed(hall: &mut Hall) {
    let sources = hall.devices.iter().filter(|device| device.kind == "virtio-rng" && device.claim.is_none());
    for id in sources.map(|device| device.id).collect::<Vec<_>>() {
        let mut bytes = [0; 64];
        let told = read(hall, id, &mut bytes).and_then(|count| {
            libsys::system::add_entropy(&bytes[..count])?;
            Ok(count)
        });
        match told {
            Ok(count) => libsys::log!(Detail, "virtio-rng: {count} bytes"),
            Err(error) => libsys::log!(Warning, "virtio-rng: {error}"),
        }
    }
}

fn read(hall: &mut Hall, id: u32, bytes: &mut [u8; 64]) -> Result<usize, Error> {
    hall.claim(id, OWN, libsys::env::number(), PAGES as u32)?;
    let result = with_memory(hall, id, bytes);
    hall.release(id, OWN)?;
    result
}

fn with_memory(hall: &mut Hall, id: u32, bytes: &mut [u8; 64]) -> Result<usize, Error> {
    let transport = transport(hall, id)?;
    let (memory, address) = hall.own_dma(id, OWN, PAGES)?;
    let mapping = memory.map(Access::READ | Access::WRITE)?;
    entropy::read_once::<0>(transport, (mapping, address), bytes, time::after(PATIENCE_NS))
}

fn transport(hall: &Hall, id: u32) -> Result<Transport, Error> {
    let device = hall.device(id)?;
    let claim = device.claim.as_ref().ok_or(Error::Internal)?;
    match &device.source {
        Source::Transport(board) => {
            let registers = hall.space.map(board.registers.base, board.registers.length)?;
            Ok(Transport::Mmio(Mmio::new(Registers::Memory(registers.mapping, registers.offset))?))
        }
        Source::Pci(_) => {
            let places = structures(&Snapshot(&claim.snapshot), Address::default());
            let bar = |index| {
                let plan = claim.plans.iter().find(|plan| plan.region.bar == index)?;
                let registers = hall.space.map(plan.start, plan.region.length).ok()?;
                Some((Rc::new(registers.mapping), registers.offset, plan.region.length))
            };
            let structures = Structures::new(&places, bar)?;
            // Nobody waits for an interrupt here, so none is asked for.
            Ok(Transport::Pci(PciTransport::new(DeviceType::EntropySource, structures, 0)))
        }
        _ => Err(Error::WrongType),
    }
}
