//! The `.waymodel` format, version 2: reader, checker and writer.
//!
//! A file is a page with header and section table, then sections, each on a page boundary. All of it is covered by one
//! BLAKE3 root, which names the model. [`Model::load`] checks a file by 25 numbered rules, in order, and stops at the first
//! one that fails; after that nothing about the model has to be doubted again: every name lies in the string table, every
//! shape follows from its inputs, and no two live tensors share memory.
//!
//! ```text
//! bytes --[1-6 frame]--[7-9 hashes, signature]--[10-14 manifest, strings, tensors, data]--[15-19 op by op]--+
//!                                                                                                           |
//! Model <--[25 tests]--[22-24 ports, tokenizer, grammar]--[20, 21 plan and totals]---------------------------+
//! ```
//!
//! Rules of this crate: no I/O, no `unsafe`, arithmetic on what a file says is checked, and nothing is allocated before its
//! count is bounded. Neighbours: `tensor` runs a loaded model, `mkmodel` makes files with [`write::Builder`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
mod digest;
mod edges;
mod error;
pub mod format;
mod frame;
mod grammar;
pub mod manifest;
mod model;
pub mod op;
pub mod p16;
pub mod pgm;
pub mod plan;
mod ports;
pub mod samples;
pub mod shape;
mod signature;
mod strings;
pub mod tensors;
mod testcase;
mod text;
mod tokenizer;
mod types;
pub mod write;

pub use error::{ErrorKind, LoadError};
pub use manifest::{Kind, Manifest};
pub use model::{Limits, Model, Totals};
pub use op::{Op, Opcode};
pub use shape::{Dim, Shape};
pub use tensors::{DType, Layout, Role, Tensor};
pub use testcase::{TestCase, Tests};
