//! TLS over the loopback address, both ends in this program, with a certificate that is for tests alone.

use alloc::{format, rc::Rc, string::String, sync::Arc, vec, vec::Vec};
use core::cell::RefCell;

use libsys::{
    Error,
    executor::{Executor, NoChannel, Spawner, join},
    net::{Network, Peer, Remote, Step, SystemRoots, TcpListener, TcpStream, Tls, TlsIdentity, Verify},
    protocol::{Text, net::Failure},
    time,
};

use super::{Check, Named, World, at, expect, pattern, said, soon};

pub const CHECKS: &[Named] = &[
    ("there is a clock to judge certificates by", clock),
    ("100 kB go there and back under TLS", carries),
    ("the certificate's names are told", peer),
    ("an unknown issuer is refused", unknown),
    ("a wrong name is refused", misnamed),
    ("INSECURE connects all the same", insecure),
    ("a server without TLS is told apart", plain_server),
    ("a key that is not the certificate's is refused", mismatch),
];

const CA: &[u8] = include_bytes!("ca.pem");
const CHAIN: &[u8] = include_bytes!("server.pem");
const KEY: &[u8] = include_bytes!("server.key");

fn clock(_: &World) -> Check {
    time::utc_ns().map(drop).map_err(said)
}

fn trusting(name: &str, roots: &[u8]) -> Tls {
    Tls { server_name: name.into(), roots: roots.into(), system_roots: SystemRoots::Ignored, ..Tls::default() }
}

/// What came of a connection.
#[derive(Default)]
struct Told {
    echo: Vec<u8>,
    peer: Option<Peer>,
}

type Answer = Result<Told, Failure>;

/// Connects by `tls` to a server that sends back what it gets, and sends `bytes`.
fn exchange(world: &World, tls: Tls, served: Served, bytes: Vec<u8>) -> Result<Answer, String> {
    let identity = TlsIdentity { chain: CHAIN.into(), key: KEY.into(), alpn: Vec::new() };
    let identity = matches!(served, Served::Tls).then_some(&identity);
    let listener = TcpListener::bind(&world.network, at(0), 4, identity).map_err(said)?;
    let executor = Executor::new(NoChannel);
    let (spawner, network) = (executor.spawner(), world.network.clone());
    let answer: Rc<RefCell<Option<Answer>>> = Rc::default();
    let place = answer.clone();
    let port = listener.local().port;
    let both = async move {
        let client = client(&spawner, &network, port, tls, bytes);
        let (told, ()) = join(client, serve(&spawner, &listener, served)).await;
        *place.borrow_mut() = Some(told);
    };
    executor.block_on(both).map_err(said)?;
    answer.borrow_mut().take().ok_or_else(|| String::from("no answer"))
}

/// What the server speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    Tls,
    Plain,
}

async fn client(spawner: &Spawner, network: &Arc<Network>, port: u16, tls: Tls, bytes: Vec<u8>) -> Answer {
    let remote = Remote::Endpoint(at(port));
    let mut stream = TcpStream::connect_in(spawner, network, remote, Some(&tls), soon()).await?;
    let failed = |error: Error| Failure { step: Step::Transfer, error, detail: Text::cut(error.text()) };
    let mut told = Told { echo: Vec::new(), peer: stream.peer().ok() };
    for part in bytes.chunks(16 << 10) {
        stream.write_all_in(spawner, part, soon()).await.map_err(failed)?;
        let mut got = vec![0; part.len()];
        let mut length = 0;
        while length < got.len() {
            let room = got.get_mut(length..).unwrap_or_default();
            match stream.read_in(spawner, room, soon()).await.map_err(failed)? {
                0 => return Err(failed(Error::BrokenPipe)),
                count => length += count,
            }
        }
        told.echo.append(&mut got);
    }
    Ok(told)
}

async fn serve(spawner: &Spawner, listener: &TcpListener, served: Served) {
    let Ok(mut stream) = listener.accept_in(spawner, soon()).await else { return };
    if served == Served::Plain {
        let _ = stream.write_all_in(spawner, b"HTTP/1.1 400 what is this\r\n\r\n", soon()).await;
        return;
    }
    let mut buffer = vec![0; 32 << 10];
    while let Ok(count @ 1..) = stream.read_in(spawner, &mut buffer, soon()).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        if stream.write_all_in(spawner, bytes, soon()).await.is_err() {
            return;
        }
    }
}

fn opened(answer: Answer) -> Result<Told, String> {
    answer.map_err(|failure| format!("{:?}: {}", failure.step, failure.detail))
}

fn refused(answer: Answer, wanted: Error, word: &str) -> Check {
    match answer {
        Ok(_) => Err("it connects".into()),
        Err(failure) => {
            expect(failure.step == Step::Tls && failure.error == wanted && failure.detail.contains(word), || {
                format!("{:?}: {}: {}", failure.step, failure.error.name(), failure.detail)
            })
        }
    }
}

fn carries(world: &World) -> Check {
    let bytes = pattern(100_000);
    let told = opened(exchange(world, trusting("localhost", CA), Served::Tls, bytes.clone())?)?;
    expect(told.echo == bytes, || format!("{} other bytes", told.echo.len()))
}

fn peer(world: &World) -> Check {
    let told = opened(exchange(world, trusting("localhost", CA), Served::Tls, Vec::new())?)?;
    let peer = told.peer.ok_or_else(|| String::from("nothing is told"))?;
    expect(peer.subject == "localhost" && peer.issuer == "nettest CA", || {
        format!("{} by {}", peer.subject, peer.issuer)
    })
}

fn unknown(world: &World) -> Check {
    // The server's own certificate as the only root: nobody who could have issued it.
    let answer = exchange(world, trusting("localhost", CHAIN), Served::Tls, Vec::new())?;
    refused(answer, Error::Certificate, "")
}

fn misnamed(world: &World) -> Check {
    let answer = exchange(world, trusting("other.test", CA), Served::Tls, Vec::new())?;
    refused(answer, Error::Certificate, "not for other.test")
}

fn insecure(world: &World) -> Check {
    let tls = Tls { verify: Verify::Nothing, ..trusting("other.test", &[]) };
    opened(exchange(world, tls, Served::Tls, pattern(10))?).map(drop)
}

fn plain_server(world: &World) -> Check {
    let answer = exchange(world, trusting("localhost", CA), Served::Plain, Vec::new())?;
    refused(answer, Error::Tls, "does not speak TLS")
}

fn mismatch(world: &World) -> Check {
    let identity = TlsIdentity { chain: CA.into(), key: KEY.into(), alpn: Vec::new() };
    match TcpListener::bind(&world.network, at(0), 4, Some(&identity)) {
        Err(Error::Certificate) => Ok(()),
        Err(error) => Err(said(error)),
        Ok(_) => Err("it listens".into()),
    }
}
