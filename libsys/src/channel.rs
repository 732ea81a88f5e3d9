//! The client's end of a channel.

use core::{fmt, marker::PhantomData};

use abi::{Handle, Rights};
use protocol::{Answer, Error, Protocol};

use crate::{Handles, OwnedHandle, message, sys};

/// A channel to a server that speaks `P`.
///
/// A `call` stops the thread until the server answers. It is for prompt requests; what may wait goes by a session's ring where
/// a thread has other things to do.
pub struct Channel<P: Protocol> {
    handle: OwnedHandle,
    protocol: PhantomData<fn(P)>,
}

impl<P: Protocol> Channel<P> {
    /// Takes charge of a handle to a channel that speaks `P`; `names` has checked that.
    pub const fn adopt(handle: OwnedHandle) -> Channel<P> {
        Channel { handle, protocol: PhantomData }
    }

    /// The handle, for the moment.
    pub fn handle(&self) -> Handle {
        self.handle.handle()
    }

    /// The handle without its type: to give it away.
    pub fn into_inner(self) -> OwnedHandle {
        self.handle
    }

    /// A second handle to the same session.
    pub fn dup(&self) -> Result<Channel<P>, Error> {
        Ok(Channel::adopt(self.handle.dup(Rights::CALL | Rights::TRANSFER)?))
    }

    /// Asks, without handles either way; handles that come all the same are closed.
    pub fn call(&self, request: &P::Request) -> Answer<P> {
        self.call_with(request, Handles::none()).map(|(reply, _)| reply)
    }

    /// Asks, with handles. They have moved if this succeeds, and else are closed.
    pub fn call_with(&self, request: &P::Request, handles: Handles) -> Result<(P::Reply, Handles), Error> {
        call::<P>(self.handle(), request, handles)
    }

    /// Asks for something that comes with exactly one handle.
    pub fn call_for_handle(&self, request: &P::Request, handles: Handles) -> Result<(P::Reply, OwnedHandle), Error> {
        let (reply, handles) = self.call_with(request, handles)?;
        let [handle] = handles.exactly()?;
        Ok((reply, handle))
    }
}

impl<P: Protocol> fmt::Debug for Channel<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel<{}>({:#x})", P::NAME, self.handle().raw())
    }
}

/// A call on a handle that nobody owns: the first handles.
pub(crate) fn call<P: Protocol>(
    channel: Handle,
    request: &P::Request,
    handles: Handles,
) -> Result<(P::Reply, Handles), Error> {
    let (tag, words) = message::prepare(request, &handles)?;
    let (tag, words) = sys::call(channel, tag, words)?;
    handles.moved();
    let received = Handles::received(tag);
    let answer: Answer<P> = message::decode(tag, &words)?;
    answer.map(|reply| (reply, received))
}
