//! Who waits for which service: `names.open` until a server answered it (`contracts.md` §7).
//!
//! ```text
//!  open ─► waiting ── next ──► taken ── give, refuse ──► answered
//!             ▲                  │
//!             └─ the server died ┘        5 s after the open: Unavailable, wherever it stands
//! ```
//!
//! `T` is what answers the client (a reply token); it comes back exactly once, from whichever call ends the request.

use alloc::{string::String, vec::Vec};

use protocol::Error;

use crate::{SECOND, Time};

/// How long an open waits.
pub const PATIENCE: u64 = 5 * SECOND;
/// How long a server may leave a request untouched before it counts as hung.
pub const HUNG: u64 = 10 * SECOND;
/// Opens of one client that wait, at most.
pub const MAX_PER_CLIENT: usize = 8;
/// Opens that wait, at most.
pub const MAX_OPENS: usize = 2048;

/// A request to open a service.
#[derive(Debug)]
pub struct Open<T> {
    /// Names it to the server.
    pub number: u32,
    /// The provider's place in the list of services.
    pub provider: usize,
    /// The client's process number.
    pub client: u32,
    /// What the server is to apply, in order.
    pub narrowings: Vec<String>,
    /// Which of the server's protocols is wanted.
    pub protocol: String,
    /// How many bindings the name has.
    pub bindings: u8,
    /// Answers the client.
    pub token: T,
    /// When it is given up.
    pub until: Time,
    taken: bool,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// See [`Open::provider`].
    pub provider: usize,
    /// See [`Open::client`].
    pub client: u32,
    /// See [`Open::narrowings`].
    pub narrowings: Vec<String>,
    /// See [`Open::protocol`].
    pub protocol: String,
    /// See [`Open::bindings`].
    pub bindings: u8,
}

/// All requests, in the order they came.
#[derive(Debug)]
pub struct Opens<T> {
    list: Vec<Open<T>>,
    next: u32,
}

impl<T> Default for Opens<T> {
    fn default() -> Self {
        Opens { list: Vec::new(), next: 1 }
    }
}

impl<T> Opens<T> {
    /// Adds a request; its number. On an error the token comes back, to be answered with it.
    ///
    /// # Errors
    /// `Limit`: the client has too many, or all together have.
    pub fn add(&mut self, wanted: Wanted, token: T, now: Time) -> Result<u32, (Error, T)> {
        let own = self.list.iter().filter(|open| open.client == wanted.client).count();
        if own >= MAX_PER_CLIENT || self.list.len() >= MAX_OPENS {
            return Err((Error::Limit, token));
        }
        let number = self.next;
        self.next = self.next.checked_add(1).unwrap_or(1);
        let Wanted { provider, client, narrowings, protocol, bindings } = wanted;
        let until = now.saturating_add(PATIENCE);
        self.list.push(Open { number, provider, client, narrowings, protocol, bindings, token, until, taken: false });
        Ok(number)
    }

    /// The next request that a provider has not taken yet; it is taken now.
    pub fn take(&mut self, provider: usize) -> Option<&Open<T>> {
        let open = self.list.iter_mut().find(|open| open.provider == provider && !open.taken)?;
        open.taken = true;
        Some(open)
    }

    /// Ends a request that this provider took: what answers it.
    ///
    /// # Errors
    /// `NotFound`: no such request, not the provider's, or not taken.
    pub fn finish(&mut self, provider: usize, number: u32) -> Result<Open<T>, Error> {
        let own = |open: &Open<T>| open.number == number && open.provider == provider && open.taken;
        let at = self.list.iter().position(own).ok_or(Error::NotFound)?;
        Ok(self.list.remove(at))
    }

    /// The provider died: what it took waits for its next instance. Whether any request waits.
    pub fn release(&mut self, provider: usize) -> bool {
        let mut any = false;
        for open in self.list.iter_mut().filter(|open| open.provider == provider) {
            open.taken = false;
            any = true;
        }
        any
    }

    /// Whether requests wait that the provider has not taken.
    #[must_use]
    pub fn waiting(&self, provider: usize) -> bool {
        self.list.iter().any(|open| open.provider == provider && !open.taken)
    }

    /// Which provider a client waits for.
    #[must_use]
    pub fn provider_for(&self, client: u32) -> Option<usize> {
        self.list.iter().find(|open| open.client == client).map(|open| open.provider)
    }

    /// Ends all requests for a provider: it is not coming back.
    pub fn abandon(&mut self, provider: usize) -> Vec<T> {
        self.remove(|open| open.provider == provider)
    }

    /// Ends a client's requests: it is over.
    pub fn forget(&mut self, client: u32) -> Vec<T> {
        self.remove(|open| open.client == client)
    }

    /// Ends what waited too long.
    pub fn expire(&mut self, now: Time) -> Vec<T> {
        self.remove(|open| open.until <= now)
    }

    /// When [`Opens::expire`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.list.iter().map(|open| open.until).min()
    }

    fn remove(&mut self, which: impl Fn(&Open<T>) -> bool) -> Vec<T> {
        self.list.extract_if(.., |open| which(open)).map(|open| open.token).collect()
    }
}

/// Whether a server answers: it has not touched any request since the oldest one that waits for it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attention {
    since: Option<Time>,
}

impl Attention {
    /// A request came for it.
    pub fn asked(&mut self, now: Time) {
        self.since.get_or_insert(now);
    }

    /// It did something about its requests.
    pub fn answered(&mut self) {
        self.since = None;
    }

    /// Whether it has left a request untouched for [`HUNG`].
    #[must_use]
    pub fn hung(&self, now: Time) -> bool {
        self.since.is_some_and(|since| now.saturating_sub(since) >= HUNG)
    }
}
