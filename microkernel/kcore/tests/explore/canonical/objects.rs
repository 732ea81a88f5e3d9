//! What of each object decides how the kernel goes on.

use abi::message::Tag;
use kcore::hw::{Entry as Decoded, Hw};
use kcore::objects::*;
use kmem::{Frame, Link};

use super::Former;
use crate::invariants::Cx;

/// Memories of more pages (the log's) are not looked into.
const LOOKED_INTO: u32 = 16;

impl Former {
    /// Writes an object that was found.
    pub fn object(&mut self, cx: &Cx<'_, '_>, class: u8, place: u32) {
        match class {
            POOL => self.pool(cx, Link::from_raw(place)),
            PROCESS => self.process(cx, Link::from_raw(place)),
            THREAD => self.thread(cx, Link::from_raw(place)),
            CHANNEL => self.channel(cx, Link::from_raw(place)),
            NOTIFICATION => self.notification(cx, Link::from_raw(place)),
            MEMORY => self.memory(cx, Link::from_raw(place)),
            GRANT => self.grant(cx, Link::from_raw(place)),
            MAPPING => self.mapping(cx, Link::from_raw(place)),
            _ => self.device(cx, class, place),
        }
    }

    fn pool(&mut self, cx: &Cx<'_, '_>, link: Link<POOL>) {
        let p = cx.v.get(cx.v.live(link).expect("a live pool"));
        self.link(p.parent);
        self.link(p.children);
        self.link(p.next);
        self.link(p.reap_next);
        self.all([p.limit, p.used, p.given, p.objects, p.refs].map(u64::from));
        self.all([p.ceiling as u64, p.depth as u64, p.dying as u64]);
        self.name(cx, p.payer);
        let b = &p.budget;
        self.all([b.share, b.period, b.given, b.cores[0].spent, b.cores[0].until.saturating_sub(cx.s.hw.now)]);
        // How much room its slabs have decides what the next object costs.
        for class in 1..SLAB_CLASSES {
            let mut at = p.partial[class];
            while !at.is_none() {
                self.put((class as u64) << 32 | cx.v.frame(at).used as u64);
                at = cx.v.frame(at).next;
            }
            let mut full = 0;
            let mut at = p.full[class];
            while !at.is_none() {
                full += 1;
                at = cx.v.frame(at).next;
            }
            self.put(full);
        }
    }

    fn process(&mut self, cx: &Cx<'_, '_>, link: Link<PROCESS>) {
        let p = cx.v.get(cx.v.live(link).expect("a live process"));
        self.link(p.pool);
        self.link(p.threads);
        self.all([p.overhead, p.mapped, p.slots, p.handle_count, p.thread_count, p.refs].map(u64::from));
        self.all([p.dying as u64, p.closed_slots as u64, !p.directory.is_none() as u64]);
        // What is mapped: each lowest table lists its records.
        let mut table = p.tables;
        while !table.is_none() {
            let info = cx.v.frame(table);
            if info.extra != 0 {
                self.link(Link::<MAPPING>::from_raw(info.extra));
            }
            table = info.next;
        }
        let Some(page) = cx.v.follow(p.handles) else { return };
        let slots = &cx.v.get(page).0;
        for (i, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.object.class() != 0) {
            self.put(i as u64);
            self.entry(cx, slot);
        }
        for (i, _) in slots.iter().enumerate().filter(|(_, s)| s.object.class() == 0 && s.generation == 0) {
            // Retired.
            self.put(1 << 32 | i as u64);
        }
        // The free slots in the order in which they are going to be used: where it is not the next one's turn.
        let (mut at, mut expected) = (p.free_slot, 0);
        while at != 0 && (at as usize) < slots.len() {
            if at != expected {
                self.put(1 << 33 | at as u64);
            }
            expected = at + 1;
            at = slots[at as usize].object.number();
        }
        self.put(1 << 33 | expected as u64);
        self.put(p.free_far as u64);
    }

