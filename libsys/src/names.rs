//! The name space: opening services by name, and, for servers, answering those who open theirs.

use alloc::string::{String, ToString};

use abi::{Handle, user};
use protocol::{
    Error, Protocol, Text,
    names::{self, Entry, Place, Reply, Request, Source},
};

use crate::{Channel, Handles, OwnedHandle, channel, pieces, sessions::Client};

/// How often a request is repeated after its server died.
pub const RETRIES: usize = 3;

/// A name space: the process's own, or a copy to narrow and give to a child.
#[derive(Debug)]
pub struct NameSpace(Option<Channel<names::Service>>);

impl NameSpace {
    /// The process's own.
    pub const fn own() -> NameSpace {
        NameSpace(None)
    }

    /// One whose handle was given to this process.
    pub const fn adopt(handle: OwnedHandle) -> NameSpace {
        NameSpace(Some(Channel::adopt(handle)))
    }

    fn handle(&self) -> Handle {
        self.0.as_ref().map_or(user::NAMES_CHANNEL, Channel::handle)
    }

    fn ask(&self, request: &Request, handles: Handles) -> Result<(Reply, Handles), Error> {
        channel::call::<names::Service>(self.handle(), request, handles)
    }

    fn done(&self, request: &Request) -> Result<(), Error> {
        match self.ask(request, Handles::none())? {
            (Reply::Done, _) => Ok(()),
            _ => Err(Error::Protocol),
        }
    }

    /// Opens a name, its first binding.
    pub fn open<P: Protocol>(&self, name: &str) -> Result<Channel<P>, Error> {
        self.open_binding(name, 0).map(|(channel, _)| channel)
    }

