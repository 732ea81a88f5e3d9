//! Advisory locks of files: shared by many, or exclusive to one.

use crate::{Error, Node};
use alloc::collections::{BTreeMap, BTreeSet};
use protocol::fs::Lock;

/// Who holds a lock: a session's number and an object of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The session.
    pub session: u64,
    /// The object.
    pub object: u32,
}

#[derive(Debug)]
enum State {
    Shared(BTreeSet<Owner>),
    Exclusive(Owner),
}

/// All locks of a volume. Each belongs to an open object, so their number has the objects' bound.
#[derive(Debug, Default)]
pub struct Locks(BTreeMap<Node, State>);

impl Locks {
    /// Takes, changes or frees a lock; asking for what one has is no error.
    ///
    /// # Errors
    /// `InUse`: someone else's lock is in the way, and ours is what it was.
    pub fn set(&mut self, node: Node, owner: Owner, lock: Lock) -> Result<(), Error> {
        match lock {
            Lock::Free => self.free(node, owner),
            Lock::Exclusive if self.others(node, owner) == Lock::Free => {
                self.0.insert(node, State::Exclusive(owner));
            }
            Lock::Shared if self.others(node, owner) != Lock::Exclusive => {
                if let Some(State::Shared(owners)) = self.0.get_mut(&node) {
                    owners.insert(owner);
                } else {
                    self.0.insert(node, State::Shared(BTreeSet::from([owner])));
                }
            }
            _ => return Err(Error::InUse),
        }
        Ok(())
    }

    /// Whether `owner` may change the file's content.
    ///
    /// # Errors
    /// `InUse`: someone else has it locked.
    pub fn check_write(&self, node: Node, owner: Owner) -> Result<(), Error> {
        if self.others(node, owner) == Lock::Free { Ok(()) } else { Err(Error::InUse) }
    }

    /// How many files are locked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The strongest lock that others have.
    fn others(&self, node: Node, owner: Owner) -> Lock {
        match self.0.get(&node) {
            Some(State::Exclusive(other)) if *other != owner => Lock::Exclusive,
            Some(State::Shared(owners)) if owners.iter().any(|o| *o != owner) => Lock::Shared,
            _ => Lock::Free,
        }
    }

    fn free(&mut self, node: Node, owner: Owner) {
        let gone = match self.0.get_mut(&node) {
            Some(State::Exclusive(holder)) => *holder == owner,
            Some(State::Shared(owners)) => {
                owners.remove(&owner);
                owners.is_empty()
            }
            None => false,
        };
        if gone {
            self.0.remove(&node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Node = Node { inode: 7, generation: 0 };
    const A: Owner = Owner { session: 1, object: 1 };
    const B: Owner = Owner { session: 2, object: 1 };

    #[test]
    fn many_share_or_one_has_it_alone() {
        let mut locks = Locks::default();
        assert_eq!(locks.set(FILE, A, Lock::Shared), Ok(()));
        assert_eq!(locks.set(FILE, B, Lock::Shared), Ok(()));
        assert_eq!(locks.set(FILE, A, Lock::Exclusive), Err(Error::InUse));
        assert_eq!(locks.check_write(FILE, A), Err(Error::InUse));
        assert_eq!(locks.set(FILE, B, Lock::Free), Ok(()));
        assert_eq!(locks.set(FILE, A, Lock::Exclusive), Ok(()), "the only one left may upgrade");
        assert_eq!(locks.set(FILE, B, Lock::Shared), Err(Error::InUse));
        assert_eq!(locks.set(FILE, A, Lock::Shared), Ok(()), "and downgrade");
        assert_eq!(locks.set(FILE, B, Lock::Free), Ok(()), "freeing what one has not is nothing");
        assert_eq!(locks.set(FILE, A, Lock::Free), Ok(()));
        assert!(locks.is_empty());
    }
}
