//! Registers in memory.

use core::ptr::NonNull;

use libsys::{Error, Mapping, device::Registers};
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};

/// Bytes of a transport's registers (QEMU's and Linux's step between transports).
const LENGTH: usize = 0x200;

/// virtio over MMIO: `virtio-drivers`' transport, and the mapping that it stands on.
#[derive(Debug)]
pub struct Mmio {
    /// First, so that it is dropped, and the device reset, while the registers are mapped.
    pub(crate) transport: MmioTransport<'static>,
    _mapping: Mapping,
}

impl Mmio {
    /// Over a device's registers: [`Error::Device`] if no transport answers there.
    pub fn new(registers: Registers) -> Result<Mmio, Error> {
        let Registers::Memory(mapping, offset) = registers else { return Err(Error::WrongType) };
        if !offset.is_multiple_of(4) || offset.checked_add(LENGTH).is_none_or(|end| end > mapping.len()) {
            return Err(Error::BadAddress);
        }
        let header = NonNull::new((mapping.address() + offset) as *mut VirtIOHeader).ok_or(Error::BadAddress)?;
        // SAFETY: 1. The registers are mapped, aligned and in bounds, with the configuration behind them. 2. The mapping is
        // moved into the same value and outlives the transport. 3. devd gave this device to this process alone.
        let transport = unsafe { MmioTransport::new(header, LENGTH) }.map_err(|_| Error::Device)?;
        Ok(Mmio { transport, _mapping: mapping })
    }
}
