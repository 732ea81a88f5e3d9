//! Budgets of processor time: what the threads of a pool may run in each period, on each core.
//!
//! # Rules
//!
//! * A budget counts on every core for itself: 30 % is 30 % of each. So the sum over all pools, held to 90 %, holds on
//!   each core wherever threads go, and no core needs another's account.
//! * A pool without a budget is charged to the nearest one above that has one, found by a name copied at creation. A
//!   sub-pool's budget is taken out of that of the nearest pool above, like pages. The 90 % are the root pool's, and
//!   only who holds that takes of them: in a pool that nobody gave a budget, there is none to be had.
//! * Time is charged to the budget that stands behind the priority at which a thread runs (its *payer*): a caller's while
//!   the thread works for one that is more urgent than itself, else its own.
//! * What a used-up budget stands behind counts no more. That is found out when such a thread is the next to run: the
//!   thread whose own priority it comes from, somewhere in the chain of calls, is *demoted*, and everybody's priority is
//!   computed anew. So a server goes on at the next caller's priority or its own. One that is left with nothing is parked.
//! * Who is demoted or parked lies in the wheel of timers until the period ends. To be stopped, woken or to make a call
//!   ends it too: it is found out again.
//!
//! ```text
//! Ready ─ the next to run, its payer used up ─▶ demoted ─ others lend it none ─▶ Parked ─ period ends ─▶ Ready
//! ```

use abi::Error;
use abi::message::MAX_CHAIN;
use kmem::Name;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::hw::MAX_CORES;
use crate::objects::*;
use crate::state::{Count, Cx};

/// The least and the longest period, in µs.
const PERIODS: core::ops::RangeInclusive<u64> = 50..=1_000_000;
/// The least budget, in µs: an interrupt of the timer costs a part of that.
const LEAST: u64 = 10;
/// Of each core, what all budgets together may be: this much of a second.
const ALL: u64 = 900_000_000;
/// A priority from here on, the real-time class, is had by budget alone.
const REAL_TIME: u64 = abi::info::REAL_TIME as u64;
/// Longest way from a thread to the one whose priority it has, calls that nobody has taken yet included.
const MAX_WAY: usize = 2 * MAX_CHAIN;

/// Processor time of a pool, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Of each period; 0: none.
    pub share: u64,
    /// How long one lasts.
    pub period: u64,
    /// Of the share, what sub-pools have.
    pub given: u64,
    /// All that was charged to it.
    pub charged: u64,
    /// By core.
    pub cores: [Account; MAX_CORES],
}

/// A core's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Charged in this period, and what earlier ones overran.
    pub spent: u64,
    /// When the period ends.
    pub until: u64,
}

impl Budget {
    /// What the root pool may give to others; it has none itself.
    pub const ROOT: Budget = Budget { share: ALL, period: 1_000_000_000, given: 0, charged: 0, cores: NO_ACCOUNTS };

    /// As `create` asks for it: µs, and of what period in µs in the upper half. None for 0.
    fn asked(word: u64) -> Result<Option<Budget>, Error> {
        let (share, period) = (word & 0xffff_ffff, word >> 32);
        if word == 0 {
            return Ok(None);
        }
        if !PERIODS.contains(&period) || !(LEAST..=period).contains(&share) {
            return Err(Error::BadArgument);
        }
        Ok(Some(Budget { share: share * 1_000, period: period * 1_000, ..Budget::default() }))
    }

    /// What this one takes of another's share.
    pub fn cost(&self, lender: &Budget) -> u64 {
        if self.period == 0 { 0 } else { (self.share * (lender.period / 1_000)).div_ceil(self.period / 1_000) }
    }

    /// What may be charged on a core before the period ends.
    pub fn left(&self, core: usize) -> u64 {
        (self.share - self.given).saturating_sub(self.cores[core].spent)
    }

    /// Begins the period in which `now` lies: what was overrun is paid from it.
    fn roll(&mut self, core: usize, now: u64) {
        let share = self.share - self.given;
        let account = &mut self.cores[core];
        if now >= account.until && self.period != 0 {
            let periods = (now - account.until) / self.period + 1;
            account.until += periods * self.period;
            let paid = if mutant(Mutant::OverrunForgiven) { u64::MAX } else { share.saturating_mul(periods) };
            account.spent = account.spent.saturating_sub(if mutant(Mutant::BudgetNeverBack) { 0 } else { paid });
        }
    }
}

