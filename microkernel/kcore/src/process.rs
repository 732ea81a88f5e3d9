//! Processes: an address space, a table of handles, threads.

use abi::Error;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::alloc::Need;
use crate::objects::*;
use crate::state::Cx;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// `create` of a Process: an empty address space and a table of 127 free slots. `need` is what else the call takes.
    pub fn create_process(&mut self, pool: PoolKey<'id>, mut need: Need) -> Result<ProcessKey<'id>, Error> {
        self.need_object::<PROCESS>(&mut need, pool.link());
        // The root table and the first page of handles.
        need.add(pool.link(), 2);
        self.check(&need)?;
        // ---- point of no return ----
        let asid = self.take_asid();
        let process = Process { pool: pool.link(), asid, ..Process::default() };
        let process = self.make::<PROCESS>(pool, process).ok_or(Error::PoolEmpty)?;
        let root = self.make_root(pool).ok_or(Error::PoolEmpty)?.frame();
        let space = self.s.hw.space(self.v.physical(root), asid);
        let p = self.v.get_mut(process);
        (p.root, p.space, p.overhead) = (root, space, 1);
        self.first_slots(process).ok_or(Error::PoolEmpty)?;
        Ok(process)
    }

    /// Whether a process shares its tag: then what TLBs hold under it has to go before its threads run.
    pub fn shares_tag(&self, process: ProcessKey<'id>) -> bool {
        self.v.get(process).asid == 0 && self.s.hw.asid_max() != 0
    }

    /// Ends a process, as far as this entry can afford; true when it is gone. Threads, then handles, then mappings, then
    /// tables.
    pub fn end_process(&mut self, process: ProcessKey<'id>) -> bool {
        self.v.get_mut(process).dying = true;
        while let Some(thread) = self.v.follow(self.v.get(process).threads) {
            if self.v.get(thread).ending || !self.afford(1) || !self.end_thread(thread) {
                return false;
            }
        }
        let emptied = self.close_all(process)
            && self.remove_all_mappings(process)
            && self.free_tables(process)
            && self.free_slots(process);
        if !emptied || !self.afford(1) {
            return false;
        }
        let p = *self.v.get(process);
        if !mutant(Mutant::StaleSpace) {
            self.s.hw.invalidate_space(p.space);
        }
        self.give_asid(p.asid);
        self.v.release(p.root);
        self.credit(p.pool, 1);
        self.unmake(process);
        true
    }
}
