//! Reading the entropy device (Virtual I/O Device 1.2, 5.4), within a time: a host that has no entropy doesn't answer, and
//! `virtio-drivers`' own driver would wait for ever.

use virtio_drivers::{
    queue::VirtQueue,
    transport::{DeviceStatus, DeviceType, Transport},
};

use libsys::{Error, Mapping, time};

use crate::{Buffer, Hal, Share};

const QUEUE: u16 = 0;
const SIZE: usize = 4;
/// The only feature that is wanted: version 1.
const VERSION_1: u64 = 1 << 32;

/// [`read`] with memory that is share `N` only as long as it takes: its mapping and the device's address of it.
pub fn read_once<const N: usize>(
    transport: impl Transport,
    (mapping, address): (Mapping, u64),
    into: &mut [u8],
    deadline: u64,
) -> Result<usize, Error> {
    Share::<N>::give(mapping, address)?;
    let result = read::<N>(transport, into, deadline);
    // SAFETY: `read` has reset the device, or never told it of any memory, and dropped transport, queue and buffer; nobody else
    // could use a share that was given just now, for nobody else runs in between.
    unsafe { Share::<N>::take() };
    result
}

/// Fills as much of `into` (at most a page) as the device gives until the deadline, and resets it: how many bytes came.
/// [`Error::TimedOut`], [`Error::Device`].
pub fn read<const N: usize>(mut transport: impl Transport, into: &mut [u8], deadline: u64) -> Result<usize, Error> {
    if transport.device_type() != DeviceType::EntropySource {
        return Err(Error::WrongType);
    }
    let started = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(DeviceStatus::empty());
    transport.set_status(started);
    let features = transport.read_device_features() & VERSION_1;
    transport.write_driver_features(features);
    transport.set_status(started | DeviceStatus::FEATURES_OK);
    transport.set_guest_page_size(libsys::abi::PAGE_SIZE as u32);
    let mut buffer = Buffer::<N>::new(1)?;
    let mut queue = VirtQueue::<Hal<N>, SIZE>::new(&mut transport, QUEUE, false, false).map_err(|_| Error::Device)?;
    transport.finish_init();
    let result = request::<N>(&mut transport, &mut queue, &mut buffer, into, deadline);
    // The device forgets buffer and queue before they are given back.
    transport.set_status(DeviceStatus::empty());
    result
}

fn request<const N: usize>(
    transport: &mut impl Transport,
    queue: &mut VirtQueue<Hal<N>, SIZE>,
    buffer: &mut Buffer<N>,
    into: &mut [u8],
    deadline: u64,
) -> Result<usize, Error> {
    let wanted = into.len().min(buffer.len());
    let part = buffer.get_mut(..wanted).ok_or(Error::Internal)?;
    // SAFETY: the buffer is this function's until the token is popped; if the time is over before, the caller resets the
    // device and only then drops queue and buffer.
    let token = unsafe { queue.add(&[], &mut [&mut *part]) }.map_err(|_| Error::Device)?;
    transport.notify(QUEUE);
    while !queue.can_pop() {
        if time::now_ns() >= deadline {
            return Err(Error::TimedOut);
        }
        libsys::yield_now();
    }
    // SAFETY: the same buffers that were added with this token.
    let count = unsafe { queue.pop_used(token, &[], &mut [&mut *part]) }.map_err(|_| Error::Device)?;
    // A device that claims more than it was given lies.
    let count = (count as usize).min(wanted);
    into.get_mut(..count).ok_or(Error::Internal)?.copy_from_slice(part.get(..count).ok_or(Error::Internal)?);
    Ok(count)
}
