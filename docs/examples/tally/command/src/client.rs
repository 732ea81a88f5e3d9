//! The client's side of `tally`: one session, opened again when the server has died.

// ANCHOR: client
use libsys::protocol::Idempotent;
use libsys::{Channel, Error, names};
use tally::{Reply, Request, Service};

/// A session with tally: one count.
pub struct Tally(Channel<Service>);

impl Tally {
    /// A new session; its count is 0.
    pub fn open() -> Result<Tally, Error> {
        Ok(Tally(names::open("tally")?))
    }

    /// Adds, and returns the count.
    pub fn add(&mut self, number: u32) -> Result<u64, Error> {
        self.ask(&Request::Add(number))
    }

    /// The count.
    pub fn look(&mut self) -> Result<u64, Error> {
        self.ask(&Request::Look)
    }

    fn ask(&mut self, request: &Request) -> Result<u64, Error> {
        let mut tries = 0;
        loop {
            match self.0.call(request) {
                Ok(Reply::Count(count)) => return Ok(count),
                Err(Error::ServerDied) if tries < names::RETRIES => {
                    // The session went with the server. `open` waits for the next server.
                    self.0 = names::open("tally")?;
                    if !request.idempotent() {
                        // It may have been done. Who asked must know.
                        return Err(Error::ServerDied);
                    }
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
// ANCHOR_END: client
