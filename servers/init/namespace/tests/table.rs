//! Names, bindings, narrowings.

use namespace::{Binding, MAX_BINDINGS, MAX_NAMES, MAX_NARROWINGS, MAX_TEXT, Table, Target};
use protocol::names::{Place, Source};
use protocol::{Error, Text};

fn target(service: &str, narrowings: &[&str]) -> Target {
    Target { service: service.into(), narrowings: narrowings.iter().map(|n| (*n).into()).collect() }
}

fn from(name: &str, narrowing: &str) -> Source {
    Source::Name { name: Text::cut(name), binding: 0, narrowing: Text::cut(narrowing) }
}

/// SYS and RAM of a file server, and the net.
fn table() -> Table {
    let mut table = Table::new();
    table.grant("SYS:", target("fs", &["SYS: r"])).unwrap();
    table.grant("RAM", target("fs", &["RAM: rw"])).unwrap();
    table.grant("net", target("net", &[])).unwrap();
    table
}

fn narrowings(table: &Table, name: &str, binding: u8) -> Vec<String> {
    match table.resolve(name, binding).unwrap().0 {
        Binding::Service(target) => target.narrowings.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_compare_without_case_and_colon() {
    let table = table();
    for name in ["SYS", "sys", "Sys:", "sYS"] {
        assert_eq!(narrowings(&table, name, 0), ["SYS: r"]);
    }
    for name in ["", ":", "a/b", "a\"b", "SYS::", "x\u{7}", "a name that is longer than thirty-two bytes"] {
        assert_eq!(table.resolve(name, 0), Err(Error::InvalidName), "{name:?}");
    }
    assert_eq!(table.resolve("nosuch", 0), Err(Error::NotFound));
    assert_eq!(table.resolve("SYS", 1), Err(Error::NotFound));
}

#[test]
fn an_assign_keeps_the_narrowings_it_is_made_from() {
    let mut table = table();
    table.bind("C", &from("sys:", "C"), Place::Replace).unwrap();
    table.bind("Mine", &from("c", "bin"), Place::Replace).unwrap();
    assert_eq!(narrowings(&table, "mine:", 0), ["SYS: r", "C", "bin"]);
    table.bind("Mine", &from("c", ""), Place::Replace).unwrap();
    assert_eq!(narrowings(&table, "mine:", 0), ["SYS: r", "C"], "an empty narrowing adds nothing");
}

#[test]
fn whatever_is_bound_narrowings_only_grow() {
    // Random binds over a few names: what a binding has is always an extension of one of the three it all began with.
    let mut table = table();
    let names = ["SYS", "RAM", "net", "a", "b", "c", "d"];
    let mut random = 7_u64;
    for _ in 0..5_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let pick = |shift: u32| names[(random >> shift) as usize % names.len()];
        let place = [Place::Replace, Place::First, Place::Last][(random >> 50) as usize % 3];
        let narrowing = ["", "x", "y r"][(random >> 55) as usize % 3];
        match random >> 61 {
            0..=4 => drop(table.bind(pick(10), &from(pick(20), narrowing), place)),
            5 => drop(table.narrow(pick(10), narrowing)),
            _ => drop(table.unbind(pick(10), Some((random >> 40) as u8 % 3))),
        }
        for name in names {
            for binding in 0..MAX_BINDINGS as u8 {
                let Ok((Binding::Service(target), _)) = table.resolve(name, binding) else { continue };
                let first = target.narrowings.first().map(String::as_str);
                match target.service.as_str() {
                    "fs" => assert!(matches!(first, Some("SYS: r" | "RAM: rw")), "{target:?}"),
                    "net" => assert!(first.is_none_or(|first| first != "SYS: r")),
                    other => panic!("{other}"),
                }
                assert!(target.narrowings.len() <= MAX_NARROWINGS);
            }
        }
    }
}

#[test]
fn a_multi_assign_keeps_its_order() {
    let mut table = table();
    table.bind("C", &from("sys", "C"), Place::Last).unwrap();
    table.bind("C", &from("ram", "C"), Place::First).unwrap();
    table.bind("C", &from("sys", "Tools"), Place::Last).unwrap();
    let order: Vec<Vec<String>> = (0..3).map(|i| narrowings(&table, "C", i)).collect();
    assert_eq!(order, [vec!["RAM: rw", "C"], vec!["SYS: r", "C"], vec!["SYS: r", "Tools"]]);
    assert_eq!(table.resolve("C", 0).unwrap().1, 3);
    table.unbind("c:", Some(1)).unwrap();
    assert_eq!(narrowings(&table, "C", 1), ["SYS: r", "Tools"]);
    assert_eq!(table.unbind("C", Some(2)), Err(Error::NotFound));
    table.unbind("C", None).unwrap();
    assert_eq!(table.unbind("C", None), Err(Error::NotFound));
}

#[test]
fn the_last_binding_takes_its_name_along() {
    let mut table = table();
    table.unbind("net", Some(0)).unwrap();
    assert_eq!(table.resolve("net", 0), Err(Error::NotFound));
    assert_eq!(table.len(), 2);
}

#[test]
fn bounds_hold_and_a_refusal_changes_nothing() {
    let mut table = table();
    for i in 0..MAX_BINDINGS {
        table.bind("many", &from("sys", &format!("{i}")), Place::Last).unwrap();
    }
    let before = table.clone();
    assert_eq!(table.bind("many", &from("sys", "x"), Place::First), Err(Error::Limit));
    assert_eq!(table, before);
    for i in table.len()..MAX_NAMES {
        table.bind(&format!("n{i}"), &from("net", ""), Place::Last).unwrap();
    }
    let before = table.clone();
    assert_eq!(table.bind("one more", &from("net", ""), Place::Last), Err(Error::Limit));
    assert_eq!(table, before);
    table.narrow("net", "a").unwrap();
    for n in ["b", "c", "d"] {
        table.narrow("net", n).unwrap();
    }
    let before = table.clone();
    assert_eq!(table.narrow("net", "e"), Err(Error::Limit));
    assert_eq!(table, before);
}

#[test]
fn all_texts_together_are_bounded() {
    let mut table = table();
    let long = "x".repeat(128);
    let mut refused = false;
    'fill: for name in 0..60 {
        for _ in 0..MAX_BINDINGS {
            if table.bind(&format!("n{name}"), &from("sys", &long), Place::Last).is_err() {
                refused = true;
                break 'fill;
            }
        }
    }
    assert!(refused);
    let bytes: usize = (0..60)
        .flat_map(|name| (0..8).map(move |b| (name, b)))
        .filter_map(|(name, b)| table.resolve(&format!("n{name}"), b).ok().map(|(binding, _)| binding.clone()))
        .map(|binding| match binding {
            Binding::Service(target) => target.narrowings.iter().map(String::len).sum(),
            _ => 0,
        })
        .sum();
    assert!(bytes <= MAX_TEXT && bytes > MAX_TEXT - 256, "{bytes}");
}

