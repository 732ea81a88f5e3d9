//! Priorities that are inherited: a thread has the most urgent of its own, of those it works for, and of those that wait for it, and
//! passes it on to whom it waits for itself.

use abi::message::MAX_CHAIN;
use kmem::mutants::{Mutant, mutant};
use kmem::{Link, Name};

use crate::Hw;
use crate::list::by_priority;
use crate::objects::*;
use crate::state::Cx;

/// A priority, and whose budget pays for it.
type Due = (u8, Name<POOL>);

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Recomputes the priority that a thread has from itself, from those it works for, and from those that wait for it;
    /// and so for the thread that it waits for, and on.
    #[inline(never)]
    pub fn refresh_priority(&mut self, thread: ThreadKey<'id>) {
        let mut at = Some(thread);
        for _ in 0..if mutant(Mutant::InheritanceStopsShort) { 1 } else { MAX_CHAIN } {
            let Some(thread) = at else { return };
            let due = self.due_priority(thread);
            if due == (self.v.get(thread).priority, self.v.get(thread).payer) {
                return;
            }
            at = self.change_priority(thread, due);
        }
    }

    /// Recomputes the priority of the thread that serves a channel.
    pub fn refresh_server(&mut self, channel: ChannelKey<'id>) {
        if let Some(server) = self.v.follow(self.v.get(channel).server) {
            self.refresh_priority(server);
        }
    }

    /// The most urgent of its own priority, that of whom it works for, and that of whom waits for it; and who pays for
    /// that. A demoted thread has none of its own.
    fn due_priority(&self, thread: ThreadKey<'id>) -> Due {
        let t = self.v.get(thread);
        let mut due = if t.demoted { (0, t.budget) } else { (t.base_priority, t.budget) };
        let mut least = if t.demoted { 0 } else { t.base_priority + 1 };
        let waiting = self.v.follow(t.serves).map_or(Link::NONE, |channel| self.v.get(channel).callers.head);
        let serving = if mutant(Mutant::PriorityNotInherited) { Link::NONE } else { t.serving.head };
        let waiting = if mutant(Mutant::WaitingCallersIgnored) { Link::NONE } else { waiting };
        for lender in [serving, waiting] {
            if let Some(lender) = self.v.follow(lender).map(|lender| self.v.get(lender))
                && lender.priority >= least
            {
                due = (lender.priority, if mutant(Mutant::PayerNotInherited) { t.budget } else { lender.payer });
                least = lender.priority + 1;
            }
        }
        due
    }

    fn set_priority(&mut self, thread: ThreadKey<'id>, (priority, payer): Due) {
        let t = self.v.get_mut(thread);
        (t.priority, t.payer) = (priority, payer);
        let paid = !payer.is_none() || !t.budget.is_none();
        t.slow = if paid { t.slow | slow::PAID } else { t.slow & !slow::PAID };
    }

    /// Gives a thread that is in no queue, and from which nobody inherits, the priority that is due.
    pub fn settle_priority(&mut self, thread: ThreadKey<'id>) {
        let due = self.due_priority(thread);
        self.set_priority(thread, due);
    }

    /// Gives a thread another priority and moves it in its queue; returns the thread that inherits it.
    fn change_priority(&mut self, thread: ThreadKey<'id>, priority: Due) -> Option<ThreadKey<'id>> {
        let t = self.header(thread);
        match t.state {
            State::Ready => {
                self.leave_ready(thread);
                self.set_priority(thread, priority);
                self.make_ready(thread);
                None
            }
            State::Parked => {
                if !self.v.get(thread).demoted {
                    self.cancel_timer(thread);
                }
                self.set_priority(thread, priority);
                self.make_ready(thread);
                if self.s.several {
                    self.call_idle();
                }
                None
            }
            State::Running => {
                self.charge(thread);
                self.set_priority(thread, priority);
                self.s.cores[t.core as usize].look_again = true;
                if t.core as usize != self.core {
                    self.kick(t.core as usize);
                }
                None
            }
            State::Calling => {
                let channel = self.v.follow(t.channel)?;
                let callers = by_priority::remove(self.v.get(channel).callers, &mut self.v, thread);
                self.set_priority(thread, priority);
                let callers = by_priority::insert(callers, &mut self.v, thread);
                self.v.get_mut(channel).callers = callers;
                self.v.follow(self.v.get(channel).server)
            }
            State::AwaitingReply => {
                let server = self.v.follow(t.server)?;
                self.unlink_served(server, thread);
                self.set_priority(thread, priority);
                self.link_served(server, thread);
                Some(server)
            }
            State::Stopped | State::Receiving | State::Faulted => {
                self.set_priority(thread, priority);
                None
            }
        }
    }
}
