//! Families of processes.

use protocol::Error;
use protocol::process::{Ended, Rights};
use supervise::table::{MAX_JOB, MAX_PROCESSES, New, Table, child_rights};

fn new(parent: u32) -> New {
    New { parent, name: "x".into(), level: 7, rights: Rights::empty(), service: None }
}

fn service(rights: Rights) -> New {
    New { service: Some(0), rights, ..new(0) }
}

/// A process that was made and not started.
fn make(table: &mut Table<()>, what: New) -> Result<u32, Error> {
    let number = table.reserve(what.parent)?;
    table.add(number, what, ()).map_err(|(error, ())| error)?;
    Ok(number)
}

fn add(table: &mut Table<()>, what: New) -> u32 {
    let number = make(table, what).unwrap();
    table.get_mut(number).unwrap().started = Some(1);
    number
}

#[test]
fn numbers_grow_and_are_never_used_again() {
    let mut table = Table::default();
    let first = add(&mut table, new(0));
    assert_eq!(first, 2, "init is 1");
    table.end(first, 0, 0);
    assert_eq!(add(&mut table, new(0)), 3);
    assert!(table.get(first).is_none());
    let given_up = table.reserve(0).unwrap();
    assert_eq!(table.reserve(0), Ok(given_up + 1), "a number that came to nothing is used up");
}

#[test]
fn the_parent_reaps_each_end_once_in_order() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let (a, b) = (add(&mut table, new(shell)), add(&mut table, new(shell)));
    assert_eq!(table.reap(shell), Err(Error::NoMoreEntries));
    table.end(b, 5, 0);
    table.end(a, 20, 1060);
    assert_eq!(table.count(), 3, "records count");
    assert_eq!(table.reap(shell), Ok(Ended { number: b, code: 5, reason: 0 }));
    assert_eq!(table.reap(shell), Ok(Ended { number: a, code: 20, reason: 1060 }));
    assert_eq!(table.reap(shell), Err(Error::NoMoreEntries));
    assert_eq!(table.count(), 1);
    assert!(table.end(a, 0, 0).is_none(), "over already");
}

#[test]
fn records_go_with_the_parent_and_children_lose_it() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let job = add(&mut table, new(shell));
    let (left, dead) = (add(&mut table, new(job)), add(&mut table, new(job)));
    table.end(dead, 0, 0);
    table.end(job, 0, 0);
    assert_eq!(table.get(left).unwrap().parent, 0);
    table.end(left, 0, 0);
    assert_eq!(table.reap(shell), Ok(Ended { number: job, code: 0, reason: 0 }));
    assert_eq!(table.count(), 1, "nobody asks for an orphan's end");
}

#[test]
fn what_never_started_leaves_no_record() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let child = make(&mut table, new(shell)).unwrap();
    table.end(child, 20, 0);
    assert_eq!(table.reap(shell), Err(Error::NoMoreEntries));
}

#[test]
fn signals_go_down_the_family_and_with_break_anywhere() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let boss = add(&mut table, service(Rights::BREAK));
    let watcher = add(&mut table, service(Rights::LIST));
    let child = add(&mut table, new(shell));
    let grandchild = add(&mut table, new(child));
    let sibling = add(&mut table, new(shell));
    for (from, to, expected) in [
        (shell, child, Ok(())),
        (shell, grandchild, Ok(())),
        (shell, shell, Ok(())),
        (child, grandchild, Ok(())),
        (boss, grandchild, Ok(())),
        (child, shell, Err(Error::NotFound)),
        (child, sibling, Err(Error::NotFound)),
        (shell, boss, Err(Error::NotFound)),
        (watcher, child, Err(Error::Denied)),
        (boss, 99, Err(Error::NotFound)),
        (99, child, Err(Error::NotFound)),
    ] {
        assert_eq!(table.may_signal(from, to), expected, "{from} to {to}");
    }
    assert!(table.may_see(watcher, child) && table.may_see(shell, grandchild) && !table.may_see(child, shell));
}

