//! A kernel on a model of hardware: memory from the host's heap, a clock that is told the time, page tables that are
//! walked by the test.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod blocks;
mod copy;
mod frames;
mod machine;
mod saved;

use abi::calls::number as nr;
use abi::message::TAKES_SHIFT;
use abi::{Error, Rights, Status};
use kcore::hw::{CoreId, Entry, MAX_CORES};
use kcore::objects::*;
use kcore::{Cx, Kernel};
use kmem::{Link, Mem, PAGE};

use blocks::Blocks;
pub use copy::Copied;
pub use frames::Frames;
pub use machine::{Model, Translation};
pub use saved::Saved;

pub const FIRST_PHYSICAL: u32 = 0x40000;

/// A kernel with init: process 1's main thread is running and owns everything.
pub struct World {
    pub k: Kernel<Model>,
    /// The core that enters the kernel.
    pub core: u8,
    pub init: ThreadLink,
    pub pool: u64,
    pub process: u64,
    pub lines: u64,
    pub log: u64,
    pub seal: u64,
    pub power: u64,
    /// Whether what is saved whole has free frames, too, whose bytes nobody should touch: most of them, and so of the time.
    pub saves_free: bool,
    blocks: Blocks,
}

/// A call that is rewound as often makes no progress.
const MOST_RESTARTS: u32 = 10_000;

/// Where init's IPC buffer is.
pub const BUFFER: u64 = 0x1000_0000;

pub fn world(frames: u32) -> World {
    world_of(1, frames)
}

/// The same with so many cores, of which the first runs init and the others wait for work.
pub fn world_of(cores: u8, frames: u32) -> World {
    let blocks = Blocks::new(frames);
    let [memory, kinds, infos] = blocks.starts();
    // SAFETY: blocks of the right sizes that nothing else uses, the tables zeroed, freed after the kernel.
    let mut mem = unsafe { Mem::new(memory, kinds, infos.cast(), frames, FIRST_PHYSICAL) };
    mem.add(kmem::Frame(0), frames);
    let mut k =
        Kernel::new(mem, Model { tags: 255, timer: u64::MAX, timers: [u64::MAX; MAX_CORES], ..Model::default() });
    (0..cores).for_each(|core| k.join(core));
    let made = k.with(0, |cx| {
        let first = cx.first_objects(20, BUFFER).unwrap();
        let (pool, process) = (first.pool, first.process);
        let name = cx.v.name(pool).any();
        let pool_handle = cx.grant_boot(process, name, Rights::all()).unwrap();
        let lines = cx.boot_lines(pool, 0, 64).unwrap();
        let lines = cx.grant_boot(process, lines, Rights::all()).unwrap();
        let authority = cx.boot_authority(pool).unwrap();
        let log = cx.grant_boot(process, authority, Rights::LOG | Rights::OWNER | Rights::TRANSFER).unwrap();
        let seal = cx.grant_boot(process, authority, Rights::SEAL | Rights::TRANSFER).unwrap();
        let power = cx.grant_boot(process, authority, Rights::POWER | Rights::TRANSFER).unwrap();
        cx.start_at(first.thread, 0x40_0000, 0x50_0000, 0);
        cx.reschedule(None);
        (first.thread.link(), pool_handle, lines, log, seal, power)
    });
    for core in 1..cores {
        k.system.hw.running = core;
        k.kicked(core);
    }
    k.system.hw.running = 0;
    World {
        k,
        core: 0,
        init: made.0,
        pool: made.1 as u64,
        process: 0x1_0001,
        lines: made.2 as u64,
        log: made.3 as u64,
        seal: made.4 as u64,
        power: made.5 as u64,
        saves_free: true,
        blocks,
    }
}

/// What an idle core does when its timer comes, whatever this one runs: a part of the tear-down that dead callers left. `None`:
/// nothing is left.
pub fn idle_work(k: &mut Kernel<Model>, core: CoreId) -> Option<ThreadLink> {
    k.with(core, |cx| {
        cx.answer_calls();
        let more = cx.reap();
        let next = cx.reschedule(None);
        (more || !next.is_none()).then_some(next)
    })
}

pub type Answer = Result<[u64; 10], Error>;

impl World {
    pub fn with<R>(&mut self, f: impl for<'id> FnOnce(&mut Cx<'_, 'id, Model>) -> R) -> R {
        self.k.with(self.core, f)
    }

    /// Goes on with another core.
    pub fn on(&mut self, core: u8) -> &mut World {
        self.core = core;
        self.k.system.hw.running = core;
        self
    }

