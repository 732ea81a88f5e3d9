//! A machine that does anything: one to eight threads of several processes, on one to four cores, that make random calls;
//! time that passes, interrupts, faults, and idle work; one entry into the kernel at a time, of any core.
//!
//! A core that is told to look again ([`kcore::Hw::kick`]) does so later: what happens elsewhere may come first.

use abi::calls::{ANY_CORE, number as nr};
use abi::{Error, Rights, Status};
use kcore::Hw;
use kcore::hw::CoreId;
use kcore::objects::*;

use crate::arguments::{self, Attempt};
use crate::random::Random;
use crate::snapshot::Snapshot;
use crate::world::*;
use crate::{invariants, snapshot};

pub struct Driver {
    pub w: World,
    pub r: Random,
    /// How threads' calls enter the kernel.
    pub enter: fn(&mut World, CoreId),
    /// How their faults do: class and address.
    pub fault: fn(&mut World, CoreId, u64, u64),
    /// How the timer's interrupts do.
    pub timer: fn(&mut World, CoreId),
    /// How a line's do.
    pub line: fn(&mut World, CoreId, u32),
    /// Cores that run.
    pub cores: u64,
    /// Before one in how many calls that are not traced a snapshot is taken; 0: before none.
    pub watch: u64,
    /// The state just before the last call, if it was one of these.
    pub before: Option<Snapshot>,
    /// What was done, for when a check fails: put into words only then.
    trace: Vec<Done>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "told by Debug alone")]
enum Done {
    Event(&'static str),
    Started(ThreadLink),
    Call { core: CoreId, caller: ThreadLink, attempt: Attempt, goes_on: bool },
    Result(Option<Result<(), Error>>),
}

/// What a step did.
pub enum Step {
    /// A thread made a call, or a part of it (`goes_on`: not the first), with this result; `None` while it waits, is restarted or is gone.
    Call { caller: ThreadLink, attempt: Attempt, goes_on: bool, result: Option<Result<(), Error>> },
    /// Something else came.
    Event,
    /// Nobody runs, and nothing would wake anybody.
    Stuck,
}

impl Driver {
    /// init with a second thread, and two processes in pools of their own that hold a few handles of each other.
    pub fn new(seed: u64, frames: u32) -> Driver {
        let mut d = Driver::made(1 + seed % 4, seed, frames);
        d.populate(seed, 1 + seed / 4 % 8);
        d
    }

    /// The same on one core, with four threads.
    pub fn on_one_core(seed: u64, frames: u32) -> Driver {
        let mut d = Driver::made(1, seed, frames);
        d.populate(seed, 4);
        d
    }

    fn made(cores: u64, seed: u64, frames: u32) -> Driver {
        let enter = |w: &mut World, core| _ = w.entry(core, |k| k.syscall(core));
        let fault = |w: &mut World, core, class, address| _ = w.entry(core, |k| k.fault(core, class, address, 5));
        let timer = |w: &mut World, core| _ = w.entry(core, |k| k.timer(core));
        let line = |w: &mut World, core, line| _ = w.entry(core, |k| k.interrupt(core, line));
        let (w, r, trace) = (world_of(cores as u8, frames), Random::new(seed), Vec::new());
        Driver { w, r, enter, fault, timer, line, cores, watch: 0, before: None, trace }
    }

