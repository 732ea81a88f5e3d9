//! Notifications and interrupts.

use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{Link, Name};

use crate::hw::Trigger;
use crate::list::{by_bell, by_line};
use crate::objects::*;
use crate::state::{Count, Cx, MAX_LINES};
use crate::{Hw, Progress};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `notify`.
    pub fn notify(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (handle, bits) = (regs.a0, regs.a1);
        let found = self.lookup::<NOTIFICATION>(thread, handle, Rights::NOTIFY)?;
        self.count(Count::Notifications);
        let badge = if mutant(Mutant::BadgeIgnoredByNotify) { u64::MAX } else { found.entry.badge };
        self.signal(found.key, bits & badge);
        Ok(Progress::Done)
    }

    /// Sets bits; the bound thread takes them if it is receiving.
    pub fn signal(&mut self, notification: NotificationKey<'id>, bits: u64) {
        let n = self.v.get_mut(notification);
        n.bits = if mutant(Mutant::BitsOverwritten) { bits } else { n.bits | bits };
        let (all, bound) = (n.bits, n.bound);
        let Some(thread) = self.v.follow(bound) else { return };
        self.v.get_mut(thread).bits_wait = all != 0 && !mutant(Mutant::BitsUnmarked);
        if all != 0 && self.v.get(thread).state == State::Receiving && !mutant(Mutant::LostWakeUp) {
            self.v.get_mut(notification).bits = 0;
            self.v.get_mut(thread).bits_wait = false;
            self.leave_queues(thread);
            self.deliver_bits(thread, all);
            self.wake(thread);
        }
    }

    /// Ends a notification: its thread has none.
    pub fn end_notification(&mut self, notification: NotificationKey<'id>) {
        if let Some(thread) = self.v.follow(self.v.get(notification).bound) {
            self.v.get_mut(thread).unbind();
        }
        self.unmake(notification);
    }

    /// An interrupt line or vector has come: masked until it is acknowledged.
    pub fn interrupt(&mut self, line: u32) {
        self.count(Count::Interrupts);
        if !mutant(Mutant::LineNotMasked) {
            self.s.hw.mask(line);
        }
        let object = self.s.lines.get(line as usize).copied().unwrap_or(Link::NONE);
        if let Some(interrupt) = self.v.follow(object) {
            self.raise(interrupt);
        }
    }

    /// Sets an interrupt's bits in the notification it is bound to.
    pub fn raise(&mut self, interrupt: InterruptKey<'id>) {
        let i = self.v.get_mut(interrupt);
        i.arrivals += 1;
        let (target, bits) = (i.target, i.bits);
        if let Some(notification) = self.v.find(target) {
            self.signal(notification, bits);
        }
    }

    /// System call `irq_bind`.
    pub fn irq_bind(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (handle, target, bits) = (regs.a0, regs.a1, regs.words[0]);
        let found = self.lookup::<INTERRUPT>(thread, handle, Rights::USE)?;
        let (line, count) = (self.v.get(found.key).first, self.v.get(found.key).count);
        if count != 1 {
            return Err(Error::BadArgument);
        }
        if target == 0 {
            self.unbind(found.key);
            return Ok(Progress::Done);
        }
        let notification = self.lookup::<NOTIFICATION>(thread, target, Rights::empty())?;
        let rights = notification.entry.rights();
        if !rights.intersects(Rights::OWNER | Rights::NOTIFY) {
            return Err(Error::Denied);
        }
        let any = rights.contains(Rights::OWNER) || mutant(Mutant::BindIgnoresBadge);
        let mask = if any { u64::MAX } else { notification.entry.badge };
        if bits & mask == 0 {
            return Err(Error::BadArgument);
        }
        let taken = self.s.lines[line as usize];
        if !taken.is_none() && taken != found.key.link() && !mutant(Mutant::LineStolen) {
            return Err(Error::BadArgument);
        }
        // ---- point of no return ----
        let name = self.v.name(notification.key);
        self.bound_no_more_through(found.key);
        self.rings_no_more_through(found.key);
        if let Some(grant) = self.v.find(found.entry.grant) {
            self.bound_through(found.key, grant);
        }
        if let Some(grant) = self.v.find(notification.entry.grant) {
            self.rings_through(found.key, grant);
        }
        let i = self.v.get_mut(found.key);
        (i.target, i.bits) = (name, bits & mask);
        let trigger = i.trigger;
        // Another slice of the line may have set it meanwhile, or had it bound when this one was made.
        if trigger.is_some() && self.s.triggers[line as usize] != trigger && !mutant(Mutant::TriggerForgotten) {
            self.set_trigger(line, trigger);
        }
        self.s.lines[line as usize] = found.key.link();
        self.s.hw.unmask(line);
        Ok(Progress::Done)
    }

    /// System call `irq_ack`.
    pub fn irq_ack(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let handle = self.v.get(thread).context.regs.a0;
        let interrupt = self.lookup::<INTERRUPT>(thread, handle, Rights::USE)?.key;
        let i = self.v.get(interrupt);
        if i.target.is_none() {
            return Err(Error::BadArgument);
        }
        let line = i.first;
        self.s.hw.unmask(line);
        Ok(Progress::Done)
    }

    /// Masks an interrupt and has nobody be told of it.
    pub fn unbind(&mut self, interrupt: InterruptKey<'id>) {
        self.bound_no_more_through(interrupt);
        self.rings_no_more_through(interrupt);
        let i = self.v.get_mut(interrupt);
        let line = i.first;
        (i.target, i.bits) = (Name::NONE, 0);
        if self.s.lines.get(line as usize) == Some(&interrupt.link()) {
            if !mutant(Mutant::UnboundLineOpen) {
                self.s.hw.mask(line);
            }
            self.s.lines[line as usize] = Link::NONE;
        }
    }

    /// Notes that an Interrupt is bound by a handle behind a Grant: with the Grant, that ends.
    pub fn bound_through(&mut self, interrupt: InterruptKey<'id>, grant: GrantKey<'id>) {
        let head = by_line::push(self.v.get(grant).lines, &mut self.v, interrupt);
        self.v.get_mut(grant).lines = head;
        self.v.get_mut(interrupt).via = grant.link();
    }

    /// Takes an Interrupt out of the list of those bound through its Grant.
    pub fn bound_no_more_through(&mut self, interrupt: InterruptKey<'id>) {
        if let Some(grant) = self.v.follow(self.v.get(interrupt).via) {
            let head = by_line::remove(self.v.get(grant).lines, &mut self.v, interrupt);
            self.v.get_mut(grant).lines = head;
            self.v.get_mut(interrupt).via = Link::NONE;
        }
    }

    /// Notes that an Interrupt sets bits of a notification by a handle behind a Grant: with the Grant, that ends, too.
    pub fn rings_through(&mut self, interrupt: InterruptKey<'id>, grant: GrantKey<'id>) {
        let head = by_bell::push(self.v.get(grant).bells, &mut self.v, interrupt);
        self.v.get_mut(grant).bells = head;
        self.v.get_mut(interrupt).bell = grant.link();
    }

    /// Takes an Interrupt out of the list of those that set bits through a Grant.
    pub fn rings_no_more_through(&mut self, interrupt: InterruptKey<'id>) {
        if let Some(grant) = self.v.follow(self.v.get(interrupt).bell) {
            let head = by_bell::remove(self.v.get(grant).bells, &mut self.v, interrupt);
            self.v.get_mut(grant).bells = head;
            self.v.get_mut(interrupt).bell = Link::NONE;
        }
    }

    /// Ends an Interrupt: its line stays masked.
    pub fn end_interrupt(&mut self, interrupt: InterruptKey<'id>) {
        self.unbind(interrupt);
        self.unmake(interrupt);
    }

    /// Sets a line's trigger, which masks it.
    fn set_trigger(&mut self, line: u32, trigger: Option<Trigger>) {
        if let Some(trigger) = trigger {
            self.s.hw.configure_line(line, trigger);
        }
        self.s.triggers[line as usize] = trigger;
    }

    /// `slice` of interrupt lines: one line, masked, with its trigger set. A line that is bound stays as its driver has
    /// it: the slice's trigger is set once that has let go and the slice is bound.
    pub fn slice_interrupt(
        &mut self,
        pool: PoolKey<'id>,
        lines: InterruptKey<'id>,
        offset: u64,
        trigger: Trigger,
    ) -> Result<InterruptKey<'id>, Error> {
        let i = self.v.get(lines);
        let line = u32::try_from(offset).ok().filter(|offset| *offset < i.count).map(|offset| i.first + offset);
        let line = line.filter(|line| (*line as usize) < MAX_LINES).ok_or(Error::BadArgument)?;
        // ---- point of no return ----
        let trigger = Some(trigger);
        if self.s.lines[line as usize].is_none() {
            self.set_trigger(line, trigger);
        }
        let one = Interrupt { first: line, count: 1, trigger, pool: pool.link(), ..Interrupt::default() };
        self.make::<INTERRUPT>(pool, one).ok_or(Error::PoolEmpty)
    }
}
