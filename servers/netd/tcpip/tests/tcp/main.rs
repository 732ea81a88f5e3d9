//! Stories about one connection: a state, a segment or a call, and the whole state after it.

mod close;
mod data;
mod every_state;
mod handshake;
mod loss;
mod options;
mod tcb;
mod timers;
mod window;
