//! What lies elsewhere in each boot: the kernel, and what the first program of a script has to itself.
//!
//! ```text
//! boot ─► where the kernel runs (place.rs) ─► `selftest CHILD where` prints addresses and a random number ─► end
//! ```
//!
//! What is claimed to have 2^24 places and more is at no place twice, however many boots are compared. The kernel has some 500
//! places, so two boots may well find it at one: pairs that do are counted, and must be about as many as chance makes.

use crate::system::debugger::{Debugger, Then, debug, plain};
use crate::system::place;
use crate::system::runner::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Boots that are compared, and with `--long`.
pub const BOOTS: usize = 3;
/// See [`BOOTS`].
pub const LONG: usize = 1000;
/// Boots with `place=fixed`.
const FIXED: usize = 2;
/// Guests at once, and how far their ports are apart.
const WORKERS: usize = 2;
const PORTS: u16 = 100;
/// What the guest does. It is ended as soon as it has said where things lie.
const SCRIPT: &str = "selftest CHILD where; wait 60 SEC";
/// What it says, in this order.
const SAID: [&str; 6] =
    ["the program", "its stack", "its heap", "its start block", "its mappings", "its random number"];
/// How many of them lie at random whatever is known of the others.
const APART: usize = 3;
/// The kernel's places: below this distance from where it is linked, and how many there are at least.
const BEYOND: u64 = 1 << 30;
const PLACES: usize = 490;

/// What one boot has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Boot {
    /// How far the kernel runs from where it is linked.
    moved: u64,
    /// What the program said.
    said: [u64; SAID.len()],
}

/// Boots so many times, and a few with `place=fixed`.
///
/// # Errors
/// What is wrong.
pub fn check(stage: &Stage<'_>, count: usize) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let boots = thread::scope(|scope| {
        let worker = |number: usize| {
            let first_port = stage.first_port + PORTS * number as u16;
            let (stage, next) = (Stage { first_port, ..stage.clone() }, &next);
            scope.spawn(move || {
                let mut own = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    own.push(boot(&stage, "")?);
                }
                Ok(own)
            })
        };
        let workers: Vec<_> = (0..WORKERS.min(count)).map(worker).collect();
        let all = workers.into_iter().map(|worker| worker.join().map_err(|_| "a boot broke down".to_string())?);
        all.collect::<Result<Vec<Vec<Boot>>, String>>()
    })?
    .concat();
    let fixed = (0..FIXED).map(|_| boot(stage, "place=fixed")).collect::<Result<Vec<_>, _>>()?;
    judge(&boots, &fixed)
}

fn boot(stage: &Stage<'_>, command_line: &str) -> Result<Boot, String> {
    let work = |debugger: &mut Debugger| {
        let moved = place::distance(debugger, stage.arch)?;
        debugger.send("c").map(|()| moved)
    };
    let (moved, heard) = debug(stage, &plain(stage.arch, SCRIPT), command_line, Then::Print, work)?;
    let output = String::from_utf8_lossy(&heard.output);
    let said = read(&output).ok_or_else(|| format!("the program said {output:?}\n{}", heard.log))?;
    Ok(Boot { moved, said })
}

/// The numbers of a line.
fn read(line: &str) -> Option<[u64; SAID.len()]> {
    let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok()).collect();
    numbers?.try_into().ok()
}

/// What the boots have shown.
fn judge(boots: &[Boot], fixed: &[Boot]) -> Result<(), String> {
    if let Some(wild) = boots.iter().find(|boot| boot.moved >= BEYOND) {
        return Err(format!("the kernel was moved by {:#x}, out of its GiB", wild.moved));
    }
    spread(&boots.iter().map(|boot| boot.moved).collect::<Vec<_>>())?;
    for (at, name) in SAID.iter().enumerate() {
        differ(name, boots.iter().map(|boot| boot.said[at]))?;
        for other in (0..at).filter(|_| at < APART) {
            let name = format!("{name}, from {}", SAID[other]);
            differ(&name, boots.iter().map(|boot| boot.said[at].wrapping_sub(boot.said[other])))?;
        }
    }
    if let Some(boot) = fixed.iter().find(|boot| boot.moved != 0) {
        return Err(format!("with place=fixed the kernel was moved by {:#x}", boot.moved));
    }
    match fixed {
        [first, others @ ..] if others.iter().any(|boot| boot.said[0] != first.said[0]) => {
            Err("with place=fixed a program lies elsewhere each time".into())
        }
        _ => Ok(()),
    }
}