    fn thread(&mut self, cx: &Cx<'_, '_>, link: Link<THREAD>) {
        let t = cx.v.get(cx.v.live(link).expect("a live thread"));
        self.all([t.state as u64, t.priority as u64, t.base_priority as u64, t.depth as u64, t.home as u64]);
        // What it takes, and by which badge it calls, matters as long as it waits for that.
        let waits = matches!(t.state, State::Calling | State::AwaitingReply | State::Receiving);
        self.put(if waits { t.takes as u64 } else { 0 });
        self.put(if t.state == State::Calling { t.badge } else { 0 });
        let flags = [t.faulting, t.restarting(), t.ending, t.bits_last, t.timer_slot != 0, t.ends_at != 0, t.demoted];
        self.put(flags.iter().fold(0, |bits, flag| bits << 1 | *flag as u64));
        self.link(t.process);
        self.link(t.pool);
        let lists =
            [t.next, t.run_next, t.serving.head, t.serving.tail, t.sibling_next, t.timer_next, t.via_next, t.end_next];
        for link in lists {
            self.link(link);
        }
        self.link(t.server);
        // Who has its message taken has no use for the channel any more.
        let queued = matches!(t.state, State::Calling | State::Receiving);
        self.link(if queued { t.channel } else { Link::NONE });
        self.link(t.serves);
        self.link(t.notification);
        self.link(t.via);
        self.link(if t.restarting() { t.evicts } else { Link::NONE });
        self.name(cx, t.bound_via);
        self.name(cx, t.budget);
        self.name(cx, t.payer);
        self.entry(cx, &t.fault);
        self.name(cx, t.pending);
        // How far a Memory is zeroed matters while there is one.
        let done = if t.pending.is_none() { 0 } else { t.pending_done };
        self.all([t.refs as u64, t.buffer_address, done as u64]);
        let now = cx.s.hw.now;
        self.put(if t.timer_slot != 0 { t.deadline.saturating_sub(now) } else { 0 });
        self.registers(cx, t);
    }

    /// The registers of a thread that is still to be served by them.
    fn registers(&mut self, cx: &Cx<'_, '_>, t: &Thread) {
        let r = &t.context.regs;
        if t.restarting() || t.ends_at != 0 {
            self.all([r.number, r.a0, r.a1, r.badge]);
            self.all(r.words);
        } else if t.faulting {
            self.all([t.fault_words[0], t.fault_words[1]]);
        } else if t.state == State::Calling {
            let tag = Tag(r.a1 & Tag::SENT);
            self.put(tag.0);
            self.all(r.words);
            let (sent, count) = cx.sent_handles_of(t, tag);
            for handle in &sent[..count] {
                self.put(*handle);
            }
        }
    }

    fn channel(&mut self, cx: &Cx<'_, '_>, link: Link<CHANNEL>) {
        let c = cx.v.get(cx.v.live(link).expect("a live channel"));
        for end in [c.callers.head, c.callers.tail, c.receivers.head, c.receivers.tail, c.server] {
            self.link(end);
        }
        self.link(c.closed.head);
        self.link(c.closed.tail);
        self.link(c.pool);
        self.link(c.end_next);
        self.all([c.refs as u64, c.receive_refs as u64, c.ending as u64]);
    }

    fn notification(&mut self, cx: &Cx<'_, '_>, link: Link<NOTIFICATION>) {
        let n = cx.v.get(cx.v.live(link).expect("a live notification"));
        self.link(n.bound);
        self.link(n.pool);
        self.all([n.bits, n.refs as u64]);
    }

    fn memory(&mut self, cx: &Cx<'_, '_>, link: Link<MEMORY>) {
        let m = cx.v.get(cx.v.live(link).expect("a live Memory"));
        self.name(cx, m.root);
        let root = cx.v.find(m.root).map_or(m.base, |root| cx.v.get(root).base);
        self.all([m.base - root, m.pages, m.mapping_count, m.refs].map(u64::from));
        self.all([m.kind as u64, m.ending as u64]);
        self.link(m.mappings);
        self.link(m.pool);
        self.link(m.end_next);
        // What is left of an `evict`, and of whose: one that was stopped is nobody's.
        let begun = cx.v.live(m.evictor).is_some_and(|thread| cx.v.get(thread).evicts == link);
        self.link(if begun { m.evictor } else { Link::NONE });
        self.link(m.evict_next);
        if !m.evict_next.is_none() {
            self.all([m.evict_from as u64, m.evict_to as u64, m.evict_keep.bits() as u64]);
        }
        if m.pages > LOOKED_INTO || !m.root.is_none() {
            return;
        }
        if let Some(first) = cx.v.managed(m.base) {
            for n in 0..m.pages {
                let info = cx.v.frame(Frame(first.0 + n));
                self.put((info.state as u64) << 16 | info.writers as u64);
            }
        }
    }

