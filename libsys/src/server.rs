//! The server's end of a channel: receiving, and answering by token.

use core::cell::Cell;
use core::fmt;

use abi::{
    Rights,
    calls::Derived,
    info,
    message::{self as wire, Kind},
};
use protocol::{Answer, Error, Protocol};
use serde::de::DeserializeOwned;

use crate::{Grant, Handles, OwnedHandle, Pool, Process, handle, message, sys, thread_block};

/// A channel that this process receives on. Bits of the thread's bound notification come in the same wait.
pub struct Receiver {
    /// The answer that is given by the next wait, or when this is dropped: before the channel ends.
    owed: Cell<Option<Owed>>,
    handle: OwnedHandle,
}

impl Receiver {
    /// A new channel, charged to the pool.
    pub fn new(pool: &Pool) -> Result<Receiver, Error> {
        let (channel, _) = sys::create(pool.raw(), info::Kind::Channel as u64, 0, 0, 0)?;
        Ok(Receiver::adopt(handle::adopt(channel)?))
    }

    /// Takes charge of a handle with RECV.
    pub const fn adopt(handle: OwnedHandle) -> Receiver {
        Receiver { handle, owed: Cell::new(None) }
    }

    /// The handle with RECV, for the moment.
    pub fn handle(&self) -> abi::Handle {
        self.handle.handle()
    }

    /// A client's end with this badge, behind a Grant of its own: when the last handle through it is gone,
    /// [`Event::Closed`] tells. The pool pays.
    pub fn client(&self, pool: &Pool, badge: u64) -> Result<(OwnedHandle, Grant), Error> {
        let rights = Rights::CALL | Rights::TRANSFER;
        let (client, grant) =
            sys::derive(pool.raw(), self.handle.raw(), rights.bits().into(), badge, 0, Derived::WITH_GRANT.0)?;
        Ok((handle::adopt(client)?, Grant::adopt(handle::adopt(grant)?)))
    }

    /// The same where nobody will want to revoke it.
    pub fn lasting_client(&self, pool: &Pool, badge: u64) -> Result<OwnedHandle, Error> {
        let rights = Rights::CALL | Rights::TRANSFER;
        let (client, _) = sys::derive(pool.raw(), self.handle.raw(), rights.bits().into(), badge, 0, Derived::ALONE.0)?;
        handle::adopt(client)
    }

    /// The same in a process's table, as a handle with CALL alone.
    pub fn client_for(&self, pool: &Pool, badge: u64, (process, index): (&Process, u16)) -> Result<(), Error> {
        let to = Derived::to(process.handle(), index).0;
        sys::derive(pool.raw(), self.handle.raw(), Rights::CALL.bits().into(), badge, 0, to)?;
        Ok(())
    }

    /// Waits for the next event, and gives the answer that is owed by the same system call. `deadline` is in ns since boot: 0 polls,
    /// `u64::MAX` waits.
    pub fn recv(&self, deadline: u64) -> Result<Event, Error> {
        let Some(owed) = self.owed.take() else { return receive(self.raw(), deadline) };
        // Dropped, it is given alone.
        if thread_block::pending() != 0 || owed.handles.write().is_err() {
            drop(owed);
            return receive(self.raw(), deadline);
        }
        match sys::reply_recv(owed.token, owed.tag, owed.words, self.raw(), deadline) {
            Ok(received) => {
                owed.given();
                Ok(Event::from(received))
            }
            // The caller is gone, and the kernel has not received.
            Err(_) => {
                drop(owed);
                receive(self.raw(), deadline)
            }
        }
    }

    /// Answers by the next [`Receiver::recv`], which saves a system call: for a server that goes there soon, and calls nobody before.
    /// What doesn't fit the registers, or is followed by another answer, is given at once.
    pub fn reply<P: Protocol>(&self, token: Token, answer: Answer<P>) {
        self.owe::<P>(token, answer, Handles::none());
    }

    /// The same with handles.
    pub fn reply_with<P: Protocol>(&self, token: Token, answer: Result<(P::Reply, Handles), Error>) {
        let (answer, handles) = apart::<P>(answer);
        self.owe::<P>(token, answer, handles);
    }

    fn owe<P: Protocol>(&self, token: Token, answer: Answer<P>, handles: Handles) {
        let owed = match message::short(&answer, &handles) {
            Some((tag, words)) => Some(Owed { token: token.spend(), tag, words, handles }),
            None => {
                token.give::<P>(&answer, handles);
                None
            }
        };
        drop(self.owed.replace(owed));
    }

    /// Has a thread that faulted run its instruction again, then waits.
    pub fn resume_recv(&self, token: Token, deadline: u64) -> Result<Event, Error> {
        let resumed = Owed { token: token.spend(), tag: wire::Tag(0), words: [0; 8], handles: Handles::none() };
        drop(self.owed.replace(Some(resumed)));
        self.recv(deadline)
    }

    fn raw(&self) -> u32 {
        self.handle.raw() as u32
    }
}

/// An answer in registers that is still to be given: at the latest when this is dropped.
#[derive(Debug)]
struct Owed {
    token: u64,
    tag: wire::Tag,
    words: [u64; 8],
    handles: Handles,
}

impl Owed {
    fn given(mut self) {
        core::mem::take(&mut self.handles).moved();
        core::mem::forget(self);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        // A caller that is gone does not matter.
        if self.handles.write().is_ok() && sys::reply(self.token, self.tag, self.words).is_ok() {
            core::mem::take(&mut self.handles).moved();
        }
    }
}

/// Waits for bits of the bound notification alone.
pub fn wait(deadline: u64) -> Result<Event, Error> {
    receive(0, deadline)
}

