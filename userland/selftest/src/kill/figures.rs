//! What the system has and uses, to be compared.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::PAGE_SIZE;
use libsys::{Error, env, system, system_figures, time, wait_bits};

use super::SERVERS;

/// Looks that must be alike before the system counts as quiet, and the time between them.
const LOOKS: u32 = 5;
const BETWEEN_NS: u64 = 100 * time::MILLISECOND;
/// Looks at most.
const MOST_LOOKS: u32 = 200;

/// Page tables that a server may have more or fewer than an earlier start of it: programs, stacks and mappings are placed at
/// random, and may lie across the bounds of tables or not.
const PLACES: u64 = 3;
/// Handles that init may have more or fewer: it keeps one for each extent that the pager made, and how many a process has
/// come to need differs from start to start. Fewer than the kills, so that one lost a kill is found.
const EXTENTS: u64 = 8;

/// Pages and handles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What must be the same to the last page.
    exact: BTreeMap<String, u64>,
    /// Handles of init.
    handles: BTreeMap<String, u64>,
    /// Pages of the servers that are killed.
    servers: BTreeMap<String, u64>,
}

impl Figures {
    /// As they are now.
    pub fn take() -> Result<Figures, Error> {
        let mut figures = Figures::default();
        let exact = &mut figures.exact;
        let mut own = 0;
        for process in system::processes()? {
            let name = process.name.to_string();
            if process.number == env::number() {
                own = process.used.into();
            }
            let server = SERVERS.contains(&name.as_str());
            if server || name == "init" {
                let handles = if server { &mut *exact } else { &mut figures.handles };
                handles.insert(format!("handles of {name}"), process.handles.into());
                exact.insert(format!("threads of {name}"), process.threads.into());
                let pages = if server { &mut figures.servers } else { &mut *exact };
                pages.insert(format!("pages of {name}"), process.used.into());
            }
        }
        // Whatever the servers use is not lost: only what is neither free nor theirs is.
        let theirs: u64 = figures.servers.values().sum();
        let avail = system::info()?.ram_free / PAGE_SIZE as u64;
        // This process's own memory comes page by page, too, out of what AVAIL counts as the shell's.
        let free = system_figures()?.free_pages + theirs + own;
        exact.insert("free frames of the machine, the servers' pages and the test's".into(), free);
        exact.insert("what AVAIL shows and the servers' pages".into(), avail + theirs);
        Ok(figures)
    }

    /// What is not as it was.
    pub fn differences(&self, before: &Figures) -> Vec<String> {
        let differ = |(name, now): (&String, &u64), before: &BTreeMap<String, u64>, most: u64| match before.get(name) {
            Some(then) if then.abs_diff(*now) <= most => None,
            then => Some(format!("{name}: {now}, before {then:?}")),
        };
        let exact = self.exact.iter().filter_map(|figure| differ(figure, &before.exact, 0));
        let handles = self.handles.iter().filter_map(|figure| differ(figure, &before.handles, EXTENTS));
        let servers = self.servers.iter().filter_map(|figure| differ(figure, &before.servers, PLACES));
        exact.chain(handles).chain(servers).collect()
    }
}

/// Waits until nothing changes.
pub fn quiet() -> Result<(), Error> {
    let (mut last, mut alike) = (Figures::take()?, 0);
    for _ in 0..MOST_LOOKS {
        wait_bits(0, time::after(BETWEEN_NS));
        let now = Figures::take()?;
        alike = if now == last { alike + 1 } else { 0 };
        last = now;
        if alike == LOOKS {
            return Ok(());
        }
    }
    Err(Error::TimedOut)
}