const NO_ACCOUNTS: [Account; MAX_CORES] = [Account { spent: 0, until: 0 }; MAX_CORES];

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Checks a new sub-pool's budget and ceiling; `word` as in `create`.
    pub fn check_budget(&self, parent: PoolKey<'id>, word: u64, ceiling: u64) -> Result<Budget, Error> {
        let asked = Budget::asked(word)?;
        if let Some(budget) = &asked {
            let lender = &self.v.get(self.lender(parent).ok_or(Error::OverBudget)?).budget;
            if budget.cost(lender) > lender.share - lender.given && !mutant(Mutant::BudgetUnchecked) {
                return Err(Error::OverBudget);
            }
        }
        let urgent = ceiling >= REAL_TIME && !mutant(Mutant::RealTimeUnpaid);
        if urgent && asked.is_none() && self.v.get(parent).payer.is_none() {
            return Err(Error::OverBudget);
        }
        Ok(asked.unwrap_or_default())
    }

    /// Takes a new sub-pool's budget out of that of the nearest pool above, and notes who pays for its threads.
    pub fn take_budget(&mut self, pool: PoolKey<'id>, parent: PoolKey<'id>) {
        let budget = self.v.get(pool).budget;
        if budget.share == 0 {
            self.v.get_mut(pool).payer = self.v.get(parent).payer;
            return;
        }
        self.v.get_mut(pool).payer = self.v.name(pool);
        if let Some(lender) = self.lender(parent) {
            let lender = &mut self.v.get_mut(lender).budget;
            lender.given += if mutant(Mutant::BudgetNotTaken) { 0 } else { budget.cost(lender) };
            // Who runs by what is left may have none any more.
            self.my_core().look_again = true;
            if self.s.several {
                self.have_others_look();
            }
        }
    }

    /// Has all other cores see again for how long those who run there may.
    fn have_others_look(&mut self) {
        for core in 0..MAX_CORES {
            if core != self.core && !self.s.cores[core].current.is_none() {
                self.s.cores[core].look_again = true;
                self.kick(core);
            }
        }
    }

    /// Gives back what [`Cx::take_budget`] took.
    pub fn return_budget(&mut self, budget: &Budget, parent: PoolKey<'id>) {
        if budget.share != 0
            && let Some(lender) = self.lender(parent)
        {
            let lender = &mut self.v.get_mut(lender).budget;
            lender.given -= if mutant(Mutant::BudgetNotReturned) { 0 } else { budget.cost(lender) };
        }
    }

    /// Out of whose budget a sub-pool's is taken.
    fn lender(&self, parent: PoolKey<'id>) -> Option<PoolKey<'id>> {
        self.v.find(self.v.get(parent).payer).or_else(|| (parent.link() == self.s.root_pool).then_some(parent))
    }

    // ---- what is charged ----

    /// Adds time that a thread ran on a core to an account.
    #[cold]
    pub fn charge_budget(&mut self, payer: Name<POOL>, core: usize, ran: u64) {
        if let Some(pool) = self.v.find(payer) {
            let budget = &mut self.v.get_mut(pool).budget;
            budget.charged += ran;
            budget.cores[core].spent += if mutant(Mutant::BudgetUncharged) { 0 } else { ran };
        }
    }

    /// Whether what stands behind a thread's priority is used up on this core; brings its account up to date.
    #[inline(always)]
    pub fn out_of_budget(&mut self, thread: ThreadKey<'id>) -> bool {
        !self.v.get(thread).payer.is_none() && self.time_left(thread) == 0
    }

    /// What a thread may still run before its payer's budget is used up; for ever without one.
    #[cold]
    fn time_left(&mut self, thread: ThreadKey<'id>) -> u64 {
        if self.v.get(thread).state == State::Running {
            self.charge(thread);
        }
        let (now, core) = (self.now(), self.core);
        let Some(pool) = self.v.find(self.v.get(thread).payer) else { return u64::MAX };
        let budget = &mut self.v.get_mut(pool).budget;
        budget.roll(core, now);
        budget.left(core)
    }

    /// When the thread that runs, or is about to, has to stop; `u64::MAX`: never.
    #[inline(always)]
    pub fn budget_end(&mut self, thread: ThreadKey<'id>) -> u64 {
        let endless = self.v.get(thread).payer.is_none() || mutant(Mutant::BudgetEndNotArmed);
        if endless { u64::MAX } else { self.end_by_budget(thread) }
    }

    #[cold]
    fn end_by_budget(&mut self, thread: ThreadKey<'id>) -> u64 {
        let left = self.time_left(thread);
        self.now().saturating_add(left)
    }

    // ---- what that leads to ----

    /// The most urgent ready thread of this core has its priority from a budget that is used up: it is taken from whoever
    /// lends it. A thread that nobody else lends any is parked.
    #[cold]
    pub fn lower(&mut self, thread: ThreadKey<'id>) {
        self.count(Count::BudgetsUsedUp);
        let payer = self.v.get(thread).payer;
        let until = self.v.find(payer).map_or(0, |pool| self.v.get(pool).budget.cores[self.core].until);
        match self.source(thread) {
            Some(source) => {
                self.v.get_mut(source).demoted = !mutant(Mutant::UsedUpGoesOn);
                self.wait_for_budget(source, until);
                self.refresh_priority(source);
            }
            None => {
                self.leave_ready(thread);
                self.v.get_mut(thread).state = State::Parked;
                self.wait_for_budget(thread, until);
            }
        }
    }

    /// The thread whose own priority a thread has, both paid by the same pool. None: it has none but what nobody lends
    /// it any more, or the way is too long.
    fn source(&self, thread: ThreadKey<'id>) -> Option<ThreadKey<'id>> {
        let (priority, payer) = (self.v.get(thread).priority, self.v.get(thread).payer);
        let mut at = thread;
        for _ in 0..MAX_WAY {
            let t = self.v.get(at);
            if !t.demoted && t.budget == payer && t.base_priority == priority {
                return Some(at);
            }
            let waiting = self.v.follow(t.serves).map_or(ThreadLink::NONE, |channel| self.v.get(channel).callers.head);
            let lends = |link| {
                self.v.follow::<THREAD>(link).filter(|key| {
                    let lender = self.v.get(*key);
                    (lender.priority, lender.payer) == (priority, payer)
                })
            };
            at = lends(t.serving.head).or_else(|| lends(waiting))?;
        }
        None
    }

    fn wait_for_budget(&mut self, thread: ThreadKey<'id>, until: u64) {
        if self.v.get(thread).timer_slot != 0 || mutant(Mutant::ParkedForEver) {
            return;
        }
        self.v.get_mut(thread).deadline = until;
        self.set_deadline(thread);
    }

    /// The period has ended for a thread that is demoted or parked.
    pub fn end_of_period(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get_mut(thread);
        t.demoted = mutant(Mutant::DemotedForEver) && t.demoted;
        if t.state == State::Parked {
            // In no queue: nobody else has its priority from this one.
            t.state = State::Stopped;
            self.settle_priority(thread);
            self.wake(thread);
        } else {
            self.refresh_priority(thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overrun_is_paid_from_the_next_periods() {
        let mut b = Budget { share: 40, period: 100, ..Budget::default() };
        b.roll(0, 1_000);
        assert_eq!((b.left(0), b.cores[0].until), (40, 1_100));
        b.cores[0].spent = 130;
        assert_eq!(b.left(0), 0);
        b.roll(0, 1_099);
        assert_eq!(b.left(0), 0);
        b.roll(0, 1_100);
        assert_eq!((b.left(0), b.cores[0].until), (0, 1_200));
        b.roll(0, 1_350);
        assert_eq!((b.left(0), b.cores[0].until), (30, 1_400));
        b.roll(0, u64::MAX / 2);
        assert_eq!(b.left(0), 40);
        assert_eq!(b.left(1), 40, "each core has its own account");
    }

    #[test]
    fn a_budget_costs_its_part_of_the_lenders_rounded_up() {
        let third = Budget::asked(1_000 | (3_000 << 32)).unwrap().unwrap();
        assert_eq!(third.cost(&Budget::ROOT), 333_333_334);
        assert_eq!(Budget::default().cost(&Budget::ROOT), 0);
        let whole = Budget::asked(1_000_000 | (1_000_000 << 32)).unwrap().unwrap();
        assert!(whole.cost(&Budget::ROOT) > ALL);
        assert_eq!(Budget::asked(0), Ok(None));
        for bad in
            [1, 1 << 32, 9 | (1_000 << 32), 1_001 | (1_000 << 32), 20 | (49 << 32), 100 | (1_000_001 << 32), u64::MAX]
        {
            assert_eq!(Budget::asked(bad), Err(Error::BadArgument), "{bad:#x}");
        }
    }
}
