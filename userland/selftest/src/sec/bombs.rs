//! Processes without end: those that start others, those that nobody waits for, those that are ended while they are made.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::protocol::process::Signal;
use libsys::spawn::{self, Child};
use libsys::{Error, Pool, fs, system_figures, time, wait_bits};

use crate::checks::{Checks, many};
use crate::child::{self, settled};

/// Pages of the first process of a bomb, and of the smallest that starts others.
const LARGEST: u32 = 2048;
const SMALLEST: u64 = 400;
/// How long a bomb goes off.
const BOMB_NS: u64 = 300 * time::MILLISECOND;
/// Processes that nobody waits for, and that are ended at once.
const CHILDREN: u64 = 24;
/// How long it may take until all is free again.
const SETTLE_NS: u64 = 5 * time::SECOND;

/// All of them, each followed by a look whether anything is left.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let _ = bomb()?;
    zombies(2)?;
    let before = system_figures()?.free_pages;
    for round in 0..many(3) {
        let victim = bomb()?;
        checks.check(format!("bomb {round}: somebody else starts a process and reads a file meanwhile"), victim);
    }
    checks.equal("a bomb's processes are gone with its first", settled(before, SETTLE_NS)?, before);
    let ends = zombies(CHILDREN)?;
    checks.equal("children that nobody waited for are all told of at last", ends, CHILDREN as usize);
    checks.equal("and take nothing then", settled(before, SETTLE_NS)?, before);
    for _ in 0..many(CHILDREN) {
        let child = child::start("exit-7")?;
        let _ = child.send(Signal::Force);
        child.wait()?;
        drop(child::command("exit-7", child::PAGES).prepare(&Pool::own()?)?);
    }
    let _ = spawn::reap();
    while spawn::take_ended().is_some() {}
    checks.equal(
        "children ended while they begin, or given up before, leave nothing",
        settled(before, SETTLE_NS)?,
        before,
    );
    Ok(())
}

/// A bomb goes off and is put out. How somebody else fared meanwhile.
fn bomb() -> Result<Result<(), String>, Error> {
    let bomb = child::command("bomb", child::room(LARGEST)?).spawn(&Pool::own()?)?;
    wait_bits(0, time::after(BOMB_NS));
    let victim = match child::doing("exit-7") {
        Ok(end) if end.code == 7 && fs::exists("SYS:S/Startup-Sequence") => Ok(()),
        Ok(end) => Err(format!("code {}", end.code)),
        Err(error) => Err(format!("{error}")),
    };
    let _ = bomb.send(Signal::Force);
    bomb.wait()?;
    Ok(victim)
}

/// The bomb: starts itself twice, each in almost half of what is left, and never ends by itself.
pub fn go_off() {
    let start = || -> Result<(), Error> {
        let pool = Pool::own()?;
        let info = pool.info()?;
        let each = info.pages.saturating_sub(info.used).saturating_sub(40) / 2;
        if each >= SMALLEST {
            for _ in 0..2 {
                child::command("bomb", each as u32).spawn(&pool)?;
            }
        }
        Ok(())
    };
    loop {
        let _ = start();
        wait_bits(0, time::after(20 * time::MILLISECOND));
    }
}

/// Children that are over long before anybody asks; how many ends were told then.
fn zombies(count: u64) -> Result<usize, Error> {
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..count {
        let child = child::start("exit-7")?;
        // The next one needs its pages.
        wait_bits(0, time::after(20 * time::MILLISECOND));
        children.push(child);
    }
    let ends: Result<Vec<u32>, Error> = children.iter().map(|child| Ok(child.wait()?.code)).collect();
    Ok(ends?.into_iter().filter(|code| *code == 7).count())
}
