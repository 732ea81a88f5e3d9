//! Somebody at the keyboard of a terminal, with the host's shell in the guest's place.

use harness::guest::End;
use harness::interrupt::Interrupt;
use harness::system::typing::Step::{self, Prints, PrintsAll, Shows, Type, TypeAll};
use harness::system::typist::{Seen, perform};
use std::ffi::OsString;

fn play(script: &str, steps: &[Step]) -> Seen {
    // Who starts tests in the background of a shell has them ignore Ctrl-C, and what ignores it at its start can't catch it.
    let program = ["env", "--default-signal=INT", "sh", "-c", script].map(OsString::from);
    perform(&program, steps, &Interrupt::own()).unwrap()
}

#[test]
fn what_is_typed_arrives_and_what_is_printed_is_seen() {
    let seen =
        play("read a; echo got $a; exit 5", &[Type("some"), Shows("some"), Type("thing\r"), Prints("got something")]);
    assert_eq!((seen.end, seen.failure), (End::Code(5), None));
    assert!(seen.output.contains("got something"));
}

#[test]
fn it_is_the_terminal_that_control_c_goes_to() {
    let seen = play("trap 'echo stopped; exit 7' INT; echo on; sleep 60 & wait", &[Prints("on"), Type("\x03")]);
    assert_eq!((seen.end, seen.failure), (End::Code(7), None));
}

#[test]
fn many_lines_are_seen_in_order() {
    const STEPS: &[Step] = &[TypeAll(typed), PrintsAll(printed)];
    let seen = play("for i in 1 2 3; do read a; echo got $a; done", STEPS);
    assert_eq!((seen.end, seen.failure), (End::Code(0), None));
}

fn typed() -> String {
    "a\rb\rc\r".into()
}

fn printed() -> String {
    "got a\ngot b\ngot c\n".into()
}

#[test]
fn an_early_end_and_a_terminal_left_raw_are_told() {
    let seen = play("echo one", &[Prints("two")]);
    assert!(seen.failure.unwrap().contains("before \"two\" came"));
    let seen = play("stty raw -echo", &[]);
    assert_eq!(seen.failure.as_deref(), Some("the terminal is not restored"));
}

#[test]
fn an_interrupt_ends_the_program() {
    let stop = Interrupt::own();
    stop.raise();
    let program = ["sleep", "60"].map(OsString::from);
    let seen = perform(&program, &[Prints("never")], &stop).unwrap();
    assert_eq!(seen.end, End::Interrupted);
    assert!(seen.failure.is_some());
}
