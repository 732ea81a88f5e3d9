//! Processes: an address space, a table of handles, threads.

use abi::Error;

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
        if !self.has_asid() {
            return Err(Error::TableFull);
        }
        // ---- point of no return ----
        let asid = self.take_asid().ok_or(Error::TableFull)?;
        let process = Process { pool: pool.link(), asid, ..Process::default() };
        let process = self.make::<PROCESS>(pool, process).ok_or(Error::PoolEmpty)?;
        let root = self.make_root(pool).ok_or(Error::PoolEmpty)?.frame();
        let space = self.s.hw.space(self.v.physical(root), asid);
        let p = self.v.get_mut(process);
        (p.root, p.space, p.overhead) = (root, space, 1);
        self.first_slots(process).ok_or(Error::PoolEmpty)?;
        Ok(process)
    }

    /// Ends a process, `units` at a time; true when it is gone. Threads, then handles, then mappings, then tables.
    pub fn end_process(&mut self, process: ProcessKey<'id>, units: u32) -> bool {
        self.v.get_mut(process).dying = true;
        for _ in 0..units {
            match self.v.follow(self.v.get(process).threads) {
                Some(thread) => self.end_thread(thread),
                None => break,
            }
        }
        if !self.v.get(process).threads.is_none() {
            return false;
        }
        if !self.close_all(process, units) || !self.remove_all_mappings(process, 2) || !self.free_tables(process, units)
        {
            return false;
        }
        let p = *self.v.get(process);
        self.s.hw.invalidate_space(p.asid);
        self.give_asid(p.asid);
        self.free_slots(process);
        self.v.release(p.root);
        self.credit(p.pool, 1);
        self.unmake(process);
        true
    }
}
