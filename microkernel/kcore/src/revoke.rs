//! `revoke`: what came about through a Grant is undone.
//!
//! Handles die at once, by a flag in the Grant. Mappings, bindings of interrupts and notifications, and threads that wait
//! in a channel are then looked for in bounded steps, from the lowest Grants up. When the caller dies in between, the
//! Grant stands in a list that the next such call and idle cores work off.

use abi::{Error, Rights};
use kmem::Name;

use crate::handles::Found;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress, UNITS};

/// Units that the removal of a mapping costs: it has up to 512 pages.
const MAPPING_COST: u32 = UNITS / 2;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `revoke`.
    pub fn revoke(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let handle = self.v.get(thread).context.regs.argument(0);
        let Found { key, .. } = self.lookup::<GRANT>(thread, handle, Rights::REVOKE)?;
        // First every name through it dies, then its effects are undone: to be interrupted in between is safe.
        let next = self.s.undo;
        let g = self.v.get_mut(key);
        g.revoked = true;
        if !g.undoing {
            (g.undoing, g.undo_next) = (true, next);
            self.s.undo = key.link();
        }
        let progress = self.undo_effects(key, UNITS);
        if progress == Progress::Done {
            self.undo_waiting(UNITS);
        }
        Ok(progress)
    }

    /// Does up to `units` of the revocations that dead callers left; false when nothing waits.
    pub fn undo_waiting(&mut self, units: u32) -> bool {
        let Some(grant) = self.v.follow(self.s.undo) else { return false };
        self.undo_effects(grant, units);
        true
    }

    /// Undoes the effects of a revoked Grant and all below it, up to `units`. Once done it is out of the list, and gone if
    /// nobody has a handle to it.
    pub fn undo_effects(&mut self, grant: GrantKey<'id>, mut units: u32) -> Progress {
        while units > 0 {
            units -= 1;
            let mut at = grant;
            while let Some(child) = self.v.follow(self.v.get(at).children) {
                at = child;
            }
            if let Some(mapping) = self.v.follow(self.v.get(at).mappings) {
                self.remove_mapping(mapping);
                units = units.saturating_sub(MAPPING_COST - 1);
                continue;
            }
            if self.undo_interrupts(at) {
                units /= 2;
            }
            self.undo_binding(at);
            if self.end_one_revoked_wait(at) {
                continue;
            }
            if at == grant {
                self.leave_undo_list(grant);
                self.free_grant_if_done(grant);
                return Progress::Done;
            }
            self.v.get_mut(at).revoked = true;
            self.leave_above(at);
        }
        Progress::Restart
    }

    /// Has what waits or is bound through a Grant that goes be undone with the one above.
    pub fn hand_up(&mut self, grant: GrantKey<'id>, above: Option<GrantKey<'id>>) {
        let old = self.v.name(grant);
        let new = above.map_or(Name::NONE, |above| self.v.name(above));
        let target = self.v.get(grant).target;
        if let Some(channel) = self.v.find_any::<CHANNEL>(target) {
            let c = self.v.get(channel);
            for mut at in [c.callers.head, c.receivers.head] {
                while let Some(thread) = self.v.follow(at) {
                    let t = self.v.get_mut(thread);
                    at = t.next;
                    if t.via == old {
                        t.via = new;
                    }
                }
            }
        } else if let Some(notification) = self.v.find_any::<NOTIFICATION>(target) {
            if let Some(thread) = self.v.follow(self.v.get(notification).bound) {
                let t = self.v.get_mut(thread);
                if t.bound_via == old {
                    t.bound_via = new;
                }
            }
        } else if target.class() == INTERRUPT {
            for line in 0..self.s.lines.len() {
                if let Some(interrupt) = self.v.follow(self.s.lines[line]) {
                    let i = self.v.get_mut(interrupt);
                    if i.via == old {
                        i.via = new;
                    }
                }
            }
        }
    }

    fn leave_undo_list(&mut self, grant: GrantKey<'id>) {
        let g = self.v.get_mut(grant);
        g.undoing = false;
        let next = core::mem::take(&mut g.undo_next);
        if self.s.undo == grant.link() {
            self.s.undo = next;
            return;
        }
        let mut at = self.s.undo;
        while let Some(other) = self.v.follow(at) {
            at = self.v.get(other).undo_next;
            if at == grant.link() {
                self.v.get_mut(other).undo_next = next;
                return;
            }
        }
    }

    /// Unbinds interrupts bound through a dead Grant, for a Grant on interrupts. What was bound may be a slice of the
    /// Grant's target, so all lines are looked at; true if so.
    fn undo_interrupts(&mut self, grant: GrantKey<'id>) -> bool {
        if self.v.get(grant).target.class() != INTERRUPT {
            return false;
        }
        for line in 0..self.s.lines.len() {
            if let Some(interrupt) = self.v.follow(self.s.lines[line])
                && !self.grants_alive(self.v.get(interrupt).via)
            {
                self.unbind(interrupt);
            }
        }
        true
    }

    /// Takes a notification away from a thread that it was bound to through a dead Grant.
    fn undo_binding(&mut self, grant: GrantKey<'id>) {
        let Some(notification) = self.v.find_any::<NOTIFICATION>(self.v.get(grant).target) else { return };
        if let Some(thread) = self.v.follow(self.v.get(notification).bound)
            && !self.grants_alive(self.v.get(thread).bound_via)
        {
            self.bind_notification(thread, None, Name::NONE);
        }
    }

    /// Ends one call, or one `recv`, that waits in the Grant's channel through a dead Grant; false if there is none.
    fn end_one_revoked_wait(&mut self, grant: GrantKey<'id>) -> bool {
        let Some(channel) = self.v.find_any::<CHANNEL>(self.v.get(grant).target) else { return false };
        let c = self.v.get(channel);
        for mut at in [c.callers.head, c.receivers.head] {
            while let Some(thread) = self.v.follow(at) {
                at = self.v.get(thread).next;
                if !self.grants_alive(self.v.get(thread).via) {
                    self.leave_queues(thread);
                    self.fail_call(thread, Error::Revoked);
                    return true;
                }
            }
        }
        false
    }
}