    fn mapping(&mut self, cx: &Cx<'_, '_>, link: Link<MAPPING>) {
        let m = cx.v.get(cx.v.live(link).expect("a live mapping"));
        self.link(m.memory);
        self.link(m.process);
        self.link(m.grant);
        self.link(m.memory_next);
        self.link(m.grant_next);
        self.link(m.table_next);
        self.all([m.offset as u64, m.address, m.pages as u64, m.live as u64, m.allowed.bits() as u64]);
        let base = cx.v.live(m.memory).map_or(0, |memory| cx.v.get(memory).base);
        let leaf = cx.v.live(m.process).and_then(|process| cx.leaf(process, m.address));
        let Some(leaf) = leaf else { return self.put(u64::MAX) };
        self.put(cx.v.frame(leaf.frame()).flags as u64);
        for n in 0..m.pages as u64 {
            let index = ((m.address >> 12) + n) as usize & 511;
            match cx.s.hw.decode(cx.v.get(leaf).0[index], 0) {
                Decoded::Page(frame, access) => {
                    let allowed = cx.page(leaf, m.address + (n << 12)).map_or(0, |page| page.allowed().bits() as u64);
                    self.put((frame.wrapping_sub(base) as u64) << 8 | 1 << 7 | allowed << 3 | access.bits() as u64);
                }
                _ => self.put(0),
            }
        }
    }

    fn grant(&mut self, cx: &Cx<'_, '_>, link: Link<GRANT>) {
        let g = cx.v.get(cx.v.live(link).expect("a live Grant"));
        self.name(cx, g.parent);
        self.any(cx, g.target);
        for link in [g.children, g.above, g.next, g.undo_next, g.closed_next, g.end_next] {
            self.link(link);
        }
        self.link(g.mappings);
        self.link(g.waiting);
        self.link(g.lines);
        self.link(g.bells);
        self.link(g.pool);
        self.all([g.handles as u64, g.live_children as u64, g.refs as u64, g.badge, g.close_bits, g.depth as u64]);
        let flags = [g.revoked, g.tells, g.ended, g.queued, g.undoing, g.ending, g.orphan];
        self.put(flags.iter().fold(0, |bits, flag| bits << 1 | *flag as u64));
    }

    fn device(&mut self, cx: &Cx<'_, '_>, class: u8, place: u32) {
        match class {
            INTERRUPT => {
                let i = cx.v.get(cx.v.live(Link::<INTERRUPT>::from_raw(place)).expect("a live Interrupt"));
                self.all([i.first as u64, i.count as u64, i.trigger.map_or(2, |t| t as u64), i.bits, i.refs as u64]);
                self.name(cx, i.target);
                self.link(i.via);
                self.link(i.via_next);
                self.link(i.bell);
                self.link(i.bell_next);
                self.link(i.pool);
                self.put((cx.s.lines[i.first as usize].raw() == place) as u64);
            }
            PORTS => {
                let p = cx.v.get(cx.v.live(Link::<PORTS>::from_raw(place)).expect("live I/O ports"));
                self.all([p.first as u64, p.count as u64, p.refs as u64]);
                self.link(p.pool);
            }
            _ => {
                let a = cx.v.get(cx.v.live(Link::<AUTHORITY>::from_raw(place)).expect("a live Authority"));
                self.put(a.refs as u64);
                self.link(a.pool);
            }
        }
    }
}

/// The handles that a thread is about to send.
trait Sent {
    fn sent_handles_of(&self, t: &Thread, tag: Tag) -> ([u64; 4], usize);
}

impl Sent for Cx<'_, '_> {
    /// Each as its slot, or as stale.
    fn sent_handles_of(&self, t: &Thread, tag: Tag) -> ([u64; 4], usize) {
        let (low, high) = (self.v.read_word(t.buffer, 0), self.v.read_word(t.buffer, 8));
        let raw = [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32];
        let page = self.v.live(t.process).and_then(|process| self.v.follow(self.v.get(process).handles));
        let known = raw.map(|handle| {
            let slot = handle & 0xffff;
            let entry = page.and_then(|page| self.v.get(page).0.get(slot as usize));
            let alive = entry.is_some_and(|e| e.object.class() != 0 && e.generation as u32 == handle >> 16);
            if alive { slot as u64 } else { u64::MAX }
        });
        (known, tag.handles().min(4))
    }
}
