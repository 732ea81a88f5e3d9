//! A machine that does anything: threads of several processes that make random calls, time that passes, interrupts,
//! faults, and idle work, one entry into the kernel at a time.

use abi::calls::number as nr;
use abi::{Error, Rights, Status};
use kcore::objects::*;

use crate::arguments::{self, Attempt};
use crate::random::Random;
use crate::snapshot::Snapshot;
use crate::world::*;
use crate::{invariants, snapshot};

pub struct Driver {
    pub w: World,
    cores: u8,
    pub r: Random,
    /// How threads' calls enter the kernel.
    pub enter: fn(&mut World),
    /// How their faults do: class and address.
    pub fault: fn(&mut World, u64, u64),
    /// Whether a snapshot is to be taken before each call.
    pub watch: bool,
    /// The state just before the last call, if so and it had only that to do.
    pub before: Option<Snapshot>,
    /// What was done last, for when a check fails.
    trace: Vec<String>,
}

/// What a step did.
pub enum Step {
    /// A thread made a call, or a part of it, with this result; `None` while it waits, is restarted or is gone.
    Call { caller: ThreadLink, attempt: Attempt, result: Option<Result<(), Error>> },
    /// Something else came.
    Event,
    /// Nobody runs, and nothing would wake anybody.
    Stuck,
}

impl Driver {
    /// init with a second thread, and two processes in pools of their own that hold a few handles of each other.
    pub fn new(seed: u64, frames: u32) -> Driver {
        Driver::of(1, seed, frames)
    }

    /// The same on several cores, of which any may enter the kernel next.
    pub fn of(cores: u8, seed: u64, frames: u32) -> Driver {
        let enter = |w: &mut World| _ = w.k.syscall(w.core);
        let fault = |w: &mut World, class, address| _ = w.k.fault(w.core, class, address, 5);
        let mut d = Driver {
            w: world_of(cores, frames),
            cores,
            r: Random::new(seed),
            enter,
            fault,
            watch: false,
            before: None,
            trace: Vec::new(),
        };
        d.populate(seed);
        invariants::check(&mut d.w);
        d
    }

    fn populate(&mut self, seed: u64) {
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
        let (extra, _) = w.thread(own, 10 + self.r.below(20), 0x2000_0000);
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
            w.ok(nr::start, &[thread, 0x40_0000, 0x60_0000, 0]);
        }
        w.ok(nr::start, &[extra, 0x40_0000, 0x60_0000, 0]);
        w.enter(nr::config as u64, &[0x1_0002, 0, 20]);
    }

    /// Makes something happen.
    pub fn step(&mut self) -> Step {
        if self.cores > 1 {
            let core = self.r.below(self.cores as u64) as u8;
            self.w.on(core);
            // A core that was called enters by that sooner or later; until then it may do anything else.
            if self.w.k.system.hw.kicks.contains(&core) && self.r.one_in(2) {
                return self.event(|d| {
                    d.w.k.system.hw.kicks.retain(|kicked| *kicked != core);
                    d.w.k.kicked(core);
                    "called by another core"
                });
            }
        }
        let current = self.w.current();
        if current.is_none() {
            return self.wait();
        }
        match self.r.below(100) {
            0..4 => self.event(|d| {
                d.w.k.system.hw.now += d.r.below(20_000_000);
                let core = d.w.core;
                d.w.k.timer(core);
                "timer"
            }),
            4..7 => self.event(|d| {
                d.interrupt();
                "interrupt"
            }),
            7..9 => self.event(|d| {
                let (class, address) = (1 + d.r.below(9), d.r.next());
                (d.fault)(&mut d.w, class, address);
                "fault"
            }),
            9..11 => self.event(|d| {
                let core = d.w.core;
                d.w.k.idle_work(core);
                "idle work"
            }),
            _ => self.call(current, None),
        }
    }

    /// Nobody runs: time passes, or a device tells something.
    fn wait(&mut self) -> Step {
        let core = self.w.core;
        let hw = &self.w.k.system.hw;
        let timer = if core == 0 { hw.timer } else { hw.timers[core as usize] };
        if timer != u64::MAX && !self.r.one_in(3) {
            return self.event(|d| {
                d.w.k.system.hw.now = d.w.k.system.hw.now.max(timer);
                d.w.k.timer(core);
                "the timer while idle"
            });
        }
        if self.w.k.idle_work(core).is_some() {
            return Step::Event;
        }
        if !self.w.k.system.hw.unmasked.is_empty() && !self.r.one_in(3) {
            return self.event(|d| {
                d.interrupt();
                "interrupt while idle"
            });
        }
        self.restart()
    }

    /// Somebody whom nobody sees stops a thread and starts it again.
    fn restart(&mut self) -> Step {
        let n = self.r.next();
        let started = self.w.with(|cx| {
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
            Some(thread) => self.event(|d| {
                d.trace.push(format!("{thread:?}"));
                "was started again"
            }),
            None => Step::Stuck,
        }
    }

    fn interrupt(&mut self) {
        let lines: Vec<u32> = self.w.k.system.hw.unmasked.iter().copied().collect();
        if !lines.is_empty() {
            let line = self.r.pick(&lines);
            let core = self.w.core;
            self.w.k.interrupt(core, line);
        }
    }

    /// Something that is no call.
    pub fn event(&mut self, f: impl FnOnce(&mut Driver) -> &'static str) -> Step {
        let what = f(self);
        self.trace.push(what.into());
        Step::Event
    }

    /// Has a thread, which is the running one, enter the kernel: on with a call that was rewound, or with another.
    pub fn call(&mut self, caller: ThreadLink, attempt: Option<Attempt>) -> Step {
        let restarting = self.w.edit(caller, |t| t.restarting);
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
        self.trace.push(format!("{caller:?} {attempt:x?}{}", if restarting { " (goes on)" } else { "" }));
        // Time that passed meanwhile, on other cores, is charged to a budget whatever the call does.
        let now = self.w.k.system.hw.now;
        let owes = self.w.edit(caller, |t| !t.payer.is_none() && t.run_start != now);
        self.before = (self.watch && !owes).then(|| snapshot::take(&mut self.w));
        (self.enter)(&mut self.w);
        let result = self.w.with(|cx| {
            let caller = cx.v.live(caller)?;
            let t = cx.v.get(caller);
            let waits = !matches!(t.state, State::Running | State::Ready);
            (!waits && t.context.regs.pc == 0x40_0000).then(|| Status(t.context.regs.number).result())
        });
        self.trace.push(format!("  -> {result:?}"));
        Step::Call { caller, attempt, result }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.trace.len().saturating_sub(16);
            for line in &self.trace[from..] {
                eprintln!("{line}");
            }
        }
    }
}