/// No value comes twice.
fn differ(name: &str, values: impl Iterator<Item = u64>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let twice = values.into_iter().find(|value| !seen.insert(*value));
    twice.map_or(Ok(()), |value| Err(format!("{name}: {value:#x} in two of the boots")))
}

/// Pairs of boots with the kernel at one place are not many more than chance makes.
fn spread(moved: &[u64]) -> Result<(), String> {
    let mut times = BTreeMap::<u64, usize>::new();
    moved.iter().for_each(|place| *times.entry(*place).or_default() += 1);
    let pairs = |count: usize| count * count.saturating_sub(1) / 2;
    let same: usize = times.values().map(|count| pairs(*count)).sum();
    // For a thousand boots some 1,000 of 500,000, give or take 32.
    let most = 2 + pairs(moved.len()) * 5 / 4 / PLACES;
    if same <= most {
        return Ok(());
    }
    Err(format!(
        "the kernel is at one place in {same} pairs of boots, {most} at most by chance; {} places",
        times.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::place::STEP;

    fn boots(moved: impl IntoIterator<Item = u64>) -> Vec<Boot> {
        let said = |n: u64| [n << 30, (n * n) << 24, (n * n * n) << 22, n << 40, n << 41, n << 9];
        moved.into_iter().zip(1..).map(|(moved, n)| Boot { moved, said: said(n) }).collect()
    }

    #[test]
    fn what_differs_is_right_and_the_rest_is_named() {
        let fixed = boots([0, 0]).iter().map(|boot| Boot { said: [1; 6], ..boot.clone() }).collect::<Vec<_>>();
        let good = boots([STEP, 0, STEP]);
        assert_eq!(judge(&good, &fixed), Ok(()));
        for (at, name) in SAID.iter().enumerate() {
            let mut bad = good.clone();
            bad[2].said[at] = bad[0].said[at];
            assert!(judge(&bad, &fixed).unwrap_err().starts_with(name), "{name}");
        }
        let mut bad = good.clone();
        bad[1].said[2] = bad[1].said[1] + bad[0].said[2] - bad[0].said[1];
        assert!(judge(&bad, &fixed).unwrap_err().starts_with("its heap, from its stack"));
        assert!(judge(&boots([STEP, BEYOND, 0]), &fixed).unwrap_err().contains("out of its GiB"));
        assert!(judge(&good, &boots([0, STEP])).unwrap_err().contains("moved by 0x200000"));
        assert!(judge(&good, &boots([0, 0])).unwrap_err().contains("elsewhere each time"));
    }

    #[test]
    fn a_kernel_at_few_places_is_told_from_one_at_many() {
        assert_eq!(spread(&[STEP, STEP, 0]), Ok(()));
        assert!(spread(&[0, 0, 0]).unwrap_err().contains("3 pairs"));
        let mut state = 1_u64;
        let mut random = |places: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) % places * STEP
        };
        let many: Vec<u64> = (0..LONG).map(|_| random(496)).collect();
        let few: Vec<u64> = (0..LONG).map(|_| random(256)).collect();
        assert_eq!(spread(&many), Ok(()));
        assert!(spread(&few).is_err());
    }

    #[test]
    fn a_line_has_all_numbers() {
        assert_eq!(read("1 2 3 4 5 ff\n"), Some([1, 2, 3, 4, 5, 255]));
        assert_eq!(read("1 2 3 4 5\n"), None);
        assert_eq!(read("1 2 3 4 5 x\n"), None);
    }
}
