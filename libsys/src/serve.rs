//! What every server does: letting clients in, knowing who calls, forgetting who left.
//!
//! ```text
//!   WORK bit ─► admit ─► Work{narrowings} ─► the server's session ─► badged handle ─► client
//!   call ─────► Incoming.badge ─► sessions.get ─► the request ─► receiver.reply
//!   Closed ───► sessions.close: all that the client had is dropped
//! ```
//!
//! A simple server is a loop:
//!
//! ```ignore
//! let mut desk = Desk::new()?;
//! desk.admit(|work| Ok(MySession::new(&work.narrowings)))?;          // tells init that the server is ready
//! loop {
//!     match desk.receiver.recv(u64::MAX)? {
//!         Event::Call(call) => { let answer = desk.sessions.get(call.badge).and_then(|s| s.serve(&call)); … }
//!         Event::Bits(bits) if bits & bits::WORK != 0 => desk.admit(…)?,
//!         Event::Closed(badge) => drop(desk.sessions.close(badge)),
//!         _ => {}
//!     }
//! }
//! ```

use protocol::Error;

use crate::{
    Grant, OwnedHandle, Pool, Receiver, env,
    names::Work,
    sessions::{Client, Sessions},
};

/// A server's channel and its sessions.
#[derive(Debug)]
pub struct Desk<S> {
    /// Where clients call.
    pub receiver: Receiver,
    /// Who they are.
    pub sessions: Sessions<S>,
    pool: Pool,
}

impl<S> Desk<S> {
    /// A new channel, paid by the process's own pool, without clients.
    pub fn new() -> Result<Desk<S>, Error> {
        let pool = Pool::own()?;
        let receiver = Receiver::new(&pool)?;
        Ok(Desk { receiver, sessions: Sessions::new(env::number()), pool })
    }

    /// The pool that pays for the clients' handles.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Answers all open requests that wait. `session` decides by the narrowings, and makes the session or refuses. The first
    /// call tells init that the server is ready; later ones follow the WORK bit.
    pub fn admit(&mut self, mut session: impl FnMut(&Work) -> Result<S, Error>) -> Result<(), Error> {
        while let Some(work) = Work::next()? {
            match session(&work).and_then(|session| self.open(work.client, session)) {
                Ok((handle, _, badge)) => {
                    if work.give(handle).is_err() {
                        // The client did not wait.
                        drop(self.sessions.close(badge));
                    }
                }
                Err(error) => work.refuse(error),
            }
        }
        Ok(())
    }

    /// A new session for a client, and the handle to give it: for `Share`, and for what is not opened by name.
    pub fn open(&mut self, client: Client, session: S) -> Result<(OwnedHandle, Grant, u64), Error> {
        let badge = self.sessions.open(client, session)?.to_u64();
        match self.receiver.client(&self.pool, badge) {
            Ok((handle, grant)) => Ok((handle, grant, badge)),
            Err(error) => {
                drop(self.sessions.close(badge));
                Err(error)
            }
        }
    }

    /// Another session for the client of a session that is open: `Share`.
    pub fn share(&mut self, of: u64, session: S) -> Result<OwnedHandle, Error> {
        let client = self.sessions.client(of).ok_or(Error::Stale)?;
        self.open(client, session).map(|(handle, _, _)| handle)
    }
}
