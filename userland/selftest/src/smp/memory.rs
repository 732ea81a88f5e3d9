//! What a thread of another core sees of memory that is taken away while it looks at it.

use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::message::{Fault, Kind as Message, Tag};
use libsys::abi::{Rights, info::Kind};
use libsys::raw::Registers;
use libsys::thread::{self, JoinHandle};
use libsys::{Access, Error, Mapping, Memory, OwnedHandle, Pool, time};

use super::{PATIENCE, becomes, group_needs, pause};
use crate::checks::Checks;
use crate::kernel::{self, POOL, PROCESS, call, create, derive, peek, playground, poke, raw};
use crate::threads::{finish, options};

const READ: u64 = 1;
const BOTH: u64 = 3;

pub fn changes(checks: &mut Checks) -> Result<(), Error> {
    let Some(cores) = group_needs(checks, 2)? else { return Ok(()) };
    for core in 0..cores {
        unmapped(checks, core)?;
        protected(checks, core)?;
        revoked(checks, core)?;
    }
    Ok(())
}

/// A page in the playground, and the same page elsewhere for whoever checks.
struct Page {
    memory: Memory,
    view: Mapping,
}

impl Page {
    fn new(value: u64) -> Result<Page, Error> {
        let memory = Memory::create(&Pool::own()?, 1)?;
        let view = memory.map(Access::READ | Access::WRITE)?;
        let page = Page { memory, view };
        page.set(value)?;
        Ok(page)
    }

    fn set(&self, value: u64) -> Result<(), Error> {
        self.view.double(0)?.store(value, Ordering::SeqCst);
        Ok(())
    }

    fn get(&self) -> Result<u64, Error> {
        Ok(self.view.double(0)?.load(Ordering::SeqCst))
    }

    /// The Memory, for the kernel.
    fn number(&self) -> u64 {
        self.memory.handle().raw().into()
    }

    fn place(&self) -> Result<(), Error> {
        place(self.number())
    }
}

fn place(memory: u64) -> Result<(), Error> {
    call(number::map, &[PROCESS, memory, playground(), 0, 1, BOTH])?;
    Ok(())
}

fn displace() -> Result<(), Error> {
    call(number::unmap, &[PROCESS, playground(), 1])?;
    Ok(())
}

/// A thread on another core that uses the playground's first word without end, and whose faults come here.
struct User {
    last: Arc<AtomicU64>,
    rounds: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    faults: OwnedHandle,
    thread: JoinHandle,
}

impl User {
    fn start(core: u32, deed: fn(u64) -> u64) -> Result<User, Error> {
        let faults = create(POOL, Kind::Channel, 0, 0, 0)?;
        let (last, rounds) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let over = Arc::new(AtomicBool::new(false));
        let (seen, counts, ends) = (last.clone(), rounds.clone(), over.clone());
        let thread = thread::spawn(&Pool::own()?, options()?, move || {
            while !ends.load(Ordering::Relaxed) {
                let round = counts.load(Ordering::Relaxed) + 1;
                seen.store(deed(round), Ordering::SeqCst);
                counts.store(round, Ordering::SeqCst);
            }
        })?;
        thread.thread().set_fault_channel(Some(&faults))?;
        thread.thread().set_core(Some(core))?;
        let user = User { last, rounds, over, faults, thread };
        becomes(|| user.rounds.load(Ordering::SeqCst) > 100);
        Ok(user)
    }

    fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    /// The fault that it must have by now: what it tried, where, and the token to answer.
    fn fault(&self) -> Result<(u64, u64, u64), Error> {
        let deadline = time::now_ns() + PATIENCE;
        let mut registers =
            Registers { number: number::recv.into(), a0: raw(&self.faults), deadline, ..Registers::default() };
        kernel::with(&mut registers)?;
        match Tag(registers.a1).kind() {
            Message::Fault => Ok((registers.words[0], registers.words[1], registers.a0)),
            _ => Err(Error::TimedOut),
        }
    }

    /// Has the instruction run again.
    fn go_on(&self, token: u64) -> Result<(), Error> {
        call(number::reply, &[token, 0])?;
        let before = self.rounds.load(Ordering::SeqCst);
        becomes(|| self.rounds.load(Ordering::SeqCst) > before + 100);
        Ok(())
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        finish(self.thread);
    }
}

fn reads(_: u64) -> u64 {
    peek(playground())
}

fn writes(round: u64) -> u64 {
    poke(playground(), round);
    round
}

fn unmapped(checks: &mut Checks, core: u32) -> Result<(), Error> {
    let (first, second) = (Page::new(1)?, Page::new(7)?);
    first.place()?;
    let user = User::start(core, reads)?;
    checks.equal(format!("core {core} sees the page"), user.last(), 1);
    displace()?;
    first.set(2)?;
    let (class, address, token) = user.fault()?;
    checks.equal("unmapped, it faults", (class, address), (Fault::Read as u64, playground()));
    checks.equal("and has not seen what came after", user.last(), 1);
    second.place()?;
    user.go_on(token)?;
    checks.equal("it sees what is mapped there next", user.last(), 7);
    user.end();
    displace()
}

fn protected(checks: &mut Checks, core: u32) -> Result<(), Error> {
    let page = Page::new(0)?;
    page.place()?;
    let user = User::start(core, writes)?;
    checks.holds(format!("core {core} writes the page"), page.get()? > 0);
    call(number::protect, &[PROCESS, playground(), 1, READ])?;
    let then = page.get()?;
    pause();
    checks.equal("once protect is back, nothing is written", page.get()?, then);
    let (class, address, token) = user.fault()?;
    checks.equal("the write faults", (class, address), (Fault::Write as u64, playground()));
    call(number::protect, &[PROCESS, playground(), 1, BOTH])?;
    user.go_on(token)?;
    checks.holds("and is done when it may", page.get()? > then);
    user.end();
    displace()
}

fn revoked(checks: &mut Checks, core: u32) -> Result<(), Error> {
    let page = Page::new(1)?;
    let (lent, grant) = derive(POOL, page.number(), Rights::READ | Rights::WRITE, 0, 0)?;
    place(raw(&lent))?;
    let user = User::start(core, reads)?;
    call(number::revoke, &[raw(&grant)])?;
    page.set(2)?;
    let (class, address, token) = user.fault()?;
    checks.equal(format!("revoked, core {core} faults"), (class, address), (Fault::Read as u64, playground()));
    checks.equal("and has not seen what came after", user.last(), 1);
    page.place()?;
    user.go_on(token)?;
    checks.equal("mapped again, it goes on", user.last(), 2);
    user.end();
    displace()
}
