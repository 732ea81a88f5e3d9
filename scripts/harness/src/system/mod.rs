//! System tests: each is a user's story, told by the commands typed and what must be printed, run on both processors.
//!
//! Neighbours: [`story`] says what a story is, [`stories`] has the table, [`peer`] the programs on the host that a story
//! talks to, [`runner`] runs one.

pub mod certificates;
pub mod crowd;
pub mod peer;
pub mod runner;
pub mod stories;
pub mod story;
