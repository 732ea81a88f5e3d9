//! DHCP messages (RFC 2131 §2, options of RFC 2132).

use super::{Writer, array, ipv4_at, u8_at, u32_at};
use crate::addr::MacAddr;
use core::net::Ipv4Addr;

/// UDP port of servers.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;
/// Name servers kept from a lease.
pub const MAX_DNS: usize = 3;
/// A buffer of this size holds any message that [`Message::write`] makes.
pub const MAX_LEN: usize = 400;

const COOKIE: u32 = 0x6382_5363;
const OPTIONS: usize = 240;

/// The message type (option 53).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Client looks for servers.
    Discover,
    /// Server offers an address.
    Offer,
    /// Client wants it, or wants to keep it.
    Request,
    /// Client found the address in use.
    Decline,
    /// Server agrees.
    Ack,
    /// Server refuses.
    Nak,
    /// Client gives the address back.
    Release,
}

impl Kind {
    const ALL: [Kind; 7] =
        [Kind::Discover, Kind::Offer, Kind::Request, Kind::Decline, Kind::Ack, Kind::Nak, Kind::Release];

    fn code(self) -> u8 {
        Kind::ALL.iter().position(|kind| *kind == self).map_or(0, |at| at as u8 + 1)
    }
}

/// A message, both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Type.
    pub kind: Kind,
    /// Transaction id.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The client's hardware address.
    pub client_mac: MacAddr,
    /// `ciaddr`: the client's address, if it has one.
    pub client_ip: Ipv4Addr,
    /// `yiaddr`: the client's address-to-be (from the server).
    pub your_ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// Option 50.
    pub requested_ip: Option<Ipv4Addr>,
    /// Option 1.
    pub netmask: Option<Ipv4Addr>,
    /// Option 3, the first.
    pub router: Option<Ipv4Addr>,
    /// Option 6, the first three.
    pub dns: [Option<Ipv4Addr>; MAX_DNS],
    /// Option 51, seconds; u32::MAX is for ever.
    pub lease: Option<u32>,
    /// Option 58 (T1), seconds.
    pub renewal: Option<u32>,
    /// Option 59 (T2), seconds.
    pub rebinding: Option<u32>,
    /// Option 12 (from the client).
    pub hostname: &'a str,
}

