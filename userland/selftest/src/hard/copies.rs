//! Memory copied and filled, at every length and many places: on aarch64 by the functions that the kernel has, too, and that no
//! host here can run (x86_64's are tried in `kmem/tests`).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::hint::black_box;
use core::ops::Range;

use libsys::Error;

use crate::checks::Checks;

/// Longer than two turns of the longest loop, with every rest.
const LENGTHS: Range<usize> = 0..1300;
/// A length, and what may be written before and behind it.
const ROOM: usize = 4096;
/// What nothing was written to.
const BLANK: u8 = 0xee;

/// At a page's start, so that a place in it is what it is for blocks of zeros, too.
#[repr(align(4096))]
struct Room([u8; ROOM]);

/// The group's checks.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let (mut from, blank) = (Box::new(Room([0; ROOM])), Box::new(Room([BLANK; ROOM])));
    for (i, byte) in from.0.iter_mut().enumerate() {
        *byte = black_box((i * 7 + i / 256 + 1) as u8);
    }
    let sound = blank.0.iter().all(|byte| *byte == BLANK) && from.0[..300].windows(2).all(|pair| pair[0] != pair[1]);
    checks.holds("what is compared with is what it should be", sound);

    let mut to = Box::new(Room([BLANK; ROOM]));
    for (source, target) in [(0, 0), (1, 0), (0, 3), (5, 8), (31, 17), (64, 64)] {
        let cases = LENGTHS.chain([ROOM - 64]).map(|length| {
            to.0.copy_from_slice(&blank.0);
            let bytes = &from.0[source..source + black_box(length)];
            to.0[target..target + length].copy_from_slice(bytes);
            (length, written(&to, &blank, target..target + length, |part| part == bytes))
        });
        checks.all(format!("from place {source} to place {target}"), cases);
    }
    for (target, byte) in [(0, 0), (3, 0), (16, 0), (29, 0), (64, 0), (0, 0x5a), (7, 0xff)] {
        let cases = LENGTHS.chain([ROOM - 64]).map(|length| {
            to.0.copy_from_slice(&blank.0);
            to.0[target..target + black_box(length)].fill(black_box(byte));
            (length, written(&to, &blank, target..target + length, |part| part.iter().all(|have| *have == byte)))
        });
        checks.all(format!("{byte:#x} at place {target}"), cases);
    }
    Ok(())
}

/// Whether this part of a room is as it should be, and the rest untouched.
fn written(to: &Room, blank: &Room, part: Range<usize>, good: impl Fn(&[u8]) -> bool) -> Result<(), String> {
    let (start, end) = (part.start, part.end);
    if !good(&to.0[part]) {
        return Err("other bytes than should be there".into());
    }
    if to.0[..start] != blank.0[..start] {
        return Err("bytes before it were written".into());
    }
    if to.0[end..] != blank.0[end..] {
        return Err("bytes behind it were written".into());
    }
    Ok(())
}