#[test]
fn texts_are_no_services() {
    let mut table = table();
    table.bind("later", &Source::Defer(Text::cut("SYS:later")), Place::Last).unwrap();
    table.bind("always", &Source::Path(Text::cut("RAM:p")), Place::Last).unwrap();
    assert_eq!(table.bind("x", &from("later", "deeper"), Place::Last), Err(Error::WrongType));
    assert_eq!(table.narrow("always", "r"), Err(Error::WrongType));
    assert!(matches!(table.resolve("later", 0), Ok((Binding::Defer(_), 1))));
}

#[test]
fn a_copy_is_independent() {
    let mut one = table();
    let copy = one.clone();
    one.unbind("SYS", None).unwrap();
    assert!(copy.resolve("SYS", 0).is_ok());
    assert_ne!(one, copy);
}

#[test]
fn lists_are_alphabetical_and_come_in_parts() {
    let mut table = table();
    table.bind("Assign", &from("sys", "a dir"), Place::Last).unwrap();
    table.bind("zoo", &from("sys", ""), Place::Last).unwrap();
    let names = |skip| table.list(skip).iter().map(|e| e.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(0), ["Assign", "net", "RAM", "SYS"]);
    assert_eq!(names(4), ["zoo"]);
    assert!(names(5).is_empty() && names(usize::MAX).is_empty());
    let one = table.look("assign:").unwrap();
    let shown = format!("{:?}", one.bindings.first().unwrap());
    assert!(shown.contains("SYS: r / a dir"), "{shown}");
}
