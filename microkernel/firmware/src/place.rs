//! Where the kernel runs: what the command line says about it, and how far a random number moves it.
//!
//! The kernel is linked at one address and moved up by a multiple of [`STEP`], so that its pages keep their alignment.
//! aarch64's first code does the same in assembler (`boot.s`), where there is no stack yet.

/// The word on the command line that leaves the kernel where it is linked, and programs where GDB looks for them.
pub const FIXED: &[u8] = b"place=fixed";

/// Places are so many bytes apart: what one entry of the second table level maps.
pub const STEP: u64 = 2 << 20;

/// Whether a command line has [`FIXED`].
pub fn is_fixed(command_line: &[u8]) -> bool {
    command_line.split(u8::is_ascii_whitespace).any(|word| word == FIXED)
}

/// How far the kernel is moved, in bytes: below `places` times [`STEP`], each multiple of it as likely as the others (but for one part
/// in 2⁵⁰) if all bits of `random` are.
pub fn distance(random: u64, places: u64) -> u64 {
    ((u128::from(random) * u128::from(places)) >> 64) as u64 * STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_stands_alone() {
        for line in ["place=fixed", "log=error place=fixed", "place=fixed\n", "\tplace=fixed log=error"] {
            assert!(is_fixed(line.as_bytes()), "{line:?}");
        }
        for line in ["", "place=", "place=fixedly", "noplace=fixed", "place=random", "PLACE=FIXED", "place= fixed"] {
            assert!(!is_fixed(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn all_places_are_reached_and_no_others() {
        const PLACES: u64 = 496;
        let mut times = [0_u32; PLACES as usize];
        // Every number with 16 bits in front: as good as all numbers.
        for high in 0..=u64::from(u16::MAX) {
            let distance = distance(high << 48, PLACES);
            assert!(distance.is_multiple_of(STEP), "{distance:#x}");
            times[(distance / STEP) as usize] += 1;
        }
        let expected = 65536 / PLACES as u32;
        assert!(times.iter().all(|count| (expected..=expected + 1).contains(count)), "{times:?}");
        assert_eq!(distance(u64::MAX, PLACES), (PLACES - 1) * STEP);
        assert_eq!(distance(u64::MAX, 0), 0, "no places: it stays");
    }
}