    /// The thread that runs on this core.
    pub fn current(&self) -> ThreadLink {
        self.current_of(self.core)
    }

    /// The thread that runs on a core.
    pub fn current_of(&self, core: CoreId) -> ThreadLink {
        self.k.system.cores[core as usize].current.link()
    }

    /// Has time pass until `at`, but not for centuries: what all cores run together is counted, in 2⁶⁴ ns.
    pub fn pass_until(&mut self, at: u64) {
        let hw = &mut self.k.system.hw;
        hw.now = hw.now.max(at.min(u64::MAX / 2 / MAX_CORES as u64));
    }

    /// Has a core enter the kernel.
    pub fn entry<R>(&mut self, core: CoreId, f: impl FnOnce(&mut Kernel<Model>) -> R) -> R {
        self.k.system.hw.running = core;
        let result = f(&mut self.k);
        self.k.system.hw.running = self.core;
        result
    }

    /// Has a core enter the kernel by other cores' calls.
    pub fn kicked(&mut self, core: CoreId) {
        self.k.system.hw.kicks.retain(|kicked| *kicked != core);
        self.entry(core, |k| k.kicked(core));
    }

    pub fn edit<R>(&mut self, thread: ThreadLink, f: impl FnOnce(&mut Thread) -> R) -> R {
        self.with(|cx| {
            let key = cx.v.live(thread).expect("the thread lives");
            f(cx.v.get_mut(key))
        })
    }

    pub fn state(&mut self, thread: ThreadLink) -> Option<State> {
        self.with(|cx| cx.v.live(thread).map(|key| cx.v.get(key).state))
    }

    /// Puts a call into a thread's registers.
    pub fn prepare(&mut self, thread: ThreadLink, number: u64, arguments: &[u64], deadline: u64) {
        self.edit(thread, |t| {
            let r = &mut t.context.regs;
            let mut all = [0; 10];
            all[..arguments.len()].copy_from_slice(arguments);
            (r.number, r.a0, r.a1, r.badge) = (number, all[0], all[1], deadline);
            r.words.copy_from_slice(&all[2..]);
        });
    }

