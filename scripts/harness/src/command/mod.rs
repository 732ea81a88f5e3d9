//! The commands behind the scripts.

pub mod bench;
pub mod debug;
pub mod image;
pub mod run;
pub mod test;