    /// Opens one binding of a name; also tells how many there are. A server that dies while it answers is asked again.
    pub fn open_binding<P: Protocol>(&self, name: &str, binding: u8) -> Result<(Channel<P>, u8), Error> {
        let request = Request::Open { name: text(name)?, protocol: Text::cut(P::NAME), major: P::MAJOR, binding };
        let mut tries = 0;
        loop {
            match self.ask(&request, Handles::none()) {
                Ok((Reply::Opened { bindings }, handles)) => {
                    let [handle] = handles.exactly()?;
                    return Ok((Channel::adopt(handle), bindings));
                }
                Ok(_) => return Err(Error::Protocol),
                Err(Error::ServerDied) if tries < RETRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// About one name.
    pub fn look(&self, name: &str) -> Result<Entry, Error> {
        match self.ask(&Request::Look { name: text(name)? }, Handles::none())? {
            (Reply::Names(entries), _) => entries.into_iter().next().ok_or(Error::NotFound),
            _ => Err(Error::Protocol),
        }
    }

    /// All names.
    pub fn list(&self) -> Result<alloc::vec::Vec<Entry>, Error> {
        pieces::by_place(usize::from(u16::MAX), |skip| match self.ask(&Request::List { skip }, Handles::none())? {
            (Reply::Names(entries), _) => Ok(entries),
            _ => Err(Error::Protocol),
        })
    }

    /// Binds a name.
    pub fn bind(&self, name: &str, from: Source, place: Place) -> Result<(), Error> {
        self.done(&Request::Bind { name: text(name)?, from, place })
    }

    /// Binds a name to a directory, `NAME:dir`: an assign.
    pub fn assign(&self, name: &str, target: &str, place: Place) -> Result<(), Error> {
        let (volume, path) = crate::fs::path::split(target)?;
        let narrowing = Text::try_from(path.as_str())?;
        self.bind(name, Source::Name { name: text(&volume)?, binding: 0, narrowing }, place)
    }

    /// Removes a name, or one of its bindings.
    pub fn unbind(&self, name: &str, binding: Option<u8>) -> Result<(), Error> {
        self.done(&Request::Unbind { name: text(name)?, binding })
    }

    /// Adds a narrowing to every binding of a name.
    pub fn narrow(&self, name: &str, narrowing: &str) -> Result<(), Error> {
        self.done(&Request::Narrow { name: text(name)?, narrowing: Text::try_from(narrowing)? })
    }

    /// A copy.
    pub fn copy(&self) -> Result<NameSpace, Error> {
        match self.ask(&Request::Copy, Handles::none())? {
            (Reply::Done, handles) => {
                let [handle] = handles.exactly()?;
                Ok(NameSpace::adopt(handle))
            }
            _ => Err(Error::Protocol),
        }
    }

    /// Its handle, to give to a child; the process's own can't be given away like this.
    pub fn into_handle(self) -> Option<OwnedHandle> {
        self.0.map(Channel::into_inner)
    }
}

fn text(name: &str) -> Result<names::Name, Error> {
    Text::try_from(name).map_err(|_| Error::InvalidName)
}

/// Opens a name of the process's own name space.
pub fn open<P: Protocol>(name: &str) -> Result<Channel<P>, Error> {
    NameSpace::own().open(name)
}

/// An open request that a server has to answer. Dropped, it is refused with [`Error::Unavailable`].
#[derive(Debug)]
pub struct Work {
    number: Option<u32>,
    /// What to apply, in order; each can only shrink.
    pub narrowings: alloc::vec::Vec<String>,
    /// Who asks.
    pub client: Client,
    /// Which of the server's protocols is wanted.
    pub protocol: String,
}

impl Work {
    /// The next open request for this server, if there is one. The first call tells init that the server is ready; later ones
    /// follow bit 6 of the own notification ([`WORK`]).
    pub fn next() -> Result<Option<Work>, Error> {
        match NameSpace::own().ask(&Request::Next, Handles::none()) {
            Ok((Reply::Work { request, narrowings, label, job, protocol }, _)) => Ok(Some(Work {
                number: Some(request),
                narrowings: narrowings.into_iter().map(Text::into_string).collect(),
                client: Client { process: label, job },
                protocol: protocol.to_string(),
            })),
            Ok(_) => Err(Error::Protocol),
            Err(Error::NoMoreEntries) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the client its session.
    pub fn give(mut self, session: OwnedHandle) -> Result<(), Error> {
        let request = Request::Give { request: self.number.take().unwrap_or(0) };
        NameSpace::own().ask(&request, Handles::one(session)).map(drop)
    }

    /// Refuses.
    pub fn refuse(mut self, error: Error) {
        self.answer(error);
    }

    fn answer(&mut self, error: Error) {
        if let Some(request) = self.number.take() {
            // The client may be gone, and so may the request.
            let _ = NameSpace::own().done(&Request::Refuse { request, error });
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.answer(Error::Unavailable);
    }
}

/// Bits of the own notification, `contracts.md` §5.
pub mod bits {
    /// BREAK C to F.
    pub const BREAKS: u64 = 0xf;
    /// BREAK C.
    pub const BREAK_C: u64 = 1;
    /// BREAK D.
    pub const BREAK_D: u64 = 2;
    /// A child is over.
    pub const CHILD: u64 = 1 << 4;
    /// The system is going down.
    pub const SHUTDOWN: u64 = 1 << 5;
    /// Somebody wants to open what this server provides.
    pub const WORK: u64 = 1 << 6;
    /// The first of eight for interrupts.
    pub const INTERRUPT: u64 = 1 << 8;
    /// The event of standard input, output and error; the next bit tells that the peer is gone.
    pub const STREAMS: [u64; 3] = [1 << 16, 1 << 18, 1 << 20];
    /// The first of 21 pairs (event, peer gone) for what the process opens.
    pub const FIRST_PAIR: u32 = 22;

    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    /// Pairs that are not shared.
    const OWN_PAIRS: u32 = 20;
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    /// Where the search for a free pair starts.
    static TURN: AtomicU32 = AtomicU32::new(0);

    /// A pair of bits: an event, and that its sender is gone.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Pair {
        /// The event's bit.
        pub event: u64,
        /// The bit for "gone".
        pub gone: u64,
    }

    impl Pair {
        /// Both.
        pub const fn mask(self) -> u64 {
            self.event | self.gone
        }

        /// The pair of a standard stream.
        pub const fn stream(index: usize) -> Pair {
            Pair { event: STREAMS[index], gone: STREAMS[index] << 1 }
        }
    }

    /// A pair that nobody else uses; when all are taken, the last one, which is then shared: on a shared bit every session
    /// that has it is looked at.
    ///
    /// Pairs are given out in turn: the last word of an earlier peer, that it is gone, may come after its pair was given
    /// back, and must not be taken for the next one's.
    pub fn take_pair() -> Pair {
        let turn = TURN.load(Ordering::Relaxed);
        let mut taken = TAKEN.load(Ordering::Relaxed);
        let number = loop {
            let free =
                (0..OWN_PAIRS).map(|n| (turn + n) % OWN_PAIRS).find(|n| taken & 1 << n == 0).unwrap_or(OWN_PAIRS);
            match TAKEN.compare_exchange_weak(taken, taken | 1 << free, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break free,
                Err(now) => taken = now,
            }
        };
        let pair = pair(number);
        if number < OWN_PAIRS {
            TURN.store((number + 1) % OWN_PAIRS, Ordering::Relaxed);
            // What came for the one before is nobody's any more.
            let _ = crate::server::wait_bits(pair.mask(), 0);
        }
        pair
    }

    /// Gives a pair back. The shared last one stays taken.
    pub fn give_pair(pair: Pair) {
        let number = (pair.event.trailing_zeros().saturating_sub(FIRST_PAIR)) / 2;
        if number < OWN_PAIRS && pair.event >= 1 << FIRST_PAIR {
            TAKEN.fetch_and(!(1 << number), Ordering::Relaxed);
        }
    }

    /// For a clone: none of its parent's pairs is taken.
    #[cfg(target_os = "viaether")]
    pub(crate) fn forget() {
        TAKEN.store(0, Ordering::Relaxed);
    }

    fn pair(number: u32) -> Pair {
        let event = 1 << (FIRST_PAIR + 2 * number);
        Pair { event, gone: event << 1 }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn pairs_are_distinct_until_they_run_out() {
            let pairs: alloc::vec::Vec<Pair> = (0..20).map(|_| take_pair()).collect();
            let all = pairs.iter().fold(0, |all, pair| {
                assert_eq!(all & pair.mask(), 0);
                all | pair.mask()
            });
            assert_eq!(all, ((1 << 62) - 1) & !((1 << 22) - 1));
            let shared = take_pair();
            assert_eq!(shared.gone, 1 << 63);
            assert_eq!(take_pair(), shared);
            give_pair(shared);
            give_pair(pairs[3]);
            assert_eq!(take_pair(), pairs[3]);
            for pair in pairs {
                give_pair(pair);
            }
        }
    }
}
