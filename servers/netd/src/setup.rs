//! From the start block to a server that can be asked: card, secrets, addresses.
//!
//! Arguments of the manifest: none for DHCP, or `ADDRESS/BITS [GATEWAY [DNS…]]`.

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use libsys::{Error, Notification, env, log, random, serve::Desk, time};
use tcpip::{Addressing, Config, Ipv4Cidr, Ipv4Config, MacAddr, Stack};

use crate::{buffers::Maker, crypto::Crypto, nic::Nic, server::Server, socket::Sockets};

/// How long openers wait for the first address: a DHCP server in reach answers sooner.
const PATIENCE: u64 = 3 * time::SECOND;

/// The server, ready for its loop. [`Error::NoEntropy`] without secrets: guessable sequence numbers would let anybody
/// into connections.
pub fn server() -> Result<Server, Error> {
    let notification = Notification::own()?;
    let (mut seed, mut key) = ([0; 16], [0; 16]);
    random::fill(&mut seed)?;
    random::fill(&mut key)?;
    let nic = match Nic::claim(&notification) {
        Ok(nic) => Some(nic),
        // devd died meanwhile; its next instance gives the card to netd's next instance, which init starts at once.
        Err(error @ (Error::ServerDied | Error::Stale)) => return Err(error),
        Err(error) => {
            log!(Warning, "no network card: {error}; only the loopback address works");
            None
        }
    };
    let mac = nic.as_ref().map_or([0; 6], Nic::mac);
    let mut config = Config::new(MacAddr(mac), seed, key);
    config.hostname = String::from("viaether");
    let arguments = env::arguments();
    config.addressing = match (&nic, arguments.first()) {
        (None, _) => Addressing::None,
        (Some(_), None) => Addressing::Dhcp,
        (Some(_), Some(_)) => Addressing::Static(fixed(&arguments).ok_or(Error::BadArgument)?),
    };
    let dhcp = config.addressing == Addressing::Dhcp;
    let open_at = if dhcp { time::after(PATIENCE) } else { 0 };
    Ok(Server {
        desk: Desk::new()?,
        stack: Stack::new(config, Maker),
        nic,
        up: true,
        dhcp,
        open_at,
        sockets: Sockets::default(),
        waiting: Vec::new(),
        deadlines: BTreeSet::new(),
        dirty: BTreeSet::new(),
        crypto: Crypto::new(),
        notification,
        card_bits: 0,
        again: true,
        scratch: alloc::vec![0; 2048],
    })
}

fn fixed(arguments: &[String]) -> Option<Ipv4Config> {
    let (address, bits) = arguments.first()?.split_once('/')?;
    let address = Ipv4Cidr::new(address.parse().ok()?, bits.parse().ok().filter(|bits| *bits <= 32)?);
    let gateway = arguments.get(1).map(|text| text.parse().ok());
    let mut dns = [None; 3];
    for (slot, text) in dns.iter_mut().zip(arguments.iter().skip(2)) {
        *slot = Some(text.parse().ok()?);
    }
    Some(Ipv4Config { address, gateway: gateway.unwrap_or(None), dns })
}