    /// In every fifth case the two other processes have CPU budgets, in every third they share an address-space tag.
    fn populate(&mut self, seed: u64, threads: u64) {
        let w = &mut self.w;
        let pool = w.pool;
        let ports = w.with(|cx| {
            let root = cx.v.live(cx.s.root_pool).unwrap();
            cx.boot_ports(root).unwrap()
        });
        w.give_init(ports);
        let own = 0x1_0001;
        // Undisturbed by those that are started, until all is there.
        w.ok(nr::config, &[0x1_0002, 0, 63]);
        let channels: Vec<u64> = (0..2).map(|_| w.ok(nr::create, &[pool, CHANNEL as u64])).collect();
        let memory = w.ok(nr::create, &[pool, MEMORY as u64, 8, 0]);
        let line = w.ok(nr::slice, &[pool, w.lines, 3, 1, 0]);
        let log = w.log;
        if seed % 3 == 1 {
            w.k.system.hw.tags = 1;
        }
        let mut left = threads - 1;
        for i in 0..2 {
            let pages = 40 + self.r.below(40);
            let (period, share) = (5_000 + self.r.below(40_000), 100 + self.r.below(6_000));
            let budget = if seed.is_multiple_of(5) { share.min(period / 5 * 2) | (period << 32) } else { 0 };
            let sub = w.ok(nr::create, &[pool, POOL as u64, pages, 40, budget]);
            let process = w.ok(nr::create, &[sub, PROCESS as u64]);
            let thread = w.ok(nr::create, &[sub, THREAD as u64, process, 10 + self.r.below(25), 0x2000_0000]);
            let note = w.ok(nr::create, &[sub, NOTIFICATION as u64]);
            let session = w.call(nr::derive, &[pool, channels[i], 0xffff & !8, 70 + i as u64, 0]).unwrap();
            let lent = w.call(nr::derive, &[pool, memory, 0xffff & !2, 0, 0]).unwrap();
            let bell = w.call(nr::derive, &[sub, 0x1_0006, 0xffff & !2, 4, 8]).unwrap();
            let irq = w.call(nr::derive, &[pool, line, 0xffff, 0, 0]).unwrap();
            let all = 0xffff;
            let given = [process, thread, sub, session[0], channels[1 - i], note, lent[0], bell[0], irq[0], log];
            for (n, handle) in given.into_iter().enumerate() {
                let rights = if handle == sub { all & !Rights::DESTROY.bits() as u64 } else { all };
                w.ok(nr::dup, &[handle, rights, process, n as u64 + 1]);
            }
            for done in [session[0], lent[0], bell[0], irq[0]] {
                w.ok(nr::close, &[done]);
            }
            w.ok(nr::config, &[thread, 2, note]);
            if left > 0 {
                left -= 1;
                w.ok(nr::config, &[thread, 4, home(&mut self.r, self.cores)]);
                w.ok(nr::start, &[thread, 0x40_0000, 0x60_0000, 0]);
            }
        }
        for n in 0..left {
            let (extra, _) = w.thread(own, 10 + self.r.below(20), 0x2000_0000 + (n << 12));
            w.ok(nr::config, &[extra, 4, home(&mut self.r, self.cores)]);
            w.ok(nr::start, &[extra, 0x40_0000, 0x60_0000, 0]);
        }
        w.enter(nr::config as u64, &[0x1_0002, 0, 20]);
    }

    /// Makes something happen on some core.
    pub fn step(&mut self) -> Step {
        let core = self.r.below(self.cores) as CoreId;
        // A core that was called enters by that sooner or later; until then it may do anything else.
        if self.w.k.system.hw.kicks.contains(&core) && self.r.one_in(2) {
            return self.event(|d| {
                d.w.kicked(core);
                "called by another core"
            });
        }
        let current = self.w.current_of(core);
        if current.is_none() {
            return self.wait(core);
        }
        match self.r.below(100) {
            0..4 => self.event(|d| {
                d.w.k.system.hw.now += d.r.below(20_000_000);
                (d.timer)(&mut d.w, core);
                "timer"
            }),
            4..7 => self.event(|d| {
                d.interrupt(core);
                "interrupt"
            }),
            7..9 => self.event(|d| {
                let (class, address) = (1 + d.r.below(9), d.r.next());
                (d.fault)(&mut d.w, core, class, address);
                "fault"
            }),
            9..11 => self.event(|d| {
                d.w.entry(core, |k| idle_work(k, core));
                "idle work"
            }),
            11..13 => self.event(|d| {
                d.w.kicked(core);
                "a kick"
            }),
            _ => self.call(core, current, None),
        }
    }

    /// Nobody runs on a core: it was told to look again, or somebody else goes on; or all wait, time passes, and a device
    /// tells something.
    fn wait(&mut self, core: CoreId) -> Step {
        if self.w.k.system.hw.kicks.contains(&core) {
            return self.event(|d| {
                d.w.kicked(core);
                "a kick while idle"
            });
        }
        let busy = (0..self.cores as CoreId)
            .find(|core| !self.w.current_of(*core).is_none() || self.w.k.system.hw.kicks.contains(core));
        if let Some(busy) = busy
            && !self.r.one_in(8)
        {
            return match self.w.current_of(busy) {
                current if current.is_none() => self.wait(busy),
                current => self.call(busy, current, None),
            };
        }
        let hw = &self.w.k.system.hw;
        let timer = if core == 0 { hw.timer } else { hw.timers[core as usize] };
        if timer != u64::MAX && !self.r.one_in(3) {
            return self.event(|d| {
                d.w.pass_until(timer);
                (d.timer)(&mut d.w, core);
                "the timer while idle"
            });
        }
        if self.w.entry(core, |k| idle_work(k, core)).is_some() {
            return Step::Event;
        }
        if !self.w.k.system.hw.unmasked.is_empty() && !self.r.one_in(3) {
            return self.event(|d| {
                d.interrupt(core);
                "interrupt while idle"
            });
        }
        self.restart()
    }

