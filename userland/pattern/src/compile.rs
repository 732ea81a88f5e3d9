//! Syntax tree to programs: one for the pattern, one for the operand of each `~`.

use alloc::vec::Vec;

use crate::fold;
use crate::parse::{Class, Node};

/// One step. Addresses are indices into the same program.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Takes any character.
    Any,
    /// Takes this (folded) character.
    Char(char),
    /// Takes a member.
    Class(Class),
    /// Goes on in both places.
    Split(usize, usize),
    Jump(usize),
    /// Takes any text that the program with this index does not match from here.
    Not(usize),
    /// The whole was matched.
    Match,
}

pub(crate) type Program = Vec<Step>;

/// The pattern's program comes first.
pub(crate) fn compile(node: &Node) -> Vec<Program> {
    let mut programs = Vec::new();
    add_program(node, &mut programs);
    programs
}

fn add_program(node: &Node, programs: &mut Vec<Program>) -> usize {
    let index = programs.len();
    programs.push(Program::new());
    let mut program = Program::new();
    emit(node, &mut program, programs);
    program.push(Step::Match);
    if let Some(place) = programs.get_mut(index) {
        *place = program;
    }
    index
}

fn emit(node: &Node, program: &mut Program, programs: &mut Vec<Program>) {
    match node {
        Node::Empty => {}
        Node::Any => program.push(Step::Any),
        Node::Char(c) => program.push(Step::Char(fold(*c))),
        Node::Class(class) => program.push(Step::Class(class.clone())),
        Node::Sequence(items) => items.iter().for_each(|item| emit(item, program, programs)),
        Node::Either(branches) => emit_either(branches, program, programs),
        Node::Repeat(inner) => {
            let split = program.len();
            program.push(Step::Jump(0));
            emit(inner, program, programs);
            program.push(Step::Jump(split));
            patch(program, split, Step::Split(split + 1, program.len()));
        }
        Node::Not(inner) => {
            let operand = add_program(inner, programs);
            program.push(Step::Not(operand));
        }
    }
}

fn emit_either(branches: &[Node], program: &mut Program, programs: &mut Vec<Program>) {
    let mut jumps = Vec::new();
    for (index, branch) in branches.iter().enumerate() {
        let split = program.len();
        let last = index + 1 == branches.len();
        if !last {
            program.push(Step::Jump(0));
        }
        emit(branch, program, programs);
        if !last {
            jumps.push(program.len());
            program.push(Step::Jump(0));
            patch(program, split, Step::Split(split + 1, program.len()));
        }
    }
    for at in jumps {
        patch(program, at, Step::Jump(program.len()));
    }
}

fn patch(program: &mut Program, at: usize, step: Step) {
    if let Some(place) = program.get_mut(at) {
        *place = step;
    }
}