    /// Has the running thread make a call, as often as it is restarted; leaves it wherever that leads. `recv`'s second
    /// argument here is its deadline; `reply_recv` waits for ever.
    pub fn enter(&mut self, number: u64, arguments: &[u64]) {
        let me = self.current();
        assert!(!me.is_none(), "somebody runs");
        let deadline = match number as u16 {
            nr::recv => arguments.get(1).copied().unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        self.prepare(me, number, arguments, deadline);
        for restarts in 0.. {
            assert!(restarts < MOST_RESTARTS, "call {number} comes to an end");
            let pc = self.edit(me, |t| t.context.regs.pc);
            self.k.syscall(self.core);
            let again = self.current() == me
                && self.state(me).is_some()
                && self.edit(me, |t| t.context.regs.pc != pc && t.restarting());
            if !again {
                return;
            }
            self.edit(me, |t| t.context.regs.pc = pc);
        }
    }

    /// What stands in a thread's registers after a call.
    pub fn answer(&mut self, thread: ThreadLink) -> Answer {
        self.edit(thread, |t| {
            let r = &t.context.regs;
            Status(r.number).result()?;
            let mut all = [0; 10];
            (all[0], all[1]) = (r.a0, r.a1);
            all[2..].copy_from_slice(&r.words);
            Ok(all)
        })
    }

    /// A call that must return at once.
    pub fn call(&mut self, number: u16, arguments: &[u64]) -> Answer {
        let me = self.current();
        self.enter(number as u64, arguments);
        assert_eq!(self.current(), me, "the call returns at once");
        self.answer(me)
    }

    /// The first result of a call that must succeed at once.
    pub fn ok(&mut self, number: u16, arguments: &[u64]) -> u64 {
        match self.call(number, arguments) {
            Ok(answer) => answer[0],
            Err(error) => panic!("call {number} {arguments:x?}: {error}"),
        }
    }

    /// Makes a thread of a process that the running one has a handle to; returns its handle and place.
    pub fn thread(&mut self, process: u64, priority: u64, buffer: u64) -> (u64, ThreadLink) {
        let handle = self.ok(nr::create, &[self.pool, THREAD as u64, process, priority, buffer]);
        let me = self.current();
        let link = self.with(|cx| {
            let me = cx.v.live(me).unwrap();
            cx.lookup::<THREAD>(me, handle, Rights::empty()).unwrap().key.link()
        });
        (handle, link)
    }

    /// Has another thread be the running one, as if the scheduler had chosen it; all others stay as they are.
    pub fn run(&mut self, thread: ThreadLink) {
        let core = self.core as usize;
        self.with(|cx| {
            let current = cx.s.cores[core].current.link();
            if current == thread {
                return;
            }
            if let Some(current) = cx.v.live(current) {
                cx.leave_queues(current);
                cx.wake(current);
            }
            let key = cx.v.live(thread).expect("the thread lives");
            assert_eq!(cx.v.get(key).state, State::Ready, "only a ready thread can run");
            cx.leave_queues(key);
            let now = cx.ticks();
            let t = cx.v.get_mut(key);
            (t.state, t.run_start) = (State::Running, now);
            cx.s.cores[core].current = thread.into();
            cx.s.hw.shared[core] = None;
            cx.end_to_idle();
        });
    }

    /// The entry of a process's page tables for an address.
    pub fn page(&mut self, process: Link<PROCESS>, address: u64) -> Entry {
        self.with(|cx| {
            let key = cx.v.live(process).unwrap();
            match cx.leaf(key, address) {
                Some(leaf) => cx.page_at(leaf, address),
                None => Entry::Empty,
            }
        })
    }

    /// The root pool's handle of init, wherever it is now.
    pub fn pool_handle(&mut self) -> u64 {
        let init = self.init;
        self.with(|cx| {
            let process = cx.v.live(cx.v.get(cx.v.live(init).unwrap()).process).unwrap();
            let page = cx.v.get(cx.v.follow(cx.v.get(process).handles).unwrap());
            let root = cx.s.root_pool;
            let mut slots = page.0.iter().enumerate();
            let slot = slots.find(|(_, e)| cx.v.find_any::<POOL>(e.object).is_some_and(|key| key.link() == root));
            slot.map(|(i, e)| i as u64 | (e.generation as u64) << 16).expect("init has its pool")
        })
    }

    /// Puts a handle with all rights into init's table.
    pub fn give_init(&mut self, object: kmem::AnyName) -> u64 {
        let init = self.init;
        self.with(|cx| {
            let thread = cx.v.live(init).unwrap();
            let process = cx.v.live(cx.v.get(thread).process).unwrap();
            cx.grant_boot(process, object, Rights::all()).unwrap() as u64
        })
    }

    /// Has the slot of a thread be at its last generation but one, as after 2^24 threads.
    pub fn retire_next(&mut self, handle: u64) {
        let me = self.current();
        let place = self.with(|cx| {
            let me = cx.v.live(me).unwrap();
            cx.lookup::<THREAD>(me, handle, Rights::empty()).unwrap().key.link()
        });
        let start = self.k.mem.address(place.frame()).unwrap().cast::<u32>();
        // SAFETY: a slab of threads has one slot, at its start, whose first word is the generation; no view lives.
        unsafe { *start = 0xffff_fe00 | THREAD as u32 }
        // The handle is to name it still.
        let process = self.process_of(me);
        self.with(|cx| {
            let process = cx.v.live(process).unwrap();
            let page = cx.v.follow(cx.v.get(process).handles).unwrap();
            let name = cx.v.name(cx.v.live(place).unwrap()).any();
            cx.v.get_mut(page).0[handle as usize & 0xffff].object = name;
        });
    }

    /// The bytes of a frame, whatever lies in it.
    pub fn frame(&self, frame: u32) -> &[u8] {
        self.blocks.frame(frame)
    }

    /// What the tables say about frames that are in use, and which are free. How free ones are arranged is no state.
    pub fn tables(&mut self) -> Vec<u8> {
        let free: Vec<bool> = self.with(|cx| (0..cx.v.frames()).map(|n| cx.v.kind(kmem::Frame(n)).is_free()).collect());
        let mut bytes: Vec<u8> = free.iter().map(|free| u8::from(*free)).collect();
        for table in self.blocks.tables() {
            let entries = table.chunks(table.len() / free.len());
            entries.zip(&free).filter(|(_, free)| !**free).for_each(|(entry, _)| bytes.extend_from_slice(entry));
        }
        bytes
    }

    pub fn process_of(&mut self, thread: ThreadLink) -> Link<PROCESS> {
        self.edit(thread, |t| t.process)
    }

    pub fn free(&self) -> u32 {
        self.k.mem.free_frames()
    }
}

/// The number register of a call that takes handles.
pub fn taking(number: u16, handles: u64) -> u64 {
    number as u64 | handles << TAKES_SHIFT
}
