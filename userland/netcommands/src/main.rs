//! stub
#![no_std]
#![no_main]
use http as _; use command as _; use readargs as _;
libsys::entry!(main);
fn main() {}
