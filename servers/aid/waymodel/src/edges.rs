//! What an op reads and writes: rule 17.
//!
//! A tensor goes from "not there" to "written" once; inputs, weights and states are there from the start. Who reads last
//! is kept for the plan (rule 20).

use crate::error::LoadError;
use crate::op::{self, Op};
use crate::tensors::{self, Role, Tensor};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// When a tensor is written and read, by the op's index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The op that writes it; `None` for inputs, weights and states.
    pub written: Option<u32>,
    /// The last op that reads it.
    pub last_read: Option<u32>,
}

/// Follows the graph in order.
pub(crate) struct Edges {
    lives: Vec<Life>,
}

impl Edges {
    pub fn new(tensors: usize) -> Self {
        Self { lives: vec![Life::default(); tensors] }
    }

    /// Rule 17 on op `index`.
    pub fn follow(&mut self, index: usize, op: &Op, tensors: &[Tensor], strings: &str) -> Result<(), LoadError> {
        self.step(index, op, tensors, strings)
            .map_err(|detail| LoadError::bad(17, index, op::place(index, op.name, strings), detail))
    }

    fn step(&mut self, index: usize, op: &Op, tensors: &[Tensor], strings: &str) -> Result<(), String> {
        let now = index as u32;
        for &id in op.inputs() {
            let (tensor, life) = self.find(id, tensors)?;
            let computed = matches!(tensor.role, Role::Output | Role::Temporary);
            if computed && life.written.is_none() {
                return Err(format!("\"{}\" is read before it is written", tensor.name.get(strings)));
            }
            life.last_read = Some(now);
        }
        for &id in op.outputs() {
            let (tensor, life) = self.find(id, tensors)?;
            let name = tensor.name.get(strings);
            if !matches!(tensor.role, Role::Output | Role::Temporary) {
                return Err(format!("\"{name}\" is written, but neither an output nor a temporary"));
            }
            if life.written.is_some() {
                return Err(format!("\"{name}\" is written twice"));
            }
            life.written = Some(now);
        }
        Ok(())
    }

    /// Rule 17 once all ops were followed: outputs and temporaries are written, temporaries read.
    pub fn finish(self, tensors: &[Tensor], strings: &str) -> Result<Vec<Life>, LoadError> {
        for (index, (tensor, life)) in tensors.iter().zip(&self.lives).enumerate() {
            let bad =
                |detail: &str| Err(LoadError::bad(17, index, tensors::place(index, tensor.name, strings), detail));
            if matches!(tensor.role, Role::Output | Role::Temporary) && life.written.is_none() {
                return bad("no op writes it");
            }
            if tensor.role == Role::Temporary && life.last_read.is_none() {
                return bad("no op reads it");
            }
        }
        Ok(self.lives)
    }

    fn find<'t>(&mut self, id: u32, tensors: &'t [Tensor]) -> Result<(&'t Tensor, &mut Life), String> {
        let tensor = tensors.get(id as usize).zip(self.lives.get_mut(id as usize));
        tensor.ok_or_else(|| format!("there is no tensor {id}"))
    }
}