impl<'a> Message<'a> {
    /// A message with nothing in it but type, transaction and hardware address.
    pub fn new(kind: Kind, xid: u32, client_mac: MacAddr) -> Message<'a> {
        Message {
            kind,
            xid,
            secs: 0,
            client_mac,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_id: None,
            requested_ip: None,
            netmask: None,
            router: None,
            dns: [None; MAX_DNS],
            lease: None,
            renewal: None,
            rebinding: None,
            hostname: "",
        }
    }

    /// Parses a server's message (BOOTREPLY).
    pub fn parse(data: &'a [u8]) -> Option<Message<'a>> {
        let boot_reply_over_ethernet = array::<3>(data, 0)? == [2, 1, 6];
        if !boot_reply_over_ethernet || u32_at(data, 236)? != COOKIE {
            return None;
        }
        let mut message = Message::new(Kind::Discover, u32_at(data, 4)?, MacAddr(array(data, 28)?));
        message.client_ip = ipv4_at(data, 12)?;
        message.your_ip = ipv4_at(data, 16)?;
        let mut found = Found { kind: None, overload: 0 };
        message.take_options(data.get(OPTIONS..)?, &mut found);
        // RFC 2131 §4.1: with option 52 the fields `file` and `sname` hold more options, in this order.
        let overload = found.overload;
        if overload & 1 != 0 {
            message.take_options(data.get(108..236)?, &mut found);
        }
        if overload & 2 != 0 {
            message.take_options(data.get(44..108)?, &mut found);
        }
        message.kind = found.kind?;
        Some(message)
    }

    fn take_options(&mut self, mut data: &[u8], found: &mut Found) {
        while let Some(code) = u8_at(data, 0) {
            if code == 255 {
                return;
            }
            if code == 0 {
                data = data.get(1..).unwrap_or_default();
                continue;
            }
            let len = usize::from(u8_at(data, 1).unwrap_or(0));
            let Some(value) = data.get(2..2 + len) else { return };
            match code {
                52 => found.overload = u8_at(value, 0).unwrap_or(0),
                53 => {
                    let index = usize::from(u8_at(value, 0).unwrap_or(0)).wrapping_sub(1);
                    found.kind = Kind::ALL.get(index).copied();
                }
                _ => self.take_option(code, value),
            }
            data = data.get(2 + len..).unwrap_or_default();
        }
    }

    fn take_option(&mut self, code: u8, value: &[u8]) {
        match code {
            1 => self.netmask = ipv4_at(value, 0),
            3 => self.router = ipv4_at(value, 0),
            6 => {
                for (index, place) in self.dns.iter_mut().enumerate() {
                    *place = ipv4_at(value, index * 4);
                }
            }
            50 => self.requested_ip = ipv4_at(value, 0),
            51 => self.lease = u32_at(value, 0),
            54 => self.server_id = ipv4_at(value, 0),
            58 => self.renewal = u32_at(value, 0),
            59 => self.rebinding = u32_at(value, 0),
            _ => {}
        }
    }

    /// Writes a client's message (BOOTREQUEST).
    pub fn write(&self, buf: &mut [u8]) -> Option<usize> {
        self.write_as(1, buf)
    }

    /// Writes a server's message (BOOTREPLY): the tests' servers need it.
    pub fn write_reply(&self, buf: &mut [u8]) -> Option<usize> {
        self.write_as(2, buf)
    }

    fn write_as(&self, op: u8, buf: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(buf);
        writer.u8(op).u8(1).u8(6).u8(0).u32(self.xid).u16(self.secs).u16(0);
        writer.bytes(&self.client_ip.octets()).bytes(&self.your_ip.octets()).zeros(8);
        writer.bytes(&self.client_mac.0).zeros(10 + 64 + 128).u32(COOKIE);
        writer.u8(53).u8(1).u8(self.kind.code());
        let addresses = [(1, self.netmask), (3, self.router), (50, self.requested_ip), (54, self.server_id)];
        for (code, address) in addresses {
            if let Some(address) = address {
                writer.u8(code).u8(4).bytes(&address.octets());
            }
        }
        let dns = self.dns.iter().flatten();
        if dns.clone().count() > 0 {
            writer.u8(6).u8(4 * dns.clone().count() as u8);
            for address in dns {
                writer.bytes(&address.octets());
            }
        }
        for (code, seconds) in [(51, self.lease), (58, self.renewal), (59, self.rebinding)] {
            if let Some(seconds) = seconds {
                writer.u8(code).u8(4).u32(seconds);
            }
        }
        if op == 1 {
            self.write_client_options(&mut writer);
        }
        writer.u8(255);
        // RFC 1542 §2.1: relays may drop anything shorter than a BOOTP message of 300 bytes.
        let len = writer.finish()?;
        Writer::new(buf.get_mut(len..)?).zeros(300usize.saturating_sub(len)).finish().map(|pad| len + pad)
    }

    fn write_client_options(&self, writer: &mut Writer<'_>) {
        writer.u8(61).u8(7).u8(1).bytes(&self.client_mac.0);
        if matches!(self.kind, Kind::Discover | Kind::Request) {
            writer.u8(57).u8(2).u16(1472);
            writer.u8(55).u8(6).bytes(&[1, 3, 6, 51, 58, 59]);
            let name = self.hostname.as_bytes();
            if (1..=63).contains(&name.len()) {
                writer.u8(12).u8(name.len() as u8).bytes(name);
            }
        }
    }
}

struct Found {
    kind: Option<Kind>,
    overload: u8,
}
