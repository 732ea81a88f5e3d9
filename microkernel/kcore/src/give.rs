//! `give`: several handles at once into the table of another process, copied or moved.
//!
//! Whoever makes a process gives it all its first handles so. All are checked first, so an error gives none; nothing is made for them,
//! as each goes to a slot of the first page, which a process has from its start.

use abi::calls::{GIFTS, Gift};
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};

use crate::grants::rights_argument;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `give`.
    pub fn give(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let own = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let target = self.lookup::<PROCESS>(thread, regs.argument(0), Rights::ENDOW)?.key;
        if self.v.get(target).dying && !mutant(Mutant::GiveIntoDying) {
            return Err(Error::ServerDied);
        }
        let (moved, gifts) = (regs.argument(1), regs.words.map(Gift));
        if moved >> GIFTS != 0 {
            return Err(Error::BadArgument);
        }
        let mut copies = [Entry::NONE; GIFTS];
        let mut taken = 0_u128;
        for (at, (gift, copy)) in gifts.iter().zip(&mut copies).enumerate() {
            let moves = moved >> at & 1 != 0;
            if gift.0 == 0 {
                if moves {
                    return Err(Error::BadArgument);
                }
                continue;
            }
            *copy = self.gift(own, target, *gift)?;
            // Who is moved is named once.
            let same = |(n, other): (usize, &Gift)| n != at && other.handle() == gift.handle();
            if moves && gifts.iter().enumerate().any(same) && !mutant(Mutant::GivenTwice) {
                return Err(Error::BadHandle);
            }
            let place = 1 << gift.index();
            if taken & place != 0 && !mutant(Mutant::GiftsCollide) {
                return Err(Error::BadArgument);
            }
            taken |= place;
        }
        // ---- point of no return ----
        for (at, (gift, copy)) in gifts.iter().zip(&copies).enumerate() {
            if gift.0 == 0 || self.insert_at(target, gift.index().into(), *copy).is_none() {
                continue;
            }
            if moved >> at & 1 == 0 || mutant(Mutant::GivenStays) {
                self.count_handle(copy);
                continue;
            }
            let entry = self.remove(own, gift.handle().into())?;
            // What moves is counted already, but it may receive no more.
            if entry.rights().contains(Rights::RECV) != copy.rights().contains(Rights::RECV) {
                self.count_handle(copy);
                self.drop_handle(&entry);
            }
        }
        Ok(Progress::Done)
    }

    /// What comes to stand in a process's table for a gift.
    fn gift(&self, own: ProcessKey<'id>, target: ProcessKey<'id>, gift: Gift) -> Result<Entry, Error> {
        let from = self.live_entry(own, gift.handle().into())?;
        let rights = rights_argument(gift.rights().into())?;
        if !from.rights().contains(Rights::TRANSFER) && !mutant(Mutant::GiveIgnoresTransfer) {
            return Err(Error::Denied);
        }
        if !self.slot_free(target, gift.index().into()) {
            return Err(Error::BadArgument);
        }
        let rights = if mutant(Mutant::GiveAddsRights) { rights } else { from.rights() & rights };
        Ok(Entry { rights: rights.bits(), ..from })
    }
}
