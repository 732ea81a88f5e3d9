//! Faults: a call that the kernel makes on the thread's behalf.

use abi::Rights;
use abi::message::MAX_CHAIN;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::hw::Reboot;
use crate::objects::*;
use crate::state::{Count, Cx};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Reports the current thread's fault to its fault channel. Without one, or one that is gone, the thread stops until
    /// `config` names one; then its instruction runs again. Returns who is to run next, if that is decided.
    pub fn fault(&mut self, class: u64, address: u64, syndrome: u64) -> Option<ThreadKey<'id>> {
        self.count(Count::Faults);
        let current = self.s.cores[self.core].current.link();
        let thread = self.v.follow(current)?;
        let t = self.v.get_mut(thread);
        let (pc, sp) = (t.context.regs.pc, t.context.regs.sp);
        t.fault_words = [class, address, pc, sp, syndrome, current.raw() as u64];
        let (entry, process) = (t.fault, t.process);
        let Some(channel) = self.fault_channel(thread) else {
            self.leave_queues(thread);
            self.v.get_mut(thread).state = State::Faulted;
            self.write_log_about(process, b"a thread faulted, and nobody is there to tell");
            if self.v.get(thread).pool == self.s.root_pool {
                // init's alone lie there, and without init nothing can be started, ended or found. Printed even if a server
                // reads the log.
                let now = self.s.hw.now();
                self.show_record(now, 0, 0, b"it was init: powering off");
                self.s.hw.power(Reboot::No);
            }
            return None;
        };
        self.v.get_mut(thread).faulting = true;
        match self.meet(thread, channel, entry.badge, entry.grant, 0) {
            Ok(crate::Progress::HandOver(next)) => self.v.follow(next),
            _ => None,
        }
    }

    /// Who is told of a thread's faults, if somebody is there to be told.
    pub fn fault_channel(&self, thread: ThreadKey<'id>) -> Option<ChannelKey<'id>> {
        let t = self.v.get(thread);
        self.v.find_any::<CHANNEL>(t.fault.object).filter(|_| {
            (self.check_grants(&t.fault).is_ok() || mutant(Mutant::FaultChannelRevoked))
                && t.fault.rights().contains(Rights::CALL)
                && (t.depth as usize) < MAX_CHAIN
        })
    }
}
