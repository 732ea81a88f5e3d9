//! Clients that open services, servers that answer, and the times between.

use protocol::Error;
use supervise::opens::{Attention, HUNG, MAX_PER_CLIENT, Opens, PATIENCE, Wanted};

fn wanted(provider: usize, client: u32) -> Wanted {
    Wanted { provider, client, narrowings: vec![], protocol: "fs".into(), bindings: 1 }
}

#[test]
fn requests_are_taken_in_order_and_answered_by_whom_they_are_for() {
    let mut opens = Opens::default();
    let a = opens.add(wanted(1, 7), "a", 0).unwrap();
    let b = opens.add(wanted(2, 7), "b", 0).unwrap();
    let c = opens.add(wanted(1, 8), "c", 0).unwrap();
    assert_eq!(opens.take(1).unwrap().number, a);
    assert_eq!(opens.take(1).unwrap().number, c);
    assert!(opens.take(1).is_none());
    assert_eq!(opens.finish(2, a).unwrap_err(), Error::NotFound, "another's");
    assert_eq!(opens.finish(2, b).unwrap_err(), Error::NotFound, "not taken");
    assert_eq!(opens.finish(1, c).unwrap().token, "c");
    assert_eq!(opens.finish(1, c).unwrap_err(), Error::NotFound, "answered already");
    assert_eq!(opens.finish(1, a).unwrap().token, "a");
}

#[test]
fn what_a_dead_server_took_waits_for_its_next_instance() {
    let mut opens = Opens::default();
    let number = opens.add(wanted(1, 7), (), 0).unwrap();
    assert!(opens.take(1).is_some() && !opens.waiting(1));
    assert!(opens.release(1));
    assert!(opens.waiting(1));
    assert_eq!(opens.finish(1, number).unwrap_err(), Error::NotFound, "the new one has not taken it");
    assert_eq!(opens.take(1).unwrap().number, number);
    assert!(!opens.release(2));
}

#[test]
fn an_open_waits_five_seconds_wherever_it_stands() {
    let mut opens = Opens::default();
    opens.add(wanted(1, 7), "first", 100).unwrap();
    opens.add(wanted(1, 7), "second", 200).unwrap();
    assert_eq!(opens.deadline(), Some(100 + PATIENCE));
    opens.take(1);
    assert!(opens.expire(99 + PATIENCE).is_empty());
    assert_eq!(opens.expire(100 + PATIENCE), ["first"]);
    assert_eq!(opens.expire(200 + PATIENCE), ["second"]);
    assert_eq!(opens.deadline(), None);
}

#[test]
fn one_client_waits_for_at_most_eight() {
    let mut opens = Opens::default();
    for _ in 0..MAX_PER_CLIENT {
        opens.add(wanted(1, 7), (), 0).unwrap();
    }
    assert_eq!(opens.add(wanted(2, 7), (), 0).unwrap_err().0, Error::Limit);
    assert!(opens.add(wanted(2, 8), (), 0).is_ok());
    assert_eq!(opens.forget(7).len(), MAX_PER_CLIENT);
    assert!(opens.add(wanted(2, 7), (), 0).is_ok());
    assert_eq!((opens.abandon(2).len(), opens.provider_for(7)), (2, None));
}

#[test]
fn a_server_that_does_nothing_for_ten_seconds_is_hung() {
    let mut attention = Attention::default();
    assert!(!attention.hung(u64::MAX), "nobody asked it");
    attention.asked(5);
    attention.asked(1000);
    assert!(!attention.hung(4 + HUNG));
    assert!(attention.hung(5 + HUNG));
    attention.answered();
    assert!(!attention.hung(u64::MAX));
}
