//! A client's session: what it may do, its shared memory, its sockets by id.

use alloc::{sync::Arc, vec::Vec};

use libsys::{
    Doorbell, Error, Handles, Notification, Pool, Rights,
    names::{Work, bits},
    protocol::{
        Id,
        net::Service,
        session::{Attach, Attached},
    },
    sessions::Objects,
    window::{ServerSide, Window},
};
use netlogic::Permit;

/// The protocol, for answers.
pub type Net = Service;

/// Names a socket of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub u32);

/// What an id of a session stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The network.
    Network,
    /// A socket.
    Socket(Key),
}

/// A session.
pub struct Session {
    /// What it may do.
    pub permit: Permit,
    /// The client's process number.
    pub client: u64,
    /// By id.
    pub objects: Objects<Object>,
    /// Its shared memory, once attached.
    pub link: Option<Link>,
}

/// The shared memory of a session, and how its client is told.
#[derive(Clone)]
pub struct Link {
    /// For bytes that a message can't hold.
    pub window: Window,
    /// Rings the client.
    pub bell: Arc<Doorbell>,
    /// Pays for the rings.
    pub pool: Arc<Pool>,
    /// What the client rings.
    pub pair: bits::Pair,
}

impl Session {
    /// For a client that opens `net`.
    pub fn new(work: &Work) -> Result<Session, Error> {
        Ok(Session::with(Permit::new(&work.narrowings)?, work.client.process, Object::Network))
    }

    /// With this as object 0.
    pub fn with(permit: Permit, client: u64, root: Object) -> Session {
        Session { permit, client, objects: Objects::new(root), link: None }
    }

    /// The socket of an id: [`Error::WrongKind`] for the network itself.
    pub fn socket(&self, id: Id) -> Result<Key, Error> {
        match self.objects.get(id)? {
            Object::Socket(key) => Ok(*key),
            Object::Network => Err(Error::WrongKind),
        }
    }

    /// Its shared memory: [`Error::BadArgument`] before `Attach`.
    pub fn link(&self) -> Result<&Link, Error> {
        self.link.as_ref().ok_or(Error::BadArgument)
    }

    /// Its window, if it is attached.
    pub fn window(&self) -> Option<&Window> {
        self.link.as_ref().map(|link| &link.window)
    }

    /// Tells the client that something changed.
    pub fn ring(&self) {
        if let Some(link) = &self.link {
            let _ = link.bell.ring();
        }
    }

    /// All its sockets.
    pub fn sockets(&self) -> Vec<Key> {
        let key = |object: &Object| match object {
            Object::Socket(key) => Some(*key),
            Object::Network => None,
        };
        self.objects.iter().filter_map(|(_, object)| key(object)).collect()
    }

    /// Serves `Attach`. Request rings are not offered: what waits here waits by call or by the events' bit.
    pub fn attach(
        &mut self,
        request: Attach,
        handles: Handles,
        notification: &Notification,
    ) -> Result<(Attached, Handles), Error> {
        if self.link.is_some() {
            return Err(Error::Exists);
        }
        if request.slots != 0 {
            return Err(Error::Unsupported);
        }
        let [pool, bell] = handles.exactly()?;
        let pool = Pool::adopt(pool);
        let again = pool.dup(Rights::MAKE)?;
        let pair = bits::take_pair();
        match ServerSide::attach(request, Handles::two(pool, bell), notification, pair) {
            Ok((side, attached, handles)) => {
                let (window, bell) = (side.window, Arc::new(side.bell));
                self.link = Some(Link { window, bell, pool: Arc::new(again), pair });
                Ok((attached, handles))
            }
            Err(error) => {
                bits::give_pair(pair);
                Err(error)
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            bits::give_pair(link.pair);
        }
    }
}
