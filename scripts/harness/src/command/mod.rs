//! The commands behind the scripts.

pub mod run;
