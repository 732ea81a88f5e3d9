//! System tests: each is a user's story, told by the commands given and what must be printed, run on both processors.
//!
//! Neighbours: [`story`] says what a story is, [`stories`] has the table, [`peer`] and [`crowd`] the programs on the host
//! that a story talks to ([`output`] reads what one says), [`runner`] runs one. A story of [`typed`] is told at the terminal
//! instead of by a script: its steps ([`typing`]) are done by a [`typist`], who looks at a [`screen`]. [`halted`], [`audit`]
//! and [`place`] are told by a [`debugger`], [`boots`] compares what several boots tell, [`gdb`] is the one that people use; [`roomy`] boots with another
//! device tree; [`shipped`] looks at what was built.

pub mod audit;
pub mod boots;
pub mod certificates;
pub mod crowd;
pub mod debugger;
pub mod gdb;
pub mod halted;
pub mod output;
pub mod peer;
pub mod place;
pub mod roomy;
pub mod runner;
pub mod screen;
pub mod shipped;
pub mod stories;
pub mod story;
pub mod typed;
pub mod typing;
pub mod typist;
