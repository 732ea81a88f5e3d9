//! The runtime of user processes.
#![no_std]
