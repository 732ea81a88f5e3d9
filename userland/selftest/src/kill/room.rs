//! How the memory there is goes to clients and canary: on a small machine each has less, but all are there.

use alloc::format;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use command::Failure;
use libsys::abi::PAGE_SIZE;
use libsys::{Error, Pool};

use super::client;

/// Pages of a client at most.
const CLIENT: u32 = 640;
/// Pages of the canary that stays, and of the part that is taken anew after each kill.
const STAYS: RangeInclusive<u32> = 64..=512;
const ANEW: RangeInclusive<u32> = 32..=256;
/// Pages that a client takes beside its own, for what it says, and that this program still needs.
const BESIDE: u32 = 8;
const OWN: u32 = 64;

/// Pages for each.
#[derive(Debug)]
pub struct Room {
    /// Of the clients, in their order.
    pub clients: Vec<u32>,
    pub stays: usize,
    pub anew: usize,
    /// Whether it is less than each could have.
    pub little: bool,
}

impl Room {
    /// For these clients. Each has the least that it needs, and the same part of what it could have beyond.
    pub fn of(clients: &[&str]) -> Result<Room, Failure> {
        let ranges: Vec<RangeInclusive<u32>> = clients.iter().map(|name| client::least(name)..=CLIENT).collect();
        let all = || ranges.iter().chain([&STAYS, &ANEW]);
        let beside = OWN + BESIDE * clients.len() as u32;
        let least = beside + all().map(|range| range.start()).sum::<u32>();
        let most = beside + all().map(|range| range.end()).sum::<u32>();
        let info = Pool::own().and_then(|pool| pool.info()).map_err(|error| Failure::about("own pool", error))?;
        let free = info.pages.saturating_sub(info.used).min(most.into()) as u32;
        if free < least {
            let kib = |pages: u32| (u64::from(pages) * PAGE_SIZE as u64) >> 10;
            let (least, free) = (kib(least), kib(free));
            let why = format!(
                "its clients need {least} KiB, and it has {free} KiB; end other jobs, or give the machine more"
            );
            return Err(Failure::new(Error::PoolEmpty, why));
        }
        let part = |range: &RangeInclusive<u32>| {
            let beyond = u64::from(range.end() - range.start()) * u64::from(free - least) / u64::from(most - least);
            range.start() + beyond as u32
        };
        let [stays, anew] = [STAYS, ANEW].map(|range| part(&range) as usize);
        Ok(Room { clients: ranges.iter().map(part).collect(), stays, anew, little: free < most })
    }
}