    /// Somebody whom nobody sees stops a thread and starts it again.
    fn restart(&mut self) -> Step {
        let n = self.r.next();
        let started = self.w.with(|cx| {
            // As in every entry: what runs here may have been told to go home.
            cx.answer_calls();
            let threads = invariants::all::<THREAD>(cx);
            let thread = *threads.get(n as usize % threads.len().max(1))?;
            if cx.v.get(thread).state == State::Running && cx.v.get(thread).core as usize != cx.core {
                // Only its own core could.
                return Some(thread.link());
            }
            cx.leave_queues(thread);
            let t = cx.v.get_mut(thread);
            t.sequence = t.sequence.wrapping_add(1);
            cx.start_at(thread, 0x40_0000, 0x50_0000, 0);
            cx.reschedule(None);
            Some(thread.link())
        });
        match started {
            Some(thread) => {
                self.trace.push(Done::Started(thread));
                Step::Event
            }
            None => Step::Stuck,
        }
    }

    /// One of the lines that are not masked tells something.
    pub fn interrupt(&mut self, core: CoreId) {
        let lines: Vec<u32> = self.w.k.system.hw.unmasked.iter().copied().collect();
        if !lines.is_empty() {
            let line = self.r.pick(&lines);
            (self.line)(&mut self.w, core, line);
        }
    }

    /// Something that is no call.
    pub fn event(&mut self, f: impl FnOnce(&mut Driver) -> &'static str) -> Step {
        let what = f(self);
        self.trace.push(Done::Event(what));
        Step::Event
    }

    /// Has a thread, which is the running one of a core, enter the kernel: on with a call that was rewound, or with another.
    pub fn call(&mut self, core: CoreId, caller: ThreadLink, attempt: Option<Attempt>) -> Step {
        let late = self.w.edit(caller, |t| t.run_start) < self.w.k.system.hw.ticks();
        if self.watch > 0 && (late || self.w.k.system.hw.kicks.contains(&core)) {
            // What it was told to look for, and time that has passed, is not the call's doing.
            self.w.kicked(core);
            if self.w.current_of(core) != caller {
                return self.event(|_| "a kick");
            }
        }
        let restarting = self.w.edit(caller, |t| t.restarting());
        let known = arguments::known(&mut self.w, caller);
        let attempt = attempt.unwrap_or_else(|| arguments::attempt(&mut self.r, &known));
        // Now and then the instruction that was rewound to has become another.
        if !restarting || self.r.one_in(15) {
            self.w.prepare(caller, attempt.number, &attempt.arguments, attempt.deadline);
            let buffer = self.w.edit(caller, |t| t.buffer);
            self.w.with(|cx| {
                cx.v.write_word(buffer, 0, attempt.sent[0] as u64 | (attempt.sent[1] as u64) << 32);
                cx.v.write_word(buffer, 8, attempt.sent[2] as u64 | (attempt.sent[3] as u64) << 32);
            });
        }
        self.w.edit(caller, |t| t.context.regs.pc = 0x40_0000);
        self.trace.push(Done::Call { core, caller, attempt: attempt.clone(), goes_on: restarting });
        let watch = self.watch > 0 && self.r.one_in(self.watch) && !snapshot::traced(&mut self.w, caller);
        self.before = watch.then(|| snapshot::take(&mut self.w));
        (self.enter)(&mut self.w, core);
        let result = self.w.with(|cx| {
            let caller = cx.v.live(caller)?;
            let t = cx.v.get(caller);
            let waits = !matches!(t.state, State::Running | State::Ready);
            (!waits && t.context.regs.pc == 0x40_0000).then(|| Status(t.context.regs.number).result())
        });
        self.trace.push(Done::Result(result));
        Step::Call { caller, attempt, goes_on: restarting, result }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.trace.len().saturating_sub(16);
            for done in &self.trace[from..] {
                eprintln!("{done:x?}");
            }
        }
    }
}

/// A core that a thread is to run on alone, or any.
fn home(r: &mut Random, cores: u64) -> u64 {
    if r.one_in(2) { ANY_CORE } else { r.below(cores) }
}