#[test]
fn a_job_has_at_most_a_quarter_of_the_table_however_deep_it_nests() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let job = add(&mut table, new(shell));
    let mut last = job;
    for i in 1..MAX_JOB {
        last = add(&mut table, new(if i % 2 == 0 { job } else { last }));
    }
    assert_eq!(make(&mut table, new(last)), Err(Error::Limit));
    assert_eq!(make(&mut table, new(job)), Err(Error::Limit));
    add(&mut table, new(shell));
    let parent = table.get(last).unwrap().parent;
    table.end(last, 0, 0);
    assert_eq!(make(&mut table, new(job)), Err(Error::Limit), "its record counts");
    table.reap(parent).unwrap();
    assert!(make(&mut table, new(job)).is_ok(), "there is room again");
}

#[test]
fn a_job_that_never_reaps_leaves_others_their_part() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let job = add(&mut table, new(shell));
    let started = (0..MAX_PROCESSES).take_while(|_| {
        let child = make(&mut table, new(job));
        child.is_ok_and(|child| {
            table.get_mut(child).unwrap().started = Some(1);
            table.end(child, 0, 0).is_some()
        })
    });
    assert_eq!(started.count(), MAX_JOB - 1);
    assert_eq!(make(&mut table, new(job)), Err(Error::Limit));
    assert!(table.reserve(0).is_ok(), "a server can be started again");
    table.reap(job).unwrap();
    assert!(make(&mut table, new(job)).is_ok());
}

#[test]
fn who_outlives_its_parent_stays_in_the_job() {
    let mut table = Table::default();
    let shell = add(&mut table, service(Rights::empty()));
    let job = add(&mut table, new(shell));
    let mut last = job;
    // Each starts two, one of which stays, and ends.
    for _ in 0..MAX_JOB - 2 {
        let next = add(&mut table, new(last));
        add(&mut table, new(last));
        table.end(last, 0, 0);
        last = next;
    }
    add(&mut table, new(last));
    assert_eq!(table.iter().filter(|process| process.job == Some(job)).count(), MAX_JOB, "its first is long over");
    assert_eq!(make(&mut table, new(last)), Err(Error::Limit));
    assert!(make(&mut table, new(shell)).is_ok());
}

#[test]
fn a_full_table_says_so() {
    let mut table = Table::default();
    for _ in 0..MAX_PROCESSES {
        add(&mut table, new(0));
    }
    assert_eq!(table.room(0), Err(Error::TableFull));
    assert_eq!(make(&mut table, new(0)), Err(Error::TableFull));
    table.end(2, 0, 0);
    assert_eq!(table.room(0), Ok(()));
}

#[test]
fn rights_only_shrink() {
    let all = Rights::all();
    assert_eq!(child_rights(all, all, Rights::LIST), Rights::LIST);
    assert_eq!(child_rights(Rights::LIST, all, all), Rights::LIST);
    assert_eq!(child_rights(all, Rights::empty(), all), Rights::empty());
    assert_eq!(child_rights(Rights::LIST | Rights::POWER, all, Rights::POWER | Rights::BREAK), Rights::POWER);
}

#[test]
fn random_families_never_lose_count() {
    let mut table = Table::default();
    let mut random = 42_u64;
    for step in 0..20_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let pick = (random >> 33) as u32;
        let live: Vec<u32> = table.iter().map(|p| p.number).collect();
        let one = live.get(pick as usize % live.len().max(1)).copied().unwrap_or(0);
        match random >> 61 {
            0..=2 => {
                let what = if pick.is_multiple_of(7) { service(Rights::empty()) } else { new(one) };
                if let Ok(number) = make(&mut table, what) {
                    table.get_mut(number).unwrap().started = Some(step);
                }
            }
            3..=5 => {
                table.end(one, pick, 0);
            }
            _ => {
                let _ = table.reap(one);
            }
        }
        assert!(table.count() <= MAX_PROCESSES);
        for p in table.iter() {
            assert!(p.parent == 0 || table.get(p.parent).is_some(), "an orphan's parent is 0");
        }
    }
}
