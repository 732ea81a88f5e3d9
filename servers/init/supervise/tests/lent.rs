//! Sessions that come and go, and those that are taken back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use supervise::lent::{Lent, MAX_LENT};

#[test]
fn sessions_that_are_over_are_not_kept() {
    let mut lent = Lent::default();
    for number in 0..10_000 {
        assert!(lent.room(|_| true), "none of them is open any more");
        lent.add("fsd", number);
        assert!(lent.len() <= 4, "{} are kept", lent.len());
    }
}

#[test]
fn what_is_open_can_be_taken_back_whatever_was_opened_before() {
    let open = RefCell::new(BTreeSet::new());
    let mut lent = Lent::default();
    for number in 0..10_000 {
        assert!(lent.room(|number| !open.borrow().contains(number)));
        lent.add(if number % 2 == 0 { "fsd" } else { "netd" }, number);
        open.borrow_mut().insert(number);
        // Twenty at a time.
        open.borrow_mut().remove(&(number - 20));
        assert!(lent.len() <= 42, "{} are kept", lent.len());
    }
    let back: BTreeSet<i32> = lent.take("netd").into_iter().collect();
    assert!(open.borrow().iter().filter(|number| *number % 2 != 0).all(|number| back.contains(number)));
    assert!(back.iter().all(|number| number % 2 != 0), "none of another service");
    assert!(lent.take("netd").is_empty() && !lent.is_empty());
}

#[test]
fn more_than_the_most_are_kept_again_when_some_are_over() {
    let full = Cell::new(true);
    let mut lent = Lent::default();
    for number in 0..MAX_LENT {
        assert!(lent.room(|_| false));
        lent.add("fsd", number);
    }
    assert!(!lent.room(|number| !full.get() && number % 2 == 0));
    full.set(false);
    assert!(lent.room(|number| !full.get() && number % 2 == 0));
    assert_eq!(lent.len(), MAX_LENT / 2);
}

#[test]
fn each_opening_looks_at_few() {
    let looked = Cell::new(0);
    let open = RefCell::new(BTreeSet::new());
    let mut lent = Lent::default();
    for number in 0..1_000 {
        lent.room(|number| {
            looked.set(looked.get() + 1);
            !open.borrow().contains(number)
        });
        lent.add("fsd", number);
        open.borrow_mut().insert(number);
        open.borrow_mut().remove(&(number - 30));
    }
    assert!(looked.get() <= 3 * 1_000, "{} looks at a thousand openings", looked.get());
}
