//! Frames, typed slabs and names of kernel objects.
#![no_std]
