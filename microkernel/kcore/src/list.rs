//! Intrusive lists and queues.
//!
//! Each macro makes a module of functions for one pair of link fields. They take the head (and tail) by value and return
//! the new one, because it may stand anywhere: in an object, in a core, in a local.

use kmem::View;

use crate::objects::{MappingKey, Objects};

/// A doubly linked list: `push` to the front, `remove` anywhere.
macro_rules! list {
    ($module:ident, $class:ident, $next:ident, $prev:ident) => {
        pub mod $module {
            use crate::objects::{Objects, $class};
            use kmem::{Key, Link, View};

            #[inline]
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

            #[inline]
            pub fn remove<'id>(
                head: Link<$class>,
                v: &mut View<'_, 'id, Objects>,
                key: Key<'id, $class>,
            ) -> Link<$class> {
                let (next, prev) = (v.get(key).$next, v.get(key).$prev);
                // Without neighbours it is alone.
                if next.is_none() && prev.is_none() { Link::NONE } else { remove_from_many(head, v, key) }
            }

            #[inline(never)]
            fn remove_from_many<'id>(
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
list!(doomed, POOL, reap_next, reap_prev);
list!(grants, GRANT, next, prev);
list!(undone, GRANT, undo_next, undo_prev);
list!(siblings, THREAD, sibling_next, sibling_prev);
list!(timers, THREAD, timer_next, timer_prev);
list!(by_via, THREAD, via_next, via_prev);
list!(by_line, INTERRUPT, via_next, via_prev);
list!(by_bell, INTERRUPT, bell_next, bell_prev);
list!(by_memory, MAPPING, memory_next, memory_prev);
list!(by_grant, MAPPING, grant_next, grant_prev);

/// Puts a mapping into its Memory's list behind another.
pub fn insert_behind<'id>(v: &mut View<'_, 'id, Objects>, before: MappingKey<'id>, key: MappingKey<'id>) {
    let next = core::mem::replace(&mut v.get_mut(before).memory_next, key.link());
    if let Some(next) = v.follow(next) {
        v.get_mut(next).memory_prev = key.link();
    }
    let mapping = v.get_mut(key);
    (mapping.memory_next, mapping.memory_prev) = (next, before.link());
}

/// Queues of threads: ready, receivers.
pub mod queue {
    use crate::objects::{Objects, Queue, THREAD, ThreadKey};
    use kmem::{Link, View};

    #[inline]
    pub fn push_back<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        insert_after(q, v, q.tail, key)
    }

    #[inline]
    pub fn push_front<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        insert_after(q, v, Link::NONE, key)
    }

    #[inline(always)]
    pub fn remove<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        if alone(q, key) { Queue::EMPTY } else { remove_from_many(q, v, key) }
    }

    #[inline(never)]
    pub(super) fn remove_from_many<'id>(
        mut q: Queue<THREAD>,
        v: &mut View<'_, 'id, Objects>,
        key: ThreadKey<'id>,
    ) -> Queue<THREAD> {
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

    /// Whether a thread of the queue is all that is in it: then it has no neighbours.
    #[inline(always)]
    pub(super) fn alone(q: Queue<THREAD>, key: ThreadKey<'_>) -> bool {
        q.head == key.link() && q.tail == key.link()
    }

    #[inline(always)]
    fn insert_after<'id>(
        q: Queue<THREAD>,
        v: &mut View<'_, 'id, Objects>,
        before: Link<THREAD>,
        key: ThreadKey<'id>,
    ) -> Queue<THREAD> {
        if q.head.is_none() { only(v, key) } else { insert_between(q, v, before, key) }
    }

    /// A queue of one, which has no neighbours.
    #[inline(always)]
    pub(super) fn only<'id>(v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        let thread = v.get_mut(key);
        (thread.next, thread.prev) = (Link::NONE, Link::NONE);
        Queue { head: key.link(), tail: key.link() }
    }

    #[inline(never)]
    pub(super) fn insert_between<'id>(
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

/// Queues of threads by priority, first come first within one: callers that wait, and callers to answer.
///
/// Those of one priority are a *run*, and the first of each is in a list of runs besides. So a place is found in as many steps
/// as there are priorities, however many threads wait.
///
/// ```text
/// head ─▶ A 9 ◀─▶ B 9 ◀─▶ C 4 ◀─▶ D 4 ◀─▶ E 0 ◀─ tail     next, prev
///         A 9 ◀─────────▶ C 4 ◀─────────▶ E 0             run_next, run_prev
/// ```
///
/// A thread's priority stays as it is for as long as it is in such a queue.
pub mod by_priority {
    use super::queue;
    use crate::objects::{Objects, Queue, THREAD, ThreadKey};
    use kmem::mutants::{Mutant, mutant};
    use kmem::{Link, View};

    /// Behind the last thread that is at least as urgent.
    #[inline(always)]
    pub fn insert<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        // The first of the only run, with no neighbours in either list, or one of many.
        if q.head.is_none() { queue::only(v, key) } else { insert_among(q, v, key) }
    }

    #[inline(never)]
    fn insert_among<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        let priority = v.get(key).priority;
        let (mut above, mut at) = (None, v.follow(q.head));
        while let Some(run) = at.filter(|run| v.get(*run).priority > priority) {
            (above, at) = (Some(run), v.follow(v.get(run).run_next));
        }
        let own = at.filter(|run| v.get(*run).priority == priority && !mutant(Mutant::CallersBackwards));
        let below = own.map_or(at, |run| v.follow(v.get(run).run_next));
        if own.is_none() {
            link(v, above, Some(key));
            link(v, Some(key), below);
        }
        let before = below.map_or(q.tail, |below| v.get(below).prev);
        queue::insert_between(q, v, before, key)
    }

    /// If it is the first of its run, the next one is now.
    #[inline(always)]
    pub fn remove<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        if queue::alone(q, key) { Queue::EMPTY } else { remove_from_many(q, v, key) }
    }

    #[inline(never)]
    fn remove_from_many<'id>(q: Queue<THREAD>, v: &mut View<'_, 'id, Objects>, key: ThreadKey<'id>) -> Queue<THREAD> {
        let t = v.get(key);
        let (priority, run_next, run_prev) = (t.priority, v.follow(t.run_next), v.follow(t.run_prev));
        let alike = |at: Link<THREAD>| v.follow(at).filter(|other| v.get(*other).priority == priority);
        if alike(t.prev).is_none() {
            match alike(t.next).filter(|_| !mutant(Mutant::RunForgotten)) {
                Some(heir) => {
                    link(v, run_prev, Some(heir));
                    link(v, Some(heir), run_next);
                }
                None => link(v, run_prev, run_next),
            }
            let t = v.get_mut(key);
            (t.run_next, t.run_prev) = (Link::NONE, Link::NONE);
        }
        queue::remove_from_many(q, v, key)
    }

    /// Makes runs neighbours.
    fn link<'id>(v: &mut View<'_, 'id, Objects>, above: Option<ThreadKey<'id>>, below: Option<ThreadKey<'id>>) {
        if let Some(above) = above {
            v.get_mut(above).run_next = below.map_or(Link::NONE, |below| below.link());
        }
        if let Some(below) = below {
            v.get_mut(below).run_prev = above.map_or(Link::NONE, |above| above.link());
        }
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
