//! The same for tasks of an executor: many connections in one thread.
//!
//! All sockets of a session share its bits: at each event every task that waits looks at its own ring again.

use alloc::sync::Arc;

use protocol::{
    Error, Text,
    net::{ConnectionState, Failure, Remote, Reply, Request, SocketState, Step},
};

use super::{Network, TcpListener, TcpStream, Tls};
use crate::{
    executor::{Either, Spawner, select},
    ring::Taken,
};

impl Network {
    /// Waits for the next event of this session, or the deadline: [`Error::TimedOut`].
    pub async fn event(&self, spawner: &Spawner, deadline: u64) -> Result<(), Error> {
        if self.is_dead() {
            return Err(Error::ServerDied);
        }
        match select(spawner.bits(self.pair().mask()), spawner.sleep_until(deadline)).await {
            Either::First(bits) => {
                self.note_bits(bits);
                Ok(())
            }
            Either::Second(()) => Err(Error::TimedOut),
        }
    }
}

impl TcpStream {
    /// [`TcpStream::connect`] without stopping the thread.
    pub async fn connect_in(
        spawner: &Spawner,
        network: &Arc<Network>,
        remote: Remote,
        tls: Option<&Tls>,
        deadline: u64,
    ) -> Result<TcpStream, Failure> {
        let fail = |error| Failure { step: Step::Connect, error, detail: Text::default() };
        let id = TcpStream::begin(network, remote, tls, deadline).map_err(fail)?;
        loop {
            let state = match network.ask(&Request::State { id }) {
                Ok(Reply::State(state)) => Ok(state),
                Ok(_) => Err(fail(Error::Protocol)),
                Err(error) => Err(fail(error)),
            };
            let ready = match state {
                Ok(SocketState { failure: Some(failure), .. }) => Some(Err(failure)),
                Ok(state) if is_up(state.state) => {
                    Some(TcpStream::with_rings(network, id, state.remote, super::tcp::RING).map_err(fail))
                }
                Ok(_) => network.event(spawner, deadline).await.err().map(|error| Err(fail(error))),
                Err(failure) => Some(Err(failure)),
            };
            if let Some(result) = ready {
                if result.is_err() {
                    network.close(id);
                }
                return result;
            }
        }
    }

    /// [`TcpStream::read`] without stopping the thread.
    pub async fn read_in(&mut self, spawner: &Spawner, to: &mut [u8], deadline: u64) -> Result<usize, Error> {
        loop {
            match self.poll_read(to)? {
                Taken::Bytes(count) => return Ok(count),
                Taken::End => return Ok(0),
                Taken::Nothing if to.is_empty() => return Ok(0),
                Taken::Nothing => {
                    if self.read_must_sleep()? {
                        self.network().event(spawner, deadline).await?;
                    }
                }
            }
        }
    }

    /// [`TcpStream::write_all`] without stopping the thread.
    pub async fn write_all_in(&mut self, spawner: &Spawner, mut from: &[u8], deadline: u64) -> Result<(), Error> {
        while !from.is_empty() {
            let count = self.poll_write(from)?;
            from = from.get(count..).unwrap_or_default();
            if count == 0 && self.write_must_sleep()? {
                self.network().event(spawner, deadline).await?;
            }
        }
        Ok(())
    }
}

/// Whether bytes can flow.
fn is_up(state: ConnectionState) -> bool {
    use ConnectionState::*;
    matches!(state, Established | CloseWait | FinWait1 | FinWait2 | Closing | LastAck | TimeWait)
}

impl TcpListener {
    /// [`TcpListener::accept`] without stopping the thread.
    pub async fn accept_in(&self, spawner: &Spawner, deadline: u64) -> Result<TcpStream, Error> {
        loop {
            match self.accept(0) {
                Err(Error::TimedOut) => self.network().event(spawner, deadline).await?,
                result => return result,
            }
        }
    }
}