/// Waits until one of the bits in the mask comes, and returns those that did; 0 at the deadline. Other bits are kept for
/// later waits.
pub fn wait_bits(mask: u64, deadline: u64) -> u64 {
    loop {
        let bits = thread_block::take_pending(mask);
        if bits != 0 {
            return bits;
        }
        match sys::recv(0, deadline) {
            Ok(received) if received.tag.kind() == Kind::Bits => thread_block::keep_pending(received.badge),
            _ => return 0,
        }
    }
}

fn receive(channel: u32, deadline: u64) -> Result<Event, Error> {
    let pending = thread_block::take_pending(u64::MAX);
    if pending != 0 {
        return Ok(Event::Bits(pending));
    }
    Ok(Event::from(sys::recv(channel, deadline)?))
}

/// What a thread waited for.
#[derive(Debug)]
pub enum Event {
    /// A client calls.
    Call(Incoming),
    /// Bits of the bound notification.
    Bits(u64),
    /// The deadline has passed.
    Deadline,
    /// The last handle with this badge is gone.
    Closed(u64),
    /// A thread faulted whose fault channel this is. Replying to the token runs the instruction again.
    Fault(Faulted),
}

impl From<sys::Received> for Event {
    fn from(received: sys::Received) -> Event {
        match received.tag.kind() {
            Kind::Call => Event::Call(Incoming {
                badge: received.badge,
                handles: Handles::received(received.tag),
                payload: message::Payload::received(received.tag, &received.words),
                token: Token::new(received.token, Answers::Call),
            }),
            Kind::Bits => Event::Bits(received.badge),
            Kind::Deadline => Event::Deadline,
            Kind::Closed => Event::Closed(received.badge),
            Kind::Fault => Event::Fault(Faulted {
                badge: received.badge,
                words: received.words,
                token: Token::new(received.token, Answers::Fault),
            }),
        }
    }
}

/// A call that was received.
#[derive(Debug)]
pub struct Incoming {
    /// Who calls: the badge that the server gave it.
    pub badge: u64,
    /// Handles that came along; those not taken out are closed.
    pub handles: Handles,
    /// To answer by.
    pub token: Token,
    payload: message::Payload,
}

impl Incoming {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.payload.bytes()
    }

    /// The request, if it comes with as many handles as such a request takes, or [`Error::Malformed`] to answer with.
    pub fn request_taking<R: DeserializeOwned>(&self, handles: impl FnOnce(&R) -> usize) -> Result<R, Error> {
        let request = self.request()?;
        if self.handles.len() == handles(&request) { Ok(request) } else { Err(Error::Malformed) }
    }

    /// The request, or [`Error::Malformed`] to answer with. How many handles came is the caller's business.
    pub fn request<R: DeserializeOwned>(&self) -> Result<R, Error> {
        protocol::decode(self.payload.bytes())
    }
}

/// A fault that was received.
#[derive(Debug)]
pub struct Faulted {
    /// The badge of the fault channel: which thread.
    pub badge: u64,
    /// See `abi::message::Fault`.
    pub words: [u64; 8],
    /// Resumes the thread; dropped, the thread stays where it is.
    pub token: Token,
}

/// The right to answer one call, once. Dropped unanswered, the caller gets [`Error::Internal`], so no client hangs.
#[must_use = "dropping a token answers Internal"]
pub struct Token {
    value: u64,
    of: Answers,
}

/// What a token answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// A call.
    Call,
    /// A fault: unanswered, the thread stays where it is.
    Fault,
}

/// An answer and the handles that go with it: none with an error.
fn apart<P: Protocol>(answer: Result<(P::Reply, Handles), Error>) -> (Answer<P>, Handles) {
    match answer {
        Ok((reply, handles)) => (Ok(reply), handles),
        Err(error) => (Err(error), Handles::none()),
    }
}

impl Token {
    const fn new(value: u64, of: Answers) -> Token {
        Token { value, of }
    }

    /// Answers. A caller that is gone does not matter.
    pub fn reply<P: Protocol>(self, answer: Answer<P>) {
        self.give::<P>(&answer, Handles::none());
    }

    /// Answers with handles.
    pub fn reply_with<P: Protocol>(self, answer: Result<(P::Reply, Handles), Error>) {
        let (answer, handles) = apart::<P>(answer);
        self.give::<P>(&answer, handles);
    }

    fn give<P: Protocol>(self, answer: &Answer<P>, handles: Handles) {
        match message::prepare(answer, &handles) {
            Ok((tag, words)) => {
                if sys::reply(self.spend(), tag, words).is_ok() {
                    handles.moved();
                }
            }
            Err(error) => {
                let too_long: Answer<P> = Err(error);
                if let Ok((tag, words)) = message::prepare(&too_long, &Handles::none()) {
                    let _ = sys::reply(self.spend(), tag, words);
                }
            }
        }
    }

    /// Resumes a thread that faulted.
    pub fn resume(self) {
        let _ = sys::reply(self.spend(), wire::Tag(0), [0; 8]);
    }

    /// Leaves the caller waiting for ever: for a process that is about to be destroyed.
    pub fn abandon(self) {
        let _ = self.spend();
    }

    fn spend(self) -> u64 {
        let value = self.value;
        core::mem::forget(self);
        value
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.of == Answers::Fault {
            return;
        }
        let nothing: Result<(), Error> = Err(Error::Internal);
        if let Ok((tag, words)) = message::prepare(&nothing, &Handles::none()) {
            let _ = sys::reply(self.value, tag, words);
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:#x})", self.handle.raw())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:#x})", self.value)
    }
}
