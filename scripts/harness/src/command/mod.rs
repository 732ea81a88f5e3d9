//! The commands behind the scripts.

pub mod bench;
pub mod debug;
pub mod run;
pub mod test;
