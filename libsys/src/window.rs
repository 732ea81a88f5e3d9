//! A session's shared memory: rings and window, from both sides.
//!
//! The server makes the Memory in a pool that the client handed over, maps it and gives the client a handle; so no client
//! can pull a page away under a server. Either side may write the window at any time: what is read is copied once, then
//! checked.

use alloc::{sync::Arc, vec::Vec};

use abi::{Rights, calls::Access};
use protocol::{
    Error,
    session::{Attach, Attached, COMPLETION, Data, INLINE, Room, SLOT_BYTES, SUBMISSION, Sessions, Slot, Span},
};

use crate::{
    Channel, Doorbell, Handles, Mapping, Memory, Notification, Pool,
    names::bits,
    ring::{self, Consumer, Part, Producer},
};

/// The mapped shared memory of a session.
#[derive(Clone, Debug)]
pub struct Window {
    mapping: Arc<Mapping>,
    attached: Attached,
}

impl Window {
    fn new(mapping: Mapping, attached: Attached) -> Result<Window, Error> {
        let end = attached.window_offset as usize + attached.window as usize;
        if mapping.len() < end {
            return Err(Error::Protocol);
        }
        Ok(Window { mapping: Arc::new(mapping), attached })
    }

    /// Bytes of the window.
    pub fn size(&self) -> u32 {
        self.attached.window
    }

    /// Copies bytes out.
    pub fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), Error> {
        let span = Span { offset, length: u32::try_from(to.len()).map_err(|_| Error::BadArgument)? };
        self.mapping.read(self.at(span)?, to)
    }

    /// Copies bytes in.
    pub fn write(&self, offset: u32, from: &[u8]) -> Result<(), Error> {
        let span = Span { offset, length: u32::try_from(from.len()).map_err(|_| Error::BadArgument)? };
        self.mapping.write(self.at(span)?, from)
    }

    /// A copy of a span.
    pub fn fetch(&self, span: Span) -> Result<Vec<u8>, Error> {
        self.at(span)?;
        let mut bytes = alloc::vec![0; span.length as usize];
        self.read(span.offset, &mut bytes)?;
        Ok(bytes)
    }

    fn at(&self, span: Span) -> Result<usize, Error> {
        span.within(self.attached.window)?;
        Ok(self.attached.window_offset as usize + span.offset as usize)
    }

    fn ring(&self, offset: u32) -> Result<Part, Error> {
        let slots = self.attached.slots;
        if slots == 0 {
            return Err(Error::Unsupported);
        }
        Part::new(self.mapping.clone(), offset as usize, ring::DATA + 64 * slots as usize)
    }
}

/// The bytes of a request's data, wherever they are.
pub fn fetch(data: &Data, window: Option<&Window>) -> Result<Vec<u8>, Error> {
    match data {
        Data::Inline(bytes) => Ok(bytes.to_vec()),
        Data::Window(span) => window.ok_or(Error::BadArgument)?.fetch(*span),
    }
}

/// Puts an answer's bytes where the client wants them; what does not fit is cut.
pub fn deliver(bytes: &[u8], room: Room, window: Option<&Window>) -> Result<Data, Error> {
    let bytes = bytes.get(..room.length().min(bytes.len())).unwrap_or_default();
    match room {
        Room::Inline(_) => {
            Ok(Data::Inline(protocol::Bytes::new(bytes.get(..INLINE.min(bytes.len())).unwrap_or_default())?))
        }
        Room::Window(span) => {
            window.ok_or(Error::BadArgument)?.write(span.offset, bytes)?;
            Ok(Data::Window(Span { offset: span.offset, length: bytes.len() as u32 }))
        }
    }
}

/// The server's side of an attached session.
#[derive(Debug)]
pub struct ServerSide {
    /// The shared window.
    pub window: Window,
    /// Rings the client.
    pub bell: Doorbell,
    /// Requests that come by ring, if there are rings.
    pub submissions: Option<SlotReader>,
    /// Answers that go by ring.
    pub completions: Option<SlotWriter>,
}

