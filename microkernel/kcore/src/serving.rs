//! The callers that a thread has to answer: its list of them, and how deep in chains of calls it is by them.
//!
//! The list is sorted by priority, so what a server inherits stands at its head. Its depth is the longest chain that
//! ends in it: kept as a count of callers at each depth, so that neither a call nor a reply looks through the list.
//!
//! ```text
//! A (depth 0) ─▶ B (1) ─▶ C (2)      D (0) ─▶ C: C's callers are one at depth 1 and one at depth 0
//! ```

use abi::message::MAX_CHAIN;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::list::by_priority;
use crate::objects::*;
use crate::state::Cx;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Has a server answer for a caller, whose message was just taken.
    #[inline(always)]
    pub fn join_server(&mut self, server: ThreadKey<'id>, caller: ThreadKey<'id>) {
        self.link_served(server, caller);
        let depth = self.v.get(caller).depth;
        self.count_depth(server, depth);
    }

    /// Counts one caller more at a depth.
    #[inline(always)]
    pub fn count_depth(&mut self, server: ThreadKey<'id>, depth: u8) {
        let s = self.v.get_mut(server);
        s.depth = s.callers.add(depth, s.depth);
    }

    /// Puts a caller into its server's list, behind those as urgent.
    #[inline(always)]
    pub fn link_served(&mut self, server: ThreadKey<'id>, caller: ThreadKey<'id>) {
        self.v.get_mut(caller).server = server.link();
        let serving = by_priority::insert(self.v.get(server).serving, &mut self.v, caller);
        self.v.get_mut(server).serving = serving;
    }

    /// Takes a caller out of that list.
    #[inline(always)]
    pub fn unlink_served(&mut self, server: ThreadKey<'id>, caller: ThreadKey<'id>) {
        let serving = by_priority::remove(self.v.get(server).serving, &mut self.v, caller);
        self.v.get_mut(server).serving = serving;
    }

    /// Takes a caller out of its server's list, to wait no more; the server's priority and depth
    /// are those of the callers that remain.
    #[inline(always)]
    pub fn leave_server(&mut self, caller: ThreadKey<'id>) {
        self.v.get_mut(caller).state = State::Stopped;
        if let Some(server) = self.v.follow(self.v.get(caller).server) {
            self.unlink_served(server, caller);
            let depth = self.v.get(caller).depth;
            self.uncount_depth(server, depth);
            // It is never less urgent than on its own, but while that counts for nothing.
            let s = self.v.get(server);
            if (s.priority != s.base_priority || s.demoted) && !mutant(Mutant::PriorityKept) {
                self.refresh_priority(server);
            }
        }
    }

    /// Takes one caller at a depth away from a server; if that makes it less deep, so it is for the one it waits for.
    #[inline(always)]
    fn uncount_depth(&mut self, server: ThreadKey<'id>, depth: u8) {
        let s = self.v.get_mut(server);
        let old = s.depth;
        s.depth = s.callers.remove(depth, old);
        if old != s.depth && s.state == State::AwaitingReply && !mutant(Mutant::DepthNotCounted) {
            self.refresh_depth(server, old);
        }
    }

    /// Tells the chain from a thread on that it was at depth `old` until now. Each is deeper than the one before, so the
    /// chain ends.
    #[cold]
    fn refresh_depth(&mut self, thread: ThreadKey<'id>, mut old: u8) {
        let mut at = thread;
        while self.v.get(at).state == State::AwaitingReply
            && let Some(server) = self.v.follow(self.v.get(at).server)
        {
            let depth = self.v.get(at).depth;
            let s = self.v.get_mut(server);
            let left = s.callers.remove(old, s.depth);
            old = s.depth;
            s.depth = s.callers.add(depth, left);
            if old == s.depth {
                return;
            }
            at = server;
        }
    }
}

/// How many of a thread's callers are at each depth: a caller is less than [`MAX_CHAIN`] deep.
#[derive(Clone, Copy, Debug)]
pub struct Depths([u32; MAX_CHAIN]);

impl Depths {
    /// No callers.
    pub const NONE: Depths = Depths([0; MAX_CHAIN]);

    /// Counts one caller more at a depth; `deep` is how deep the server was, and what is returned, how deep that makes it.
    #[inline(always)]
    fn add(&mut self, depth: u8, deep: u8) -> u8 {
        let depth = depth as usize % MAX_CHAIN;
        self.0[depth] += 1;
        deep.max(depth as u8 + 1)
    }

    /// Counts one caller less, in the same way.
    #[inline(always)]
    fn remove(&mut self, depth: u8, deep: u8) -> u8 {
        let depth = depth as usize % MAX_CHAIN;
        self.0[depth] -= 1;
        if depth as u8 + 1 == deep { self.deepest(depth) } else { deep }
    }

    /// How deep the callers make their server, of whom none is deeper than this.
    #[inline(always)]
    fn deepest(&self, depth: usize) -> u8 {
        self.0[..=depth % MAX_CHAIN].iter().rposition(|count| *count != 0).map_or(0, |depth| depth as u8 + 1)
    }

    /// There is one caller, at this depth; before, there was none. Returns how deep that makes the server.
    #[inline(always)]
    pub fn only(&mut self, depth: u8) -> u8 {
        self.0[depth as usize % MAX_CHAIN] = 1;
        depth + 1
    }

    /// There is no caller any more; the last was at this depth.
    #[inline(always)]
    pub fn none(&mut self, depth: u8) {
        self.0[depth as usize % MAX_CHAIN] = 0;
    }
}
