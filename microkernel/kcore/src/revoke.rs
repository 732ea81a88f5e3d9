//! `revoke`: what came about through a Grant is undone.
//!
//! Handles die at once, by a flag in the Grant. Mappings, bindings of interrupts and notifications, and threads that wait
//! in a channel are then ended in bounded steps, from the lowest Grants up. When the caller dies in between, the
//! Grant stands in a list that the next such call and idle cores work off.

use abi::{Error, Rights};
use kmem::Name;
use kmem::mutants::{Mutant, mutant};

use crate::handles::Found;
use crate::list::undone;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `revoke`.
    pub fn revoke(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let handle = self.v.get(thread).context.regs.argument(0);
        let Found { key, .. } = self.lookup::<GRANT>(thread, handle, Rights::REVOKE)?;
        // First every name through it dies, then its effects are undone: to be interrupted in between is safe.
        self.end_doors();
        let g = self.v.get_mut(key);
        g.revoked = true;
        if !core::mem::replace(&mut g.undoing, true) {
            self.s.undo = undone::push(self.s.undo, &mut self.v, key);
        }
        let progress = self.undo_effects(key);
        if progress == Progress::Done {
            self.undo_waiting();
        }
        Ok(progress)
    }

    /// Does a part of the revocations that dead callers left; false when nothing waits.
    pub fn undo_waiting(&mut self) -> bool {
        let Some(grant) = self.v.follow(self.s.undo).filter(|_| !mutant(Mutant::UndoForgotten)) else { return false };
        self.undo_effects(grant);
        true
    }

    /// Undoes the effects of a revoked Grant and all below it, as far as this entry can afford. Once done it is out of the
    /// list, and gone if nobody has a handle to it.
    pub fn undo_effects(&mut self, grant: GrantKey<'id>) -> Progress {
        loop {
            let mut at = grant;
            while let Some(child) = self.v.follow(self.v.get(at).children)
                && !mutant(Mutant::RevokeStopsAtFirst)
            {
                at = child;
            }
            let cost = match self.v.follow(self.v.get(at).mappings) {
                Some(mapping) => self.mapping_cost(mapping),
                None => 1,
            };
            if !self.afford(cost) {
                return Progress::Restart;
            }
            if let Some(mapping) = self.v.follow(self.v.get(at).mappings)
                && !mutant(Mutant::RevokeKeepsMappings)
            {
                self.remove_mapping(mapping);
                continue;
            }
            if let Some(thread) = self.v.follow(self.v.get(at).waiting)
                && !mutant(Mutant::RevokeKeepsCallers)
            {
                self.leave_queues(thread);
                self.fail_call(thread, Error::Revoked);
                continue;
            }
            if let Some(interrupt) = self.v.follow(self.v.get(at).lines)
                && !mutant(Mutant::RevokeKeepsLines)
            {
                self.unbind(interrupt);
                continue;
            }
            if let Some(interrupt) = self.v.follow(self.v.get(at).bells)
                && !mutant(Mutant::RevokeKeepsBells)
            {
                self.unbind(interrupt);
                continue;
            }
            if let Some(thread) = self.bound_by(at)
                && !mutant(Mutant::RevokeKeepsBinding)
            {
                self.bind_notification(thread, None, Name::NONE);
            }
            if at == grant {
                self.leave_undo_list(grant);
                self.free_grant_if_done(grant);
                return Progress::Done;
            }
            self.v.get_mut(at).revoked = true;
            self.end_doors();
            self.leave_above(at);
        }
    }

    /// Has the notification bound through a Grant that goes be taken away with the one above. All else that came about
    /// through it stands in its lists.
    pub fn hand_up(&mut self, grant: GrantKey<'id>) {
        if let Some(thread) = self.bound_by(grant) {
            let above = self.v.follow(self.v.get(grant).above);
            self.v.get_mut(thread).bound_via = above.map_or(Name::NONE, |above| self.v.name(above));
        }
    }

    /// The thread that has a notification bound through this Grant. None through any that has no name above it: who is only closed, or
    /// gone with a pool, takes nothing away.
    pub fn bound_by(&self, grant: GrantKey<'id>) -> Option<ThreadKey<'id>> {
        let notification = self.v.find_any::<NOTIFICATION>(self.v.get(grant).target)?;
        let thread = self.v.follow(self.v.get(notification).bound)?;
        let via = self.v.get(thread).bound_via;
        let through = via == self.v.name(grant) || mutant(Mutant::RevokeTakesBindings) && !self.grants_alive(via);
        through.then_some(thread)
    }

    fn leave_undo_list(&mut self, grant: GrantKey<'id>) {
        self.v.get_mut(grant).undoing = false;
        self.s.undo = undone::remove(self.s.undo, &mut self.v, grant);
    }
}
