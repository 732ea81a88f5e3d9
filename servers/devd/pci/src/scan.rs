//! Finding functions, and numbering the buses behind bridges.
//!
//! Buses are numbered anew, depth first, whatever firmware did: on a machine without firmware nothing is numbered, and
//! where firmware numbered them this way the numbers stay.

use alloc::vec::Vec;

use crate::{Address, Bar, Config, Pin, Width, bar, config};

/// Functions at most; the rest is not looked at.
pub const MAX_FUNCTIONS: usize = 256;
/// Bridges behind one another at most.
pub const MAX_DEPTH: usize = 8;

/// What a function is, as its header has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary device.
    Device,
    /// A bridge to the buses from `secondary` to `subordinate`.
    Bridge {
        /// The bus behind it.
        secondary: u8,
        /// The highest bus behind that.
        subordinate: u8,
    },
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where it sits.
    pub at: Address,
    /// Who made it.
    pub vendor: u16,
    /// Which of the vendor's.
    pub product: u16,
    /// Class, subclass, interface.
    pub class: u32,
    /// Subsystem identity; 0 of a bridge.
    pub subsystem: u16,
    /// What it is.
    pub kind: Kind,
    /// The bridge it is behind.
    pub parent: Option<Address>,
    /// Its wired interrupt as it arrives at the root bus: there it seems to come from this device and pin.
    pub interrupt: Option<(Address, Pin)>,
    /// Its base addresses.
    pub bars: Vec<Bar>,
}

/// Finds all functions from bus `first` on; bridges get bus numbers up to `last`. Bus mastering is off afterwards
/// everywhere but in bridges: devices don't touch memory before a driver has them.
pub fn scan(config: &mut impl Config, first: u8, last: u8) -> Vec<Function> {
    let mut scan = Scan { config, last, next: first, found: Vec::new() };
    scan.bus(first, None, &mut Vec::new());
    scan.found
}

struct Scan<'a, C> {
    config: &'a mut C,
    last: u8,
    /// The highest bus number in use.
    next: u8,
    found: Vec<Function>,
}

impl<C: Config> Scan<'_, C> {
    /// `path`: the bridges from the root bus down to this one.
    fn bus(&mut self, bus: u8, parent: Option<Address>, path: &mut Vec<Address>) {
        for device in 0..32 {
            for function in 0..8 {
                let at = Address::new(bus, device, function);
                if matches!(self.config.half(at, config::VENDOR), 0 | 0xffff) {
                    if function == 0 {
                        break;
                    }
                    continue;
                }
                if self.found.len() >= MAX_FUNCTIONS {
                    return;
                }
                self.function(at, parent, path);
                if function == 0 && self.config.byte(at, config::HEADER) & 0x80 == 0 {
                    break;
                }
            }
        }
    }

    fn function(&mut self, at: Address, parent: Option<Address>, path: &mut Vec<Address>) {
        let header = self.config.byte(at, config::HEADER) & 0x7f;
        let bridge = header == 1;
        if header > 1 {
            // A CardBus bridge, or nonsense.
            return;
        }
        if !bridge {
            config::command(self.config, at, 0, config::COMMAND_MASTER);
        }
        let bars = bar::read(self.config, at, if bridge { 2 } else { 6 });
        let pin = Pin::from_register(self.config.byte(at, config::PIN));
        let place = self.found.len();
        self.found.push(Function {
            at,
            vendor: self.config.half(at, config::VENDOR),
            product: self.config.half(at, config::PRODUCT),
            class: self.config.word(at, config::CLASS) >> 8,
            subsystem: if bridge { 0 } else { self.config.half(at, config::SUBSYSTEM) },
            kind: Kind::Device,
            parent,
            interrupt: pin.map(|pin| at_root(at, pin, path)),
            bars,
        });
        if bridge && path.len() < MAX_DEPTH && self.next < self.last {
            let kind = self.behind(at, path);
            self.found[place].kind = kind;
        }
    }

    /// Numbers and looks at what is behind a bridge.
    fn behind(&mut self, at: Address, path: &mut Vec<Address>) -> Kind {
        self.next += 1;
        let secondary = self.next;
        self.number(at, secondary, self.last);
        path.push(at);
        self.bus(secondary, Some(at), path);
        path.pop();
        self.number(at, secondary, self.next);
        Kind::Bridge { secondary, subordinate: self.next }
    }

    fn number(&mut self, at: Address, secondary: u8, subordinate: u8) {
        for (i, bus) in [at.bus, secondary, subordinate].into_iter().enumerate() {
            self.config.write(at, config::BUSES + i as u16, Width::Byte, bus.into());
        }
    }
}

/// Pins are turned at each bridge.
fn at_root(at: Address, pin: Pin, path: &[Address]) -> (Address, Pin) {
    path.iter().rev().fold((at, pin), |(below, pin), bridge| (*bridge, pin.behind_bridge(below.device)))
}
