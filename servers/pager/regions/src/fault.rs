//! What a fault message says (`abi::message::Fault`).

use abi::message::Fault as Class;

use crate::PAGE;

/// The processor that a fault came from: it says how to read the syndrome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// The syndrome is ESR_EL1.
    Aarch64,
    /// The syndrome is the page fault's error code, with the vector in the upper half.
    X86_64,
}

impl Processor {
    /// The one this was compiled for.
    #[must_use]
    pub const fn own() -> Processor {
        if cfg!(target_arch = "aarch64") { Processor::Aarch64 } else { Processor::X86_64 }
    }
}

/// What the thread wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To load.
    Read,
    /// To store.
    Write,
    /// To execute.
    Fetch,
}

/// A page that was missing, or there for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For what.
    pub want: Want,
    /// The page's address.
    pub page: u64,
    /// Whether a page was there that did not allow it. By now it may be another.
    pub refused: bool,
}

impl Fault {
    /// From the words of a message; none for what is about no page.
    #[must_use]
    pub fn read(words: &[u64; 8], processor: Processor) -> Option<Fault> {
        let [class, address, _, _, syndrome, ..] = *words;
        let want = [(Class::Read, Want::Read), (Class::Write, Want::Write), (Class::Fetch, Want::Fetch)]
            .into_iter()
            .find_map(|(known, want)| (known as u64 == class).then_some(want))?;
        let refused = match processor {
            // The fault status code: permission faults of the four levels (Arm ARM, ESR_EL1, ISS of data aborts).
            Processor::Aarch64 => syndrome & 0b11_1100 == 0b00_1100,
            // Bit 0, P: the page was present (Intel SDM 3A, 4.7).
            Processor::X86_64 => syndrome & 1 != 0,
        };
        Some(Fault { want, page: address & !(PAGE - 1), refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(class: Class, syndrome: u64, processor: Processor) -> Option<Fault> {
        Fault::read(&[class as u64, 0x2000_1234, 0, 0, syndrome, 0, 0, 0], processor)
    }

    #[test]
    fn missing_and_refused_pages_are_told_apart_on_both_processors() {
        let missing = Fault { want: Want::Write, page: 0x2000_1000, refused: false };
        let refused = Fault { refused: true, ..missing };
        assert_eq!(read(Class::Write, 0x0e_0000_0006, Processor::X86_64), Some(missing));
        assert_eq!(read(Class::Write, 0x0e_0000_0007, Processor::X86_64), Some(refused));
        for level in 0..4 {
            let syndrome = 0x9200_0040;
            assert_eq!(read(Class::Write, syndrome | 0b0100 | level, Processor::Aarch64), Some(missing));
            assert_eq!(read(Class::Write, syndrome | 0b1100 | level, Processor::Aarch64), Some(refused));
        }
    }

    #[test]
    fn what_is_about_no_page_is_none() {
        for class in [Class::Instruction, Class::Divide, Class::Alignment, Class::Debug, Class::Other] {
            assert_eq!(read(class, 0, Processor::X86_64), None);
        }
    }
}
