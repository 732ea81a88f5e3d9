//! Sockets as clients see them.
//!
//! ```text
//!  Resolving ─► Connecting ─► (Handshaking) ─► Open ─► … closed by the client, or by its session's end
//!      └────────────┴─────────────┴──────────────┴──► Failed(why); the id stays until it is closed
//! ```

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use libsys::protocol::net::{Failure, Remote, TlsClient};
use tcpip::{LookupId, SocketId, SocketOptions};

use crate::{crypto::ServerConfig, secure::Secure, session::Key};

/// A socket.
pub struct Socket {
    /// The session that made it: its client is told.
    pub session: u64,
    /// The process that made it.
    pub process: u64,
    /// Sessions that have it.
    pub shares: u32,
    /// What it is.
    pub kind: Kind,
}

/// What a socket is.
pub enum Kind {
    /// A connection.
    Tcp(Box<Tcp>),
    /// A listener.
    Listener(SocketId, Option<ServerConfig>),
    /// A UDP socket.
    Udp(SocketId),
}

/// A connection.
pub struct Tcp {
    /// The stack's, once it has begun.
    pub id: Option<SocketId>,
    /// How far it is.
    pub stage: Stage,
    /// Where it goes.
    pub remote: Remote,
    /// TLS as it was asked for, until it begins.
    pub wanted: Option<Box<Wanted>>,
    /// TLS.
    pub secure: Option<Box<Secure>>,
    /// When connecting is given up, ns since boot.
    pub deadline: u64,
    /// Options, as far as they were set.
    pub options: SocketOptions,
    /// The client's rings are attached.
    pub rings: bool,
    /// The peer closed its direction.
    pub ended: bool,
    /// The connection is over.
    pub closed: bool,
    /// Further addresses of the name.
    pub others: Vec<core::net::IpAddr>,
}

/// TLS as a client asked for it.
pub struct Wanted {
    /// What it asked.
    pub tls: TlsClient,
    /// Its own roots.
    pub roots: Vec<u8>,
}

/// How far a connection is.
pub enum Stage {
    /// Its name is looked up.
    Resolving(LookupId),
    /// TCP.
    Connecting,
    /// TLS.
    Handshaking,
    /// Bytes flow.
    Open,
    /// It failed.
    Failed(Failure),
}

impl Tcp {
    /// One that is not connected yet.
    pub fn new(remote: Remote, stage: Stage, deadline: u64) -> Tcp {
        Tcp {
            id: None,
            stage,
            remote,
            wanted: None,
            secure: None,
            deadline,
            options: SocketOptions::default(),
            rings: false,
            ended: false,
            closed: false,
            others: Vec::new(),
        }
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.stage {
            Stage::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether it is still on its way.
    pub fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Resolving(_) | Stage::Connecting | Stage::Handshaking)
    }
}

/// All sockets, by key and by the stack's id.
#[derive(Default)]
pub struct Sockets {
    table: BTreeMap<Key, Socket>,
    by_id: BTreeMap<SocketId, Key>,
    last: u32,
}

impl Sockets {
    /// Adds one.
    pub fn add(&mut self, socket: Socket) -> Key {
        loop {
            self.last = self.last.wrapping_add(1);
            let key = Key(self.last);
            if !self.table.contains_key(&key) {
                if let Some(id) = socket.stack_id() {
                    self.by_id.insert(id, key);
                }
                self.table.insert(key, socket);
                return key;
            }
        }
    }

    /// The socket's connection has an id of the stack now.
    pub fn link(&mut self, key: Key, id: SocketId) {
        self.by_id.insert(id, key);
        if let Some(Socket { kind: Kind::Tcp(tcp), .. }) = self.table.get_mut(&key) {
            tcp.id = Some(id);
        }
    }

    /// The stack's id is gone.
    pub fn unlink(&mut self, id: SocketId) {
        self.by_id.remove(&id);
    }

    /// Whose the stack's id is.
    pub fn key_of(&self, id: SocketId) -> Option<Key> {
        self.by_id.get(&id).copied()
    }

    /// The socket.
    pub fn get(&self, key: Key) -> Option<&Socket> {
        self.table.get(&key)
    }

    /// The socket.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.table.get_mut(&key)
    }

    /// The connection.
    pub fn tcp(&mut self, key: Key) -> Option<&mut Tcp> {
        match &mut self.table.get_mut(&key)?.kind {
            Kind::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// Takes it out.
    pub fn remove(&mut self, key: Key) -> Option<Socket> {
        let socket = self.table.remove(&key)?;
        if let Some(id) = socket.stack_id() {
            self.by_id.remove(&id);
        }
        Some(socket)
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Socket)> {
        self.table.iter().map(|(key, socket)| (*key, socket))
    }
}

impl Socket {
    /// The stack's id of it.
    pub fn stack_id(&self) -> Option<SocketId> {
        match &self.kind {
            Kind::Tcp(tcp) => tcp.id,
            Kind::Listener(id, _) | Kind::Udp(id) => Some(*id),
        }
    }
}
