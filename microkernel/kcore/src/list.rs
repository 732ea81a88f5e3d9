//! Intrusive lists and queues.
//!
//! Each macro makes a module of functions for one pair of link fields. They take the head (and tail) by value and return
//! the new one, because it may stand anywhere: in an object, in a core, in a local.

/// A doubly linked list: `push` to the front, `remove` anywhere.
macro_rules! list {
    ($module:ident, $class:ident, $next:ident, $prev:ident) => {
        pub mod $module {
            use crate::objects::{Objects, $class};
            use kmem::{Key, Link, View};

            pub fn push<'id>(
                head: Link<$class>,
                v: &mut View<'_, 'id, Objects>,
                key: Key<'id, $class>,
            ) -> Link<$class> {
                if let Some(first) = v.follow(head) {
                    v.get_mut(first).$prev = key.link();
                }
                let object = v.get_mut(key);
                object.$next = head;
                object.$prev = Link::NONE;
                key.link()
            }

            pub fn remove<'id>(
                head: Link<$class>,
                v: &mut View<'_, 'id, Objects>,
                key: Key<'id, $class>,
            ) -> Link<$class> {
                let (next, prev) = (v.get(key).$next, v.get(key).$prev);
                if let Some(next) = v.follow(next) {
                    v.get_mut(next).$prev = prev;
                }
                let head = match v.follow(prev) {
                    Some(prev) => {
                        v.get_mut(prev).$next = next;
                        head
                    }
                    None => next,
                };
                let object = v.get_mut(key);
                object.$next = Link::NONE;
                object.$prev = Link::NONE;
                head
            }
        }
    };
}

list!(pools, POOL, next, prev);
list!(grants, GRANT, next, prev);
list!(siblings, THREAD, sibling_next, sibling_prev);
list!(timers, THREAD, timer_next, timer_prev);
list!(by_via, THREAD, via_next, via_prev);
list!(by_line, INTERRUPT, via_next, via_prev);
list!(by_memory, MAPPING, memory_next, memory_prev);
list!(by_grant, MAPPING, grant_next, grant_prev);

/// Queues of threads: ready, callers, receivers.
pub mod queue {
    use crate::objects::{Objects, Queue, THREAD, ThreadKey};
    use kmem::mutants::{Mutant, mutant};
    use kmem::{Link, View};

    pub fn push_back<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        insert_after(q, v, q.tail, key)
    }

    pub fn push_front<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        insert_after(q, v, Link::NONE, key)
    }

    /// Behind the last thread that is at least as urgent.
    pub fn insert_by_priority<'id>(
        q: Queue<THREAD>,
        v: &mut View<'_, 'id, Objects>,
        key: ThreadKey<'id>,
    ) -> Queue<THREAD> {
        let priority = v.get(key).priority;
        let mut before = q.tail;
        while let Some(other) = v.follow(before) {
            if v.get(other).priority >= priority + mutant(Mutant::CallersBackwards) as u8 {
                break;
            }
            before = v.get(other).prev;
        }
        insert_after(q, v, before, key)
    }

    pub fn remove<'id>(mut q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        let (next, prev) = (v.get(key).next, v.get(key).prev);
        match v.follow(next) {
            Some(next) => v.get_mut(next).prev = prev,
            None => q.tail = prev,
        }
        match v.follow(prev) {
            Some(prev) => v.get_mut(prev).next = next,
            None => q.head = next,
        }
        let thread = v.get_mut(key);
        thread.next = Link::NONE;
        thread.prev = Link::NONE;
        q
    }

    fn insert_after<'id>(
        mut q: Queue<THREAD>,
        v: &mut View<'_, 'id, Objects>,
        before: Link<THREAD>,
        key: ThreadKey<'id>,
    ) -> Queue<THREAD> {
        let next = match v.follow(before) {
            Some(before) => core::mem::replace(&mut v.get_mut(before).next, key.link()),
            None => core::mem::replace(&mut q.head, key.link()),
        };
        match v.follow(next) {
            Some(next) => v.get_mut(next).prev = key.link(),
            None => q.tail = key.link(),
        }
        let thread = v.get_mut(key);
        thread.next = next;
        thread.prev = before;
        q
    }
}

/// A channel's queue of closed ends.
pub mod closed {
    use crate::objects::{GRANT, GrantKey, Objects, Queue};
    use kmem::mutants::{Mutant, mutant};
    use kmem::{Link, View};

    pub fn push_back<'id>(mut q: Queue<GRANT>, v: &mut View<'_, 'id, Objects>, key: GrantKey<'id>) -> Queue<GRANT> {
        if mutant(Mutant::ClosedEndsBackwards) && !q.head.is_none() {
            v.get_mut(key).closed_next = core::mem::replace(&mut q.head, key.link());
            return q;
        }
        v.get_mut(key).closed_next = Link::NONE;
        match v.follow(q.tail) {
            Some(tail) => v.get_mut(tail).closed_next = key.link(),
            None => q.head = key.link(),
        }
        q.tail = key.link();
        q
    }

    pub fn pop_front<'id>(
        mut q: Queue<GRANT>,
        v: &mut View<'_, 'id, Objects>,
    ) -> (Queue<GRANT>, Option<GrantKey<'id>>) {
        let first = v.follow(q.head);
        if let Some(first) = first {
            q.head = core::mem::take(&mut v.get_mut(first).closed_next);
            if q.head.is_none() {
                q.tail = Link::NONE;
            }
        }
        (q, first)
    }
}
