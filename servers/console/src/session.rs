//! What a session is: which terminal, what it may, where its writes go.

use alloc::string::String;

use libsys::Error;
use libsys::protocol::console::{Rights, Side};
use libsys::window::ServerSide;

/// The terminals there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The serial port.
    Serial,
    /// The harness's port: its output is records, and it has no input.
    Harness,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    pub which: Which,
    pub rights: Rights,
    pub side: Side,
    /// Attached: where BREAK goes.
    pub attached: Option<ServerSide>,
}

impl Session {
    /// What a binding's narrowings leave: the terminal's name, and `r`, `w` for less than everything.
    pub fn from_narrowings(narrowings: &[String], harnessed: bool) -> Result<Session, Error> {
        let mut which = if harnessed { Which::Harness } else { Which::Serial };
        let mut rights = Rights::READ | Rights::WRITE | Rights::CONTROL;
        for word in narrowings.iter().flat_map(|text| text.split_ascii_whitespace()) {
            match word {
                "serial" => which = Which::Serial,
                "harness" => which = Which::Harness,
                "r" => rights &= Rights::READ,
                "w" => rights &= Rights::WRITE,
                _ => return Err(Error::BadArgument),
            }
        }
        Ok(Session { which, rights, side: Side::Output, attached: None })
    }

    /// Fails without the right.
    pub fn may(&self, right: Rights) -> Result<(), Error> {
        if self.rights.contains(right) {
            return Ok(());
        }
        Err(if right == Rights::READ { Error::ReadProtected } else { Error::WriteProtected })
    }
}
