//! Port 80: accepting connections, as long as netd lives, and again when it does.

use alloc::rc::Rc;
use core::cell::Cell;

use libsys::executor::{Signal, Spawner};
use libsys::net::{Address, Endpoint, Network, TcpListener, TcpStream};
use libsys::time::MILLISECOND;
use libsys::{Error, Result, log};
use site::{Site, Stream, converse};

use crate::system::System;

const PORT: u16 = 80;
/// Connections at once; further ones wait in netd's backlog.
const MAX_CONNECTIONS: u32 = 64;
/// Connections that wait to be accepted.
const BACKLOG: u16 = 64;
/// Bytes of each ring of a connection: 64 connections take 2.5 MiB.
const RING: u32 = 16 << 10;
/// Between two tries to listen.
const RETRY: u64 = 200 * MILLISECOND;
/// After a connection that could not be accepted: memory may come back.
const PAUSE: u64 = 20 * MILLISECOND;

/// The connections under way.
#[derive(Clone, Default)]
struct Room {
    open: Rc<Cell<u32>>,
    left: Signal,
}

/// Somebody's place among them.
struct Place(Room);

impl Room {
    async fn enter(&self) -> Place {
        while self.open.get() >= MAX_CONNECTIONS {
            self.left.wait().await;
        }
        self.open.set(self.open.get() + 1);
        Place(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.left.signal();
    }
}

/// Listens, again and again. The same trouble is told once.
pub async fn for_ever(site: Rc<Site<System>>, spawner: Spawner) {
    let room = Room::default();
    let mut told = None;
    loop {
        let Err(error) = accept_all(&site, &spawner, &room, &mut told).await;
        if told != Some(error) {
            log!(Warning, "httpd: port {PORT}: {}", error.text());
            told = Some(error);
        }
        spawner.sleep(RETRY).await;
    }
}

async fn accept_all(
    site: &Rc<Site<System>>,
    spawner: &Spawner,
    room: &Room,
    told: &mut Option<Error>,
) -> Result<core::convert::Infallible> {
    let network = Network::open()?;
    let local = Endpoint { address: Address::ANY, port: PORT };
    let mut listener = TcpListener::bind(&network, local, BACKLOG, None)?;
    listener.set_ring(RING);
    log!(Notice, "httpd: listening on port {PORT}");
    *told = None;
    loop {
        let place = room.enter().await;
        match listener.accept_in(spawner, u64::MAX).await {
            Ok(stream) => {
                let mut line = Line { stream, spawner: spawner.clone() };
                let site = site.clone();
                spawner.spawn(async move {
                    converse(&mut line, &site).await;
                    drop((line, place));
                });
            }
            Err(error @ (Error::ServerDied | Error::Revoked | Error::BadHandle | Error::Protocol)) => {
                return Err(error);
            }
            // This connection alone: it is gone already, or there is no memory for its rings.
            Err(_) => spawner.sleep(PAUSE).await,
        }
    }
}

/// A connection as `site` wants it.
struct Line {
    stream: TcpStream,
    spawner: Spawner,
}

impl Stream for Line {
    async fn read(&mut self, to: &mut [u8], deadline: u64) -> Result<usize> {
        self.stream.read_in(&self.spawner, to, deadline).await
    }

    async fn write_all(&mut self, from: &[u8], deadline: u64) -> Result<()> {
        self.stream.write_all_in(&self.spawner, from, deadline).await
    }

    fn shutdown(&mut self) -> Result<()> {
        self.stream.shutdown()
    }
}