impl ServerSide {
    /// Serves an `Attach` request: makes the Memory in the client's pool. `notification` is this server's, and `pair` its bits
    /// that the client's doorbell is to have; its Grant lies in the client's pool too, since the client may keep it after the
    /// session. Answers with the handles that go back.
    pub fn attach(
        request: Attach,
        handles: Handles,
        notification: &Notification,
        pair: bits::Pair,
    ) -> Result<(ServerSide, Attached, Handles), Error> {
        let layout = request.check()?.layout();
        let [pool, bell] = handles.exactly()?;
        let (pool, bell) = (Pool::adopt(pool), Doorbell::adopt(bell));
        let memory = Memory::create(&pool, layout.pages as usize)?;
        let window = Window::new(memory.map_part(0, layout.pages as usize, Access::READ | Access::WRITE)?, layout)?;
        let (mut submissions, mut completions) = (None, None);
        if layout.slots > 0 {
            for offset in [SUBMISSION, COMPLETION] {
                ring::create(&window.ring(offset)?, ring::SLOT, layout.slots.into())?;
            }
            submissions = Some(SlotReader(Consumer::open(window.ring(SUBMISSION)?, ring::SLOT)?));
            completions = Some(SlotWriter(Producer::open(window.ring(COMPLETION)?, ring::SLOT)?));
        }
        let (doorbell, _grant) = notification.doorbell(&pool, pair.event, pair.gone)?;
        // Without OWNER: evicting, freezing and sealing stay with the server.
        let shared = memory.dup(Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
        let side = ServerSide { window, bell, submissions, completions };
        Ok((side, layout, Handles::two(doorbell, shared)))
    }
}

/// The client's side of an attached session.
#[derive(Debug)]
pub struct ClientSide {
    /// The shared window.
    pub window: Window,
    /// Rings the server.
    pub bell: Doorbell,
    /// Requests by ring, if there are rings.
    pub submissions: Option<SlotWriter>,
    /// Answers by ring.
    pub completions: Option<SlotReader>,
    /// The bits that the server rings.
    pub pair: bits::Pair,
}

impl ClientSide {
    /// Attaches a session: its Memory comes out of `pool`, and events come as the pair's bits (also `extra` ones, for a
    /// terminal's BREAK) on the own notification.
    pub fn attach<P: Sessions>(
        channel: &Channel<P>,
        request: Attach,
        pool: &Pool,
        pair: bits::Pair,
        extra: u64,
    ) -> Result<ClientSide, Error> {
        let (bell, _grant) = Notification::own()?.doorbell(pool, pair.event | extra, pair.gone)?;
        let handles = Handles::two(pool.lend()?, bell);
        let (reply, handles) = channel.call_with(&P::attach(request.check()?), handles)?;
        let attached = P::attached(reply).ok_or(Error::Protocol)?;
        if attached != request.layout() {
            return Err(Error::Protocol);
        }
        let [bell, memory] = handles.exactly()?;
        let memory = Memory::adopt(memory);
        let mapping = memory.map_part(0, attached.pages as usize, Access::READ | Access::WRITE)?;
        let window = Window::new(mapping, attached)?;
        let (mut submissions, mut completions) = (None, None);
        if attached.slots > 0 {
            submissions = Some(SlotWriter(Producer::open(window.ring(SUBMISSION)?, ring::SLOT)?));
            completions = Some(SlotReader(Consumer::open(window.ring(COMPLETION)?, ring::SLOT)?));
        }
        Ok(ClientSide { window, bell: Doorbell::adopt(bell), submissions, completions, pair })
    }
}

impl Drop for ClientSide {
    fn drop(&mut self) {
        bits::give_pair(self.pair);
    }
}

/// The reading side of a session's ring.
#[derive(Debug)]
pub struct SlotReader(Consumer<Part>);

impl SlotReader {
    /// The next slot, if there is one.
    pub fn pop(&mut self, bell: &Doorbell) -> Result<Option<Slot>, Error> {
        let mut raw = [0; 64];
        match self.0.read(&mut raw, bell)? {
            ring::Taken::Bytes(_) => Ok(Some(Slot::from_bytes(&raw))),
            _ => Ok(None),
        }
    }

    /// See [`Consumer::must_sleep`].
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.0.must_sleep()
    }
}

/// The writing side of a session's ring.
#[derive(Debug)]
pub struct SlotWriter(Producer<Part>);

impl SlotWriter {
    /// Puts a slot in; false if the ring is full. Completions are bounded by submissions, so a server whose client keeps the
    /// rules always has room.
    pub fn push(&mut self, slot: &Slot, bell: &Doorbell) -> Result<bool, Error> {
        Ok(self.0.write(&slot.to_bytes(), bell)? > 0)
    }

    /// Slots that fit now.
    pub fn free(&self) -> Result<usize, Error> {
        self.0.free()
    }
}

/// Bytes of a message that fits a slot.
pub const SLOT_MESSAGE: usize = SLOT_BYTES;
