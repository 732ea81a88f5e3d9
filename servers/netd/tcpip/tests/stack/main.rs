//! Scenarios of the whole stack: a frame or a call, and the frames and events after it.

#[path = "../common/mod.rs"]
mod common;

mod arp;
mod dhcp;
mod dns;
mod ip;
mod link;
mod tcp;
mod udp;
